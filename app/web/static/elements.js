// The evidence on each element class: its defect with interval, drawn against the tolerance.

import { el, svg } from "./dom.js";
import { fixed, groupName, interval, number } from "./format.js";

const CHART = { width: 300, height: 34, pad: 8 };

// One scale for all rows. It is linear up to about the tolerance and logarithmic beyond, so that a defect of 0.01 and
// one of 10 can both be read.
function scaleOf(items, tolerance) {
  const bend = (value) => Math.asinh(value / tolerance);
  const bounds = items.flatMap(({ defect }) => (defect ? [defect.low, defect.value, defect.high] : [])).filter(Number.isFinite);
  const most = bend(Math.max(...bounds, tolerance * 4));
  const least = Math.min(bend(Math.max(Math.min(...bounds, 0), -10 * tolerance)), -0.04 * most);
  const inner = CHART.width - 2 * CHART.pad;
  return { most: Math.sinh(most) * tolerance, x: (value) => CHART.pad + ((Math.max(bend(value), least) - least) / (most - least)) * inner };
}

function standing(defect, tolerance) {
  if (!defect || !Number.isFinite(defect.value)) return "none";
  if (defect.high <= tolerance) return "within";
  return defect.low > tolerance ? "beyond" : "open";
}

function chart(item, scale, tolerance) {
  const { defect } = item;
  if (!defect || !Number.isFinite(defect.value)) return el("span", { class: "quiet" }, "not measured");
  const middle = CHART.height / 2;
  const low = Number.isFinite(defect.low) ? defect.low : defect.value;
  const high = Number.isFinite(defect.high) ? defect.high : defect.value;
  const label = `defect ${fixed(defect.value)}, interval ${fixed(low)} to ${fixed(high)}, tolerance ${tolerance}`;
  return svg(
    "svg",
    { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: `defect d-${standing(defect, tolerance)}`, role: "img", "aria-label": label },
    svg("title", {}, label),
    svg("rect", { class: "allowed", x: scale.x(0), y: 3, width: Math.max(scale.x(tolerance) - scale.x(0), 1), height: CHART.height - 6 }),
    svg("line", { class: "zero", x1: scale.x(0), x2: scale.x(0), y1: 3, y2: CHART.height - 3 }),
    svg("line", { class: "tolerance", x1: scale.x(tolerance), x2: scale.x(tolerance), y1: 0, y2: CHART.height }),
    svg("line", { class: "whisker", x1: scale.x(low), x2: scale.x(high), y1: middle, y2: middle }),
    svg("circle", { class: "estimate", cx: scale.x(defect.value), cy: middle, r: 4.5 }),
  );
}

const SUPPORT = {
  shown: "yes",
  not_shown: "no",
  unclear: "unclear",
};

const cell = (label, ...children) => el("td", { "data-label": label }, ...children);

// The axis above the charts: zero, the tolerance, and round values that have room.
function axis(scale, tolerance) {
  const marks = [0, tolerance];
  for (const value of [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]) {
    if (value <= scale.most && scale.x(value) - scale.x(marks.at(-1)) > 26) marks.push(value);
  }
  return svg(
    "svg",
    { viewBox: `0 0 ${CHART.width} 16`, class: "axis", "aria-hidden": "true" },
    marks.map((value) => svg("text", { x: scale.x(value), y: 12, "text-anchor": "middle" }, value)),
  );
}

// A table of element classes. items: as GET /v1/searches/{id}/elements gives them; groupOf: name of a node -> its group.
export function elementsTable(items, tolerance, groupOf) {
  const scale = scaleOf(items, tolerance);
  const rows = items.map((item) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, item.title ?? item.element),
      cell("Defect", el("div", { class: "defect-cell" }, chart(item, scale, tolerance), el("span", { class: "numbers" }, fixed(item.defect?.value), el("small", {}, interval(item.defect))))),
      cell("p (all elements)", item.p_holm === 0 ? "<\u00a010⁻³⁰⁰" : number(item.p_holm)),
      cell("log₁₀ Bayes factor", fixed(item.log10_bayes_factor, 1)),
      cell("Poses in the data", item.support ? SUPPORT[item.support.status] ?? item.support.status : "–"),
      cell("In groups", el("span", { class: "groups" }, [...new Set((item.in_groups ?? []).map(groupOf))].map((name) => groupName(name)))),
    ),
  );
  return el(
    "table",
    { class: "cards" },
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        ["Element", ["Defect and its interval", el("div", { class: "defect-cell" }, axis(scale, tolerance), el("span", { class: "numbers" }))], "p (all elements)", "log₁₀ Bayes factor", "Poses in the data", "In groups"].map((head) =>
          el("th", { scope: "col" }, head),
        ),
      ),
    ),
    el("tbody", {}, rows),
  );
}
