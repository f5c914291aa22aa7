// What the data itself shows: whether each pose is there, and which of the three laws is symmetric.

import { el, unfold } from "./dom.js";
import { fixed, number } from "./format.js";
import { figure, term } from "./glossary.js";
import { grid } from "./grid.js";

const STATUS = { shown: "shown", not_shown: "never shown", unclear: "unclear" };
const SIGNS = { symmetric: "✓", broken: "✕", "cannot be said": "○", shown: "✓", not_shown: "○", unclear: "?" };
const CLASS = { symmetric: "d-within", broken: "d-beyond", "cannot be said": "d-unseen", shown: "d-within", not_shown: "d-unseen", unclear: "d-open" };
const FIRST = 30;

const cell = (label, ...children) => el("td", { "data-label": label }, ...children);

function state(key, value, small) {
  if (!value) return "–";
  return el("span", { class: `law ${CLASS[value] ?? ""}` }, el("span", { "aria-hidden": "true" }, SIGNS[value] ?? ""), " ", figure(key, STATUS[value] ?? value), small ? el("small", {}, ` ${small}`) : null);
}

const p = (value) => (typeof value === "number" ? `p ${number(value, 2)}` : null);

function row(item) {
  const { laws, support } = item;
  const pose = laws?.pose_predicts_label;
  return el(
    "tr",
    { "data-key": item.element },
    el("th", { scope: "row" }, item.title ?? item.element),
    cell("Poses in the data", state("support", support?.status, p(support?.p_value))),
    cell("p(x)", state("law_x", laws?.marginal.status, p(laws?.marginal.p_holm))),
    cell("p(x, y)", state("law_joint", laws?.joint.status, p(laws?.joint.p_holm))),
    cell("p(y | x)", state("law_label", laws?.conditional)),
    cell("Pose tells the label", typeof pose?.bits === "number" ? el("span", {}, figure("pose", `${fixed(pose.bits, 2)} bits`), el("small", {}, ` ${p(pose.p_value) ?? ""}`)) : "–"),
  );
}

function sentence(items) {
  const known = items.filter(({ support }) => support?.status);
  const unseen = known.filter(({ support }) => support.status === "not_shown");
  if (!known.length) return "Whether the data shows the moved poses was not measured.";
  if (!unseen.length) return "The data shows the poses of every element that was tested.";
  const names = unseen.slice(0, 4).map(({ title, element }) => title ?? element);
  return `The data never shows ${unseen.length === known.length ? "any of the moved poses" : `the poses of ${unseen.length} of ${known.length} elements: ${names.join(", ")}${unseen.length > 4 ? " and more" : ""}`}. Of these nothing can be said.`;
}

function copies(duplicates) {
  if (!duplicates || !(duplicates.equal || duplicates.near || duplicates.moved)) return null;
  return el("p", {}, `Copies: ${duplicates.equal} samples are equal to another one, ${duplicates.near} almost equal, ${duplicates.moved} almost a moved copy. ${duplicates.chained ? "They are too many to be kept in one fold." : "Copies were kept in one fold."}`);
}

// items: as /elements gives them; duplicates: of /evidence.
export function lawsPanel(items, duplicates) {
  if (!items.length) return [el("p", { class: "quiet" }, "No element was tested.")];
  const body = el("tbody");
  const more = unfold(body, items.map(row), FIRST);
  const heads = ["Element", term("support"), term("law_x"), term("law_joint"), term("law_label"), term("pose")];
  return [
    el("p", {}, sentence(items)),
    copies(duplicates),
    el("div", { class: "scroll" }, grid(el("table", { class: "cards" }, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), body), "What the data shows of each element")),
    more,
  ];
}
