// Shares of a whole as bars.

import { svg } from "./dom.js";

const within = (share) => Math.min(Math.max(share ?? 0, 0), 1);

const rectangles = (share, height) => [
  svg("rect", { class: "bar-back", width: 100, height }),
  svg("rect", { class: "bar-fill", width: 100 * within(share), height }),
];

// A small bar beside a number that says the same.
export function bar(share) {
  return svg("svg", { viewBox: "0 0 100 8", class: "bar", preserveAspectRatio: "none", "aria-hidden": "true" }, rectangles(share, 8));
}

// How far something is, read out by screen readers under `name`.
export function progressBar(share, name) {
  return svg(
    "svg",
    {
      viewBox: "0 0 100 4",
      class: "progress",
      preserveAspectRatio: "none",
      role: "progressbar",
      "aria-label": name,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
      "aria-valuenow": Math.round(100 * within(share)),
    },
    rectangles(share, 4),
  );
}
