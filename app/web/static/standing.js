// How an element stands against the tolerance, and the mark that says so by its shape as well as by its colour.

import { svg } from "./dom.js";

export const STANDINGS = {
  within: "within the tolerance",
  beyond: "beyond the tolerance",
  open: "not decided",
  unseen: "the data shows no such pose",
  none: "not measured",
};

// Within and beyond are what the search holds for all elements at once; the interval is of one element alone.
export function standing({ defect, support, refuted }, tolerance) {
  if (!defect || !Number.isFinite(defect.value)) return "none";
  if (support?.status === "not_shown") return "unseen";
  if ((defect.bound ?? defect.high) <= tolerance) return "within";
  return refuted ?? defect.low > tolerance ? "beyond" : "open";
}

// Disc: within; cross: beyond; diamond: open; ring: not seen.
export function mark(kind, x, y, r = 5) {
  const arm = r * 0.85;
  if (kind === "beyond") return svg("path", { class: "mark mark-line", d: `M${x - arm} ${y - arm}L${x + arm} ${y + arm}M${x - arm} ${y + arm}L${x + arm} ${y - arm}` });
  if (kind === "open") return svg("path", { class: "mark", d: `M${x} ${y - r * 1.2}L${x + r * 1.2} ${y}L${x} ${y + r * 1.2}L${x - r * 1.2} ${y}Z` });
  return svg("circle", { class: kind === "within" ? "mark" : "mark mark-ring", cx: x, cy: y, r: kind === "within" ? r : r - 0.8 });
}

// Linear up to about the tolerance, logarithmic beyond, so that a defect of 0.01 and one of 10 can both be read.
// Returns {most, share}: share maps a defect to 0 (at `least`) … 1 (at the largest of the bounds).
export function bentScale(bounds, tolerance, { floor = 4 * tolerance, below = true } = {}) {
  const bend = (value) => Math.asinh(value / tolerance);
  const known = bounds.filter(Number.isFinite);
  const most = bend(Math.max(...known, floor));
  const least = below ? Math.min(bend(Math.max(Math.min(...known, 0), -10 * tolerance)), -0.04 * most) : 0;
  return { most: Math.sinh(most) * tolerance, share: (value) => (Math.min(Math.max(bend(value), least), most) - least) / (most - least) };
}

// Zero, the tolerance, and round values that have room; `apart` is the least distance in shares of the scale.
export function bentTicks(scale, tolerance, apart) {
  const marks = [0, tolerance];
  for (const value of [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]) {
    if (value <= scale.most && scale.share(value) - scale.share(marks.at(-1)) > apart) marks.push(value);
  }
  return marks;
}
