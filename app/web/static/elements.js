// The evidence on each element class as a table: its defect with interval, drawn against the tolerance.

import { el, svg, unfold } from "./dom.js";
import { fixed, interval, number } from "./format.js";
import { figure, term } from "./glossary.js";
import { grid } from "./grid.js";
import { STANDINGS, bentScale, bentTicks, mark, standing } from "./standing.js";

const CHART = { width: 300, height: 30, pad: 8 };
const FIRST = 30; // rows that are drawn at once
const NAMED = 6; // groups that are named in a row
const SUPPORT = { shown: "yes", not_shown: "no", unclear: "unclear" };

const cell = (label, ...children) => el("td", { "data-label": label }, ...children);

function placed(scale) {
  return (value) => CHART.pad + scale.share(value) * (CHART.width - 2 * CHART.pad);
}

function chart(item, scale, tolerance) {
  const { defect } = item;
  if (!defect || !Number.isFinite(defect.value)) return el("span", { class: "quiet" }, "not measured");
  const x = placed(scale);
  const middle = CHART.height / 2;
  const low = Number.isFinite(defect.low) ? defect.low : defect.value;
  const high = Number.isFinite(defect.high) ? defect.high : defect.value;
  const kind = standing(item, tolerance);
  const bound = Number.isFinite(defect.bound) ? `, at most ${fixed(defect.bound)} with all elements at once` : "";
  const label = `defect ${fixed(defect.value)}, interval ${fixed(low)} to ${fixed(high)}${bound}, tolerance ${tolerance}: ${STANDINGS[kind]}`;
  return svg(
    "svg",
    { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: `defect d-${kind}`, role: "img", "aria-label": label },
    svg("title", {}, label),
    svg("rect", { class: "allowed", x: x(0), y: 3, width: Math.max(x(tolerance) - x(0), 1), height: CHART.height - 6 }),
    svg("line", { class: "zero", x1: x(0), x2: x(0), y1: 3, y2: CHART.height - 3 }),
    svg("line", { class: "tolerance", x1: x(tolerance), x2: x(tolerance), y1: 0, y2: CHART.height }),
    bound ? svg("path", { class: "bound", d: `M${x(high)} ${middle}H${x(defect.bound)}M${x(defect.bound)} ${middle - 4}v8` }) : null,
    svg("line", { class: "whisker", x1: x(low), x2: x(high), y1: middle, y2: middle }),
    mark(kind, x(defect.value), middle, 5),
  );
}

function axis(scale, tolerance) {
  const x = placed(scale);
  return svg(
    "svg",
    { viewBox: `0 0 ${CHART.width} 16`, class: "axis", "aria-hidden": "true" },
    bentTicks(scale, tolerance, 0.095).map((value) => svg("text", { x: x(value), y: 12, "text-anchor": "middle" }, value)),
  );
}

function row(item, scale, tolerance, named) {
  const inside = item.in_groups ?? [];
  return el(
    "tr",
    { "data-key": item.element },
    el("th", { scope: "row" }, item.title ?? item.element),
    cell("Defect", el("div", { class: "defect-cell" }, chart(item, scale, tolerance), el("span", { class: "numbers" }, figure("defect", fixed(item.defect?.value)), el("small", { "data-term": "interval" }, interval(item.defect))))),
    cell("p, adjusted", figure("p_adjusted", item.p_holm === 0 ? "<\u00a010⁻³⁰⁰" : number(item.p_holm))),
    cell("log₁₀ Bayes factor", figure("bayes", fixed(item.log10_bayes_factor, 1))),
    cell("Poses in the data", figure("support", item.support ? SUPPORT[item.support.status] ?? item.support.status : "–")),
    cell("In groups", el("span", { class: "groups", "data-term": "in_groups" }, inside.slice(0, NAMED).map((name) => el("span", {}, named(name))), inside.length > NAMED ? el("small", {}, `and ${inside.length - NAMED} more`) : null)),
  );
}

// items: as GET /v1/searches/{id}/elements gives them; named: name of a node -> how it is shown. Returns {root, mark(names)}:
// the rows of the named elements are marked.
export function elementsTable(items, tolerance, named) {
  const scale = bentScale(items.flatMap(({ defect }) => (defect ? [defect.low, defect.value, defect.high, defect.bound] : [])), tolerance);
  const rows = items.map((item) => row(item, scale, tolerance, named));
  const body = el("tbody");
  const more = unfold(body, rows, FIRST);
  const heads = ["Element", [term("defect", "Defect and its interval"), el("div", { class: "defect-cell" }, axis(scale, tolerance), el("span", { class: "numbers" }))], term("p_adjusted"), term("bayes", "log₁₀ Bayes factor"), term("support"), term("in_groups")];
  const root = el(
    "div",
    {},
    el("div", { class: "scroll" }, grid(el("table", { class: "cards" }, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), body), "What each element costs")),
    more,
  );
  return {
    root,
    mark(names) {
      for (const one of rows) one.classList.toggle("inside", names.has(one.dataset.key));
    },
  };
}
