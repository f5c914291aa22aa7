// What every page has around it: the header with the way to the other pages, and the switch between light and dark;
// and what its terms mean.

import { byId, el, svg } from "./dom.js";
import { installGlossary } from "./glossary.js";

const PAGES = [
  ["/", "Overview"],
  ["/datasets", "Data sets"],
  ["/searches", "Searches"],
  ["/rankings", "Rankings"],
  ["/docs", "API"],
  ["/documentation/", "Docs"],
];
const THEMES = { system: "as the system", light: "light", dark: "dark" };
const STORE = "erlangen.theme";

// The page that an address belongs to: a search stands under the searches.
const stands = (href) => (href === "/" ? location.pathname === "/" : `${location.pathname}/`.startsWith(`${href.replace(/\/$/, "")}/`));

function remember(theme) {
  try {
    if (theme === "system") localStorage.removeItem(STORE);
    else localStorage.setItem(STORE, theme);
  } catch {
    // The choice holds for this page only.
  }
}

function chosen() {
  return document.documentElement.dataset.theme ?? "system";
}

function sign(theme) {
  const drawn = {
    light: [svg("circle", { cx: 8, cy: 8, r: 3.2 }), svg("path", { d: "M8 .8v2M8 13.2v2M.8 8h2M13.2 8h2M2.9 2.9l1.4 1.4M11.7 11.7l1.4 1.4M2.9 13.1l1.4-1.4M11.7 4.3l1.4-1.4" })],
    dark: [svg("path", { d: "M13.4 10A6 6 0 0 1 6 2.6a6 6 0 1 0 7.4 7.4z" })],
    system: [svg("circle", { cx: 8, cy: 8, r: 6 }), svg("path", { class: "half", d: "M8 2a6 6 0 0 1 0 12z" })],
  };
  return svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, class: "sign", "aria-hidden": "true" }, drawn[theme]);
}

function themeSwitch() {
  const button = el("button", { type: "button", class: "theme" });
  const draw = () => {
    const theme = chosen();
    button.replaceChildren(sign(theme));
    button.setAttribute("aria-label", `Colours: ${THEMES[theme]}`);
    button.title = `Colours: ${THEMES[theme]}. Press to change.`;
  };
  button.addEventListener("click", () => {
    const order = Object.keys(THEMES);
    const next = order[(order.indexOf(chosen()) + 1) % order.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    remember(next);
    draw();
  });
  draw();
  return button;
}

byId("top").replaceChildren(
  el("a", { class: "brand", href: "/" }, el("img", { src: "/static/icon.svg", alt: "", width: 28, height: 28 }), "Erlangen"),
  el(
    "nav",
    { "aria-label": "Main" },
    PAGES.map(([href, name]) => el("a", { href, "aria-current": stands(href) ? "page" : null }, name)),
  ),
  el("div", { class: "tools" }, el("a", { class: "button", href: "/new", "aria-current": stands("/new") ? "page" : null }, "New search"), themeSwitch()),
);
installGlossary();
