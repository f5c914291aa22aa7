// The defect along a whole curve of elements: turns, mirrors, scalings, centres. Zero is the sham, the same blur without
// the move; the tinted band is the tolerance; the shaded band holds for all points of a curve at once.

import { el, svg } from "./dom.js";
import { fixed } from "./format.js";
import { bentScale, bentTicks, mark } from "./standing.js";

const PLOT = { width: 720, height: 260, left: 52, right: 18, top: 14, bottom: 36 };
const TITLES = { turns: "Every turn", mirrors: "Every mirror axis", scales: "Every scaling", centres: "Every centre" };
const UNIT = { turns: "°", mirrors: "°", scales: " ×", centres: "" };
const STANDING = { within: "within", refuted: "beyond", unseen: "unseen", open: "open" };

function ticksOf(kind, first, last) {
  if (kind === "scales") return [0.5, 0.7, 1, 1.4, 2].filter((at) => at >= first && at <= last);
  const step = kind === "centres" ? (last - first) / 8 : [15, 30, 45, 90].find((degrees) => (last - first) / degrees <= 12) ?? 90;
  const from = Math.ceil(first / step - 1e-9) * step;
  return Array.from({ length: Math.floor((last - from) / step + 1e-9) + 1 }, (_, k) => from + k * step);
}

function plot(spectrum, tolerance) {
  const { kind, at, defect, state } = spectrum;
  const [first, last] = [Math.min(...at), Math.max(...at)];
  const across = kind === "scales" ? Math.log : (value) => value;
  const x = (value) => PLOT.left + ((across(value) - across(first)) / (across(last) - across(first) || 1)) * (PLOT.width - PLOT.left - PLOT.right);
  const scale = bentScale(defect.flatMap(({ value, low, high }) => [value, low, high]), tolerance, { floor: 1 });
  const y = (value) => PLOT.height - PLOT.bottom - scale.share(value) * (PLOT.height - PLOT.top - PLOT.bottom);
  const order = at.map((_, k) => k).sort((a, b) => at[a] - at[b]);
  const edge = (end) => order.map((k) => `${x(at[k]).toFixed(1)},${y(defect[k][end]).toFixed(1)}`);
  const unit = UNIT[kind];
  return svg(
    "svg",
    { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, class: "spectrum", role: "img", "aria-label": `${TITLES[kind]}: ${spectrum.sentence}` },
    svg("rect", { class: "allowed", x: PLOT.left, width: PLOT.width - PLOT.left - PLOT.right, y: y(tolerance), height: Math.max(y(-tolerance) - y(tolerance), 1) }),
    bentTicks(scale, tolerance, 0.08).map((value) => [
      svg("line", { class: value === 0 ? "zero" : value === tolerance ? "tolerance" : "grid", x1: PLOT.left, x2: PLOT.width - PLOT.right, y1: y(value), y2: y(value) }),
      svg("text", { x: PLOT.left - 8, y: y(value) + 4, "text-anchor": "end" }, value),
    ]),
    ticksOf(kind, first, last).map((value) => svg("text", { x: x(value), y: PLOT.height - 12, "text-anchor": "middle" }, `${fixed(value, kind === "scales" || kind === "centres" ? 1 : 0)}${unit}`)),
    spectrum.offsets ? null : svg("polygon", { class: "band", points: [...edge("high"), ...edge("low").reverse()].join(" ") }),
    spectrum.offsets ? null : svg("polyline", { class: "trace", points: edge("value").join(" ") }),
    order.map((k) =>
      svg(
        "g",
        { class: `d-${STANDING[state[k]]}` },
        svg("title", {}, `${fixed(at[k], 1)}${unit}: defect ${fixed(defect[k].value)}, ${fixed(defect[k].low)} … ${fixed(defect[k].high)}; ${Math.round(100 * spectrum.shown[k])} % of the samples lie among the data`),
        mark(STANDING[state[k]], x(at[k]), y(defect[k].value), order.length > 60 ? 2.4 : 3.6),
      ),
    ),
  );
}

function sentenceOf(spectrum) {
  const { sentence } = spectrum;
  return sentence ? `${sentence[0].toUpperCase()}${sentence.slice(1)}.` : "";
}

// spectra: as GET /v1/searches/{id}/evidence gives them.
export function spectrumFigures(spectra, tolerance) {
  return spectra.filter(({ at }) => at.length > 1).map((spectrum) =>
    el(
      "figure",
      { class: "spectrum-figure" },
      el("h3", {}, TITLES[spectrum.kind]),
      el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `${TITLES[spectrum.kind]}, plot` }, plot(spectrum, tolerance)),
      el("figcaption", {}, sentenceOf(spectrum), spectrum.not_told_apart?.length ? ` Not told apart: ${spectrum.not_told_apart.join(", ")}.` : "", " Zero is the same blur without the move."),
    ),
  );
}
