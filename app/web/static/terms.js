// The three terms of a score as one bar: what speaks for a candidate to the right of zero, what speaks against it to the
// left, and the score itself as a mark.

import { el, svg } from "./dom.js";
import { fixed } from "./format.js";

const BAR = { width: 260, height: 26, pad: 6 };
export const TERMS = [
  ["accuracy_term", "accuracy", 1],
  ["consistency_term", "consistency", 1],
  ["complexity_term", "complexity", -1],
];

const weighted = (item, weights) => TERMS.map(([key, name, sign]) => ({ key, name, value: sign * (weights[name] ?? 1) * (item[key] ?? 0) }));

// One scale for all rows. What is refuted may lie far below; its bar is cut off there, with an arrow.
export function termScale(items, weights) {
  const sums = items.filter((item) => typeof item.score === "number").map((item) => {
    const parts = weighted(item, weights).map(({ value }) => value);
    return { right: parts.filter((v) => v > 0).reduce((a, b) => a + b, 0), left: parts.filter((v) => v < 0).reduce((a, b) => a + b, 0) };
  });
  const right = Math.max(...sums.map((sum) => sum.right), 1e-6);
  const left = Math.max(Math.min(...sums.map((sum) => sum.left), 0), -1.2 * right);
  const x = (value) => BAR.pad + ((Math.max(value, left) - left) / (right - left)) * (BAR.width - 2 * BAR.pad);
  return { left, right, x };
}

export function termBar(item, scale, weights) {
  if (typeof item.score !== "number") return "–";
  const parts = weighted(item, weights);
  const words = `score ${fixed(item.score, 2)} bits: ${parts.map(({ name, value }) => `${name} ${fixed(value, 2).replace("-", "−")}`).join(", ")}`;
  let [right, left] = [0, 0];
  const blocks = parts.map(({ name, value }) => {
    const from = value > 0 ? right : left + value;
    const to = value > 0 ? right + value : left;
    if (value > 0) right += value;
    else left += value;
    const width = scale.x(to) - scale.x(from);
    return width > 0.2 ? svg("rect", { class: `term-${name}`, x: scale.x(from), y: 6, width, height: 12 }) : null;
  });
  const spread = item.loss_bits && typeof item.loss_bits.low === "number" ? [item.loss_bits.high - item.loss_bits.mean, item.loss_bits.mean - item.loss_bits.low] : null;
  const gain = (weights.accuracy ?? 1) * (item.accuracy_term ?? 0);
  return svg(
    "svg",
    { viewBox: `0 0 ${BAR.width} ${BAR.height}`, class: "terms-bar", role: "img", "aria-label": words },
    svg("title", {}, words),
    svg("line", { class: "zero", x1: scale.x(0), x2: scale.x(0), y1: 1, y2: 23 }),
    blocks,
    spread && gain > 0 ? svg("path", { class: "spread", d: `M${scale.x(Math.max(gain - spread[0], scale.left))} 12H${scale.x(gain + spread[1])}` }) : null,
    left < scale.left - 1e-9 ? svg("path", { class: "cut", d: `M${BAR.pad + 7} 5l-6 7l6 7` }) : null,
    svg("path", { class: "total", d: `M${scale.x(item.score)} 2v20` }),
  );
}

export function termKeys() {
  return el("p", { class: "keys" }, TERMS.map(([, name]) => el("span", { class: `key key-${name}` }, name)), el("span", { class: "key key-total" }, "score"), el("span", { class: "key key-cut" }, "goes on further left"));
}
