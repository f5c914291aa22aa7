// A list that the API gives page by page: a table with a button for what comes next.

import { explain, request } from "./api.js";
import { el, notice, show } from "./dom.js";

export const cell = (label, ...children) => el("td", { "data-label": label }, ...children);
export const wordsCell = (label, ...children) => el("td", { "data-label": label, class: "words-cell" }, ...children);

// frame: where it stands; name: of the table; headings: of its columns, words or terms; row: from an item to a table row; empty: what
// stands there without items; what: plural of the items. Returns {load}: load(address) shows that list from its start.
export function listing({ frame, name, headings, row, empty, what, limit = 25 }) {
  const body = el("tbody");
  const table = el("table", { class: "cards", "aria-label": name }, el("thead", {}, el("tr", {}, headings.map((heading) => el("th", { scope: "col" }, heading)))), body);
  const more = el("button", { type: "button", class: "more", onclick: () => next() }, "Show more");
  const told = el("p", { class: "quiet told", role: "status" });
  const failed = el("div", { role: "alert" });
  const nothing = el("div", { class: "empty" });
  let address = "";
  let cursor = null;
  let turn = 0;
  let shown = 0;

  show(table, false);
  show(more, false);
  show(nothing, false);
  frame.replaceChildren(failed, table, nothing, el("div", { class: "list-foot" }, told, more));

  async function fetchPage(mine) {
    const parameters = new URLSearchParams(address.split("?")[1]);
    parameters.set("limit", limit);
    if (cursor) parameters.set("cursor", cursor);
    const page = await request(`${address.split("?")[0]}?${parameters}`);
    if (mine !== turn) return null; // another list was asked for meanwhile
    cursor = page.next_cursor;
    return page.items;
  }

  function settle() {
    show(table, shown > 0);
    show(nothing, shown === 0);
    show(more, Boolean(cursor));
    told.textContent = shown ? `${shown} ${what}${cursor ? " shown, there are more" : ""}` : "";
  }

  async function guarded(work) {
    try {
      await work();
      notice(failed, "");
    } catch (error) {
      notice(failed, explain(error));
    }
  }

  const load = (from) =>
    guarded(async () => {
      address = from;
      cursor = null;
      const items = await fetchPage(++turn);
      if (items === null) return;
      body.replaceChildren(...items.map(row));
      shown = items.length;
      nothing.replaceChildren(...[typeof empty === "function" ? empty() : empty].flat());
      settle();
    });

  const next = () =>
    guarded(async () => {
      more.disabled = true;
      try {
        const items = await fetchPage(turn);
        if (items === null) return;
        const rows = items.map(row);
        body.append(...rows);
        shown += items.length;
        settle();
        rows[0]?.querySelector("a, button")?.focus({ preventScroll: true });
      } finally {
        more.disabled = false;
      }
    });

  return { load };
}
