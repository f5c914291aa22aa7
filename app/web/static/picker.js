// Candidates chosen on a picture of the lattice: a press takes a group in or out.

import { el, svg } from "./dom.js";
import { groupName, groupParts } from "./format.js";

const NODE = { width: 84, height: 44, gapX: 14, gapY: 34 };
const SMALLEST = 0.6; // of the natural size; below it is scrolled

const LABELS = {
  trivial: "labels stay put",
  sign: "labels change sign",
  swap: "two classes are exchanged",
  vector: "labels turn with the samples",
  permutation: "classes are permuted: find out how",
  auto: "find out how labels move",
};
const STANDING = { chosen: "chosen", along: "comes along", out: "left out" };

function nodeBox(item, x, y, standing, toggle) {
  const { letter, index } = groupParts(item.name);
  const about = [item.title, item.interpolated ? "moves images by interpolation" : null, STANDING[standing]].filter(Boolean).join(", ");
  const press = (event) => {
    if (event.type === "keydown" && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    toggle(item.name);
  };
  return svg(
    "g",
    { class: `pick pick-${standing}`, role: "checkbox", tabindex: 0, "aria-checked": standing === "chosen" ? "true" : standing === "along" ? "mixed" : "false", "aria-label": `${item.name}: ${about}`, "data-group": item.name, "data-key": item.name, onclick: press, onkeydown: press },
    svg("title", {}, `${item.name}: ${about}`),
    svg("rect", { x: x - NODE.width / 2, y: y - NODE.height / 2, width: NODE.width, height: NODE.height, rx: 9 }),
    svg("text", { x, y: y + 6, class: "node-name", "text-anchor": "middle" }, svg("tspan", {}, letter), index ? svg("tspan", { class: "node-index", dy: 5 }, index) : null),
    standing === "chosen" ? svg("path", { class: "tick", d: `M${x + NODE.width / 2 - 17} ${y - NODE.height / 2 + 10}l3.5 3.5 6-7` }) : null,
  );
}

// offered: as GET /v1/datasets/{id}/groups gives it; standing: of a group by its name; toggle: called with a name.
export function picture({ items, covers }, standing, toggle) {
  if (!items.length) return el("p", { class: "quiet" }, "For samples this long, name the groups in JSON, with the coordinates they act on.");
  const wide = 1 + 2 * Math.max(...items.map((item) => Math.abs(item.place)));
  const rows = 1 + Math.max(...items.map((item) => item.row));
  const stepX = NODE.width + NODE.gapX;
  const stepY = NODE.height + NODE.gapY;
  const width = wide * stepX;
  const height = rows * stepY - NODE.gapY + 8;
  const at = (item) => ({ x: width / 2 + item.place * stepX, y: height - 4 - NODE.height / 2 - item.row * stepY });
  const lines = covers.map(([lower, upper]) => {
    const [from, to] = [at(items[lower]), at(items[upper])];
    return svg("line", { x1: from.x, y1: from.y - NODE.height / 2, x2: to.x, y2: to.y + NODE.height / 2, class: "cover" });
  });
  const boxes = items.map((item) => nodeBox(item, at(item).x, at(item).y, standing(item.name), toggle));
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "lattice", role: "group", "aria-label": "Groups on offer, larger ones above; a line joins a group to the next smaller one in it" }, lines, boxes);
  drawn.style.minWidth = `${SMALLEST * width}px`;
  return el("div", { class: "lattice-frame", tabindex: "0", "data-key": "frame", role: "region", "aria-label": "Picture of the groups" }, drawn);
}

export function pictureLegend() {
  const one = (standing, text) => el("span", { class: `pick-key pick-key-${standing}` }, text);
  return el("p", { class: "quiet pick-legend" }, one("chosen", "chosen"), one("along", "comes along, as a subgroup or to compare with"), one("out", "left out"));
}

// The chosen groups with their label actions. chosen: Map from name to label action; changed: called after a change of
// an action; leave: called with the name of a group to leave out.
export function chosenList(items, chosen, changed, leave) {
  const known = new Map(items.map((item) => [item.name, item]));
  const rows = [...chosen].map(([name, labels], index) => {
    const offered = known.get(name)?.labels ?? ["trivial"];
    const select = el(
      "select",
      { id: `labels-${index}`, "data-key": name, "aria-label": `How ${name} moves the labels` },
      offered.map((action) => el("option", { value: action, selected: action === labels }, LABELS[action] ?? action)),
    );
    select.addEventListener("change", () => {
      chosen.set(name, select.value);
      changed();
    });
    const out = el("button", { type: "button", class: "plain", "data-key": `out ${name}`, "aria-label": `Leave ${name} out`, onclick: () => leave(name) }, "✕");
    return el("li", {}, groupName(name), el("span", { class: "quiet words-cell" }, known.get(name)?.title ?? ""), select, out);
  });
  return el("ul", { class: "picked", "aria-label": "Chosen groups" }, rows);
}
