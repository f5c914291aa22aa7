// What each candidate is worth: its learning curve beside that of the trivial group, labels and bits saved, the price.

import { el, svg } from "./dom.js";
import { candidateName, count, fixed, interval, mixed } from "./format.js";
import { figure, term } from "./glossary.js";
import { grid } from "./grid.js";

const CHART = { width: 560, height: 240, left: 46, right: 26, top: 10, bottom: 34 };

const cell = (label, ...children) => el("td", { "data-label": label }, ...children);

function scales(items) {
  const sizes = [...new Set(items.flatMap((item) => item.sizes))].sort((a, b) => a - b);
  const losses = items.flatMap((item) => item.loss_bits.flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean]));
  const [from, to] = [Math.log2(sizes[0]), Math.log2(sizes.at(-1))];
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  return {
    sizes,
    losses: [least, (least + most) / 2, most],
    x: (size) => CHART.left + ((Math.log2(size) - from) / (to - from || 1)) * (CHART.width - CHART.left - CHART.right),
    y: (loss) => CHART.top + ((most - loss) / (most - least || 1)) * (CHART.height - CHART.top - CHART.bottom),
  };
}

function line(item, scale, kind) {
  const points = item.sizes.map((size, k) => `${scale.x(size).toFixed(1)},${scale.y(item.loss_bits[k].mean).toFixed(1)}`);
  return svg(
    "g",
    { class: `curve curve-${kind}` },
    svg("title", {}, `${item.name}: ${item.loss_bits.map(({ mean }, k) => `${fixed(mean)} bits from ${item.sizes[k]}`).join(", ")}`),
    kind === "other" ? null : svg("polygon", { class: "band", points: [...item.sizes.map((size, k) => `${scale.x(size)},${scale.y(item.loss_bits[k].high ?? item.loss_bits[k].mean)}`), ...item.sizes.map((size, k) => `${scale.x(size)},${scale.y(item.loss_bits[k].low ?? item.loss_bits[k].mean)}`).reverse()].join(" ") }),
    svg("polyline", { points: points.join(" ") }),
    item.sizes.map((size, k) => svg("circle", { cx: scale.x(size), cy: scale.y(item.loss_bits[k].mean), r: kind === "other" ? 1.8 : 3 })),
  );
}

// Sizes that lie near one another in different folds share one mark.
function marks(sizes, x) {
  return sizes.filter((size, k) => k === 0 || x(size) - x(sizes[k - 1]) > 30);
}

function chart(items, best) {
  const scale = scales(items);
  const kind = (item) => (item.candidate_id === best ? "best" : item.against === item.candidate_id ? "reference" : "other");
  const order = { other: 0, reference: 1, best: 2 };
  const label = "Held-out loss in bits a sample against the number of labels, one line for each candidate";
  return svg(
    "svg",
    { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: "curves", role: "img", "aria-label": label },
    scale.losses.map((loss) => [
      svg("line", { class: "rule", x1: CHART.left, x2: CHART.width - CHART.right, y1: scale.y(loss), y2: scale.y(loss) }),
      svg("text", { x: CHART.left - 6, y: scale.y(loss) + 4, "text-anchor": "end" }, fixed(loss, 2)),
    ]),
    marks(scale.sizes, scale.x).map((size) => svg("text", { x: scale.x(size), y: CHART.height - 14, "text-anchor": "middle" }, count(size))),
    [...items].sort((a, b) => order[kind(a)] - order[kind(b)]).map((item) => line(item, scale, kind(item))),
  );
}

function saved(item) {
  const labels = item.labels_saved;
  if (item.against === item.candidate_id) return "the reference";
  if (!labels || labels.factor === null) return el("small", {}, labels?.reason ?? "–");
  const bound = { at_least: "at least ", at_most: "at most " }[labels.bound] ?? "";
  const [low, high] = [labels.low, labels.high].map((end) => (end === null ? "beyond the sizes" : fixed(end, 1)));
  return el("span", { class: "numbers" }, figure("labels_saved", `${bound}${fixed(labels.factor, 1)} ×`), el("small", {}, `${low} … ${high}`));
}

const estimate = (key, found, digits) =>
  found ? el("span", { class: "numbers" }, figure(key, fixed(found.mean, digits)), el("small", {}, interval(found, digits))) : "–";

// items: as GET /v1/searches/{id}/curves gives them; best: the candidate whose curve is drawn strongest.
// Null where no curve has two sizes.
export function curvesPanel(items, best) {
  const drawn = items.filter((item) => item.sizes.length > 1);
  if (!drawn.length) return null;
  const apart = mixed(drawn);
  const rows = drawn.map((item) =>
    el(
      "tr",
      { class: item.candidate_id === best ? "best" : null },
      el("th", { scope: "row" }, candidateName(item, apart)),
      cell("Labels saved", saved(item)),
      cell("Bits saved", estimate("bits_saved", item.bits_saved_against_trivial, 0)),
      cell("Imposing it costs", estimate("imposing", item.imposing_costs_bits, 3)),
      cell("Operations", item.price.relative?.flops ? figure("operations", `${fixed(item.price.relative.flops, 1)} ×`) : "–"),
    ),
  );
  const headings = ["Group", term("labels_saved"), term("bits_saved"), term("imposing", "Imposing it costs (bits a sample)"), term("operations")];
  return [
    el(
      "figure",
      { class: "curves-frame" },
      chart(drawn, best),
      el("figcaption", { class: "keys" }, el("span", { class: "key key-best" }, "the best group"), el("span", { class: "key key-reference" }, "no symmetry"), el("span", { class: "key key-other" }, "others"), "bits a held-out sample against labels to learn from"),
    ),
    grid(el("table", { class: "cards" }, el("thead", {}, el("tr", {}, headings.map((heading) => el("th", { scope: "col" }, heading)))), el("tbody", {}, rows)), "What each candidate is worth"),
  ];
}
