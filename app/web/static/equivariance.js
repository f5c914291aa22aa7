// How equivariant a trained network is: its error against the angle, and element by element. A network with
// anti-aliasing is measured without it too; that is one line of the plot.

import { el, svg } from "./dom.js";
import { figure, term } from "./glossary.js";
import { grid } from "./grid.js";

const PLACES = { centre: "at the centre", boundary: "at the boundary", clutter: "in clutter", vector: "vectors", plain: "at the centre, without anti-aliasing" };
const PLOT = { width: 560, height: 230, left: 52, right: 22, top: 12, bottom: 34 };
const FLOOR = 1e-8;

const places = (items) => [...Object.keys(PLACES), ...items.map((item) => item.where)].filter((place, index, all) => all.indexOf(place) === index && items.some((item) => item.where === place));

function scientific(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const [digits, exponent] = value.toExponential(1).split("e");
  return Number(exponent) >= -3 && Number(exponent) <= 1 ? value.toPrecision(2) : `${digits} · 10${superscript(exponent)}`;
}

function superscript(exponent) {
  return [...String(Number(exponent))].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
}

// Error against angle, one line for each place; the error's axis is logarithmic. Largest over bands where there are several.
function plot(items) {
  const turned = items.filter((item) => Number.isFinite(item.angle_degrees) && Number.isFinite(item.error));
  const angles = [...new Set(turned.map((item) => item.angle_degrees))];
  if (angles.length < 3) return null;
  const widest = Math.max(...angles);
  const logs = turned.map((item) => Math.log10(Math.max(item.error, FLOOR)));
  const low = Math.floor(Math.min(...logs, -2));
  const high = Math.ceil(Math.max(...logs, 0));
  const x = (angle) => PLOT.left + (angle / widest) * (PLOT.width - PLOT.left - PLOT.right);
  const y = (error) => PLOT.top + ((high - Math.log10(Math.max(error, FLOOR))) / (high - low)) * (PLOT.height - PLOT.top - PLOT.bottom);
  const decades = Array.from({ length: high - low + 1 }, (_, index) => low + index);
  const step = [15, 30, 45, 90].find((degrees) => widest / degrees <= 8) ?? 90;
  const ticks = Array.from({ length: Math.floor(widest / step) + 1 }, (_, index) => index * step);
  const lines = places(turned).map((place) => {
    const points = worst(turned.filter((item) => item.where === place), (item) => item.angle_degrees)
      .map(([angle, error]) => ({ angle, error }))
      .sort((a, b) => a.angle - b.angle);
    return svg(
      "g",
      { class: `series series-${place}` },
      svg("polyline", { points: points.map((point) => `${x(point.angle)},${y(point.error)}`).join(" ") }),
      points.map((point) => svg("circle", { cx: x(point.angle), cy: y(point.error), r: 2.6 }, svg("title", {}, `${point.angle}°, ${PLACES[place] ?? place}: ${scientific(point.error)}`))),
    );
  });
  return el(
    "figure",
    { class: "error-plot" },
    svg(
      "svg",
      { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img", "aria-label": `Error of the network against the angle, 0 to ${widest} degrees; the numbers are in the table` },
      decades.map((decade) => [
        svg("line", { class: "grid", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: y(10 ** decade), y2: y(10 ** decade) }),
        svg("text", { x: PLOT.left - 8, y: y(10 ** decade) + 4, "text-anchor": "end" }, decade === 0 ? "1" : `10${superscript(decade)}`),
      ]),
      ticks.map((angle) => svg("text", { x: x(angle), y: PLOT.height - 14, "text-anchor": "middle" }, `${angle}°`)),
      lines,
    ),
    el("figcaption", {}, term("network_error", "Relative error"), " against the angle: ", places(turned).map((place) => el("span", { class: `key key-${place}` }, PLACES[place] ?? place))),
  );
}

// The largest error of each key, [key, error] in order of appearance.
function worst(items, keyOf) {
  const found = new Map();
  for (const item of items) found.set(keyOf(item), Math.max(found.get(keyOf(item)) ?? 0, item.error));
  return [...found];
}

function table(items) {
  const columns = places(items);
  const elements = [...new Set(items.map((item) => item.element))];
  const error = new Map(worst(items.filter((item) => Number.isFinite(item.error)), (item) => `${item.element}\n${item.where}`));
  const row = (element) =>
    el("tr", {}, el("th", { scope: "row" }, element), columns.map((place) => el("td", { "data-label": PLACES[place] ?? place }, figure("network_error", scientific(error.get(`${element}\n${place}`) ?? NaN)))));
  const heads = ["Element", ...columns.map((place) => PLACES[place] ?? place)];
  const drawn = el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, elements.map(row)));
  return el("div", { class: "error-table" }, grid(drawn, "Error of the network on each element"));
}

// report: as GET /v1/candidates/{id}/equivariance gives it.
export function equivarianceFigure(report) {
  const asItIs = report.items.filter((item) => item.antialiased !== false);
  const plain = report.items.filter((item) => item.antialiased === false && item.where === "centre").map((item) => ({ ...item, where: "plain" }));
  if (!asItIs.length) return el("p", { class: "quiet" }, "The group moves nothing that could be measured.");
  return el("div", { class: "equivariance" }, plot([...asItIs, ...plain]), table(asItIs));
}
