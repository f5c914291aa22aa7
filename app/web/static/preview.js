// Samples of a data set to look at, and how its labels are spread.

import { el, svg } from "./dom.js";
import { count, fixed } from "./format.js";

const MOST_CLASSES = 30;
const MOST_COLUMNS = 12;

function classBars(classes) {
  const most = Math.max(...classes.map((item) => item.count));
  const rows = classes.slice(0, MOST_CLASSES).map(({ name, count: size }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", { class: "wide" }, svg("svg", { viewBox: "0 0 100 8", class: "spread-bar", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: "bar-fill", width: (100 * size) / most, height: 8 }))),
      el("td", {}, count(size)),
    ),
  );
  return [
    el("table", { class: "spreads", "aria-label": "Samples of each class" }, el("tbody", {}, rows)),
    classes.length > MOST_CLASSES ? el("p", { class: "quiet" }, `and ${classes.length - MOST_CLASSES} more classes`) : null,
  ];
}

function histogram({ name, mean, std, edges, counts }) {
  const most = Math.max(...counts);
  const wide = 100 / counts.length;
  const bars = counts.map((size, bin) => svg("rect", { class: "bar-fill", x: bin * wide + 0.3, y: 40 - (40 * size) / most, width: wide - 0.6, height: (40 * size) / most }));
  const words = `${name}: mean ${fixed(mean)}, standard deviation ${fixed(std)}, from ${fixed(edges[0])} to ${fixed(edges.at(-1))}`;
  return el(
    "figure",
    { class: "histogram" },
    svg("svg", { viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": `Histogram of ${words}` }, bars),
    el("figcaption", {}, words),
  );
}

const targetOf = (sample) => sample.label ?? (sample.target ?? []).map((value) => fixed(value)).join(", ");

function images(samples) {
  return el(
    "ul",
    { class: "samples" },
    samples.map((sample) => el("li", {}, el("img", { src: sample.image, alt: `Sample ${sample.row}`, width: 84, height: 84 }), el("span", { class: "words-cell" }, targetOf(sample)))),
  );
}

function sparkline(values, [least, most]) {
  const y = (value) => 23 - (22 * (value - least)) / (most - least || 1);
  const points = values.map((value, index) => `${(100 * index) / Math.max(values.length - 1, 1)},${y(value).toFixed(2)}`);
  return svg("svg", { viewBox: "0 0 100 24", class: "sparkline", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("polyline", { points: points.join(" ") }));
}

// Short vectors as a table of numbers, long ones as lines on a common scale.
function vectors(samples, features) {
  const long = samples.some((sample) => sample.values.length > MOST_COLUMNS);
  const all = samples.flatMap((sample) => sample.values);
  const scale = [Math.min(...all), Math.max(...all)];
  const width = samples[0]?.values.length ?? 0;
  const names = Array.from({ length: width }, (_, index) => features?.[index] ?? `x${index}`);
  const headings = ["Row", ...(long ? [`The first ${width} values`] : names), "Label"];
  const rows = samples.map((sample) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, String(sample.row)),
      long ? el("td", { class: "wide" }, sparkline(sample.values, scale)) : sample.values.map((value) => el("td", {}, fixed(value))),
      el("td", { class: "words-cell" }, targetOf(sample)),
    ),
  );
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Samples" },
    el("table", { "aria-label": "Samples" }, el("thead", {}, el("tr", {}, headings.map((heading) => el("th", { scope: "col" }, heading)))), el("tbody", {}, rows)),
  );
}

// preview: as GET /v1/datasets/{id}/preview gives it.
export function previewPanel(preview) {
  const pictures = preview.samples.filter((sample) => sample.image);
  return [
    preview.samples.length ? (pictures.length ? images(pictures) : vectors(preview.samples, preview.features)) : null,
    preview.classes ? [el("h3", {}, "Samples of each class"), classBars(preview.classes)] : null,
    preview.targets ? [el("h3", {}, "What is to be predicted"), el("div", { class: "histograms" }, preview.targets.map(histogram))] : null,
  ]
    .flat(Infinity)
    .filter(Boolean);
}
