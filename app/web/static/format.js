// Numbers, times and group names as people read them.

import { el } from "./dom.js";

export const DASH = "–";

export function number(value, digits = 3) {
  if (typeof value !== "number" || !Number.isFinite(value)) return DASH;
  if (value !== 0 && Math.abs(value) < 10 ** -digits) return value.toExponential(1).replace("e-", "e−").replace(/^-/, "−");
  return value.toFixed(digits).replace(/^-/, "−");
}

// Defects and scores: what is smaller than the last digit is zero.
export function fixed(value, digits = 3) {
  if (typeof value !== "number" || !Number.isFinite(value)) return DASH;
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

// Nothing and all are said of what is just that; the report has the same rule.
export function percent(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return DASH;
  if (value === 0 || value === 1) return `${100 * value} %`;
  if (value > 0 && value < 0.001) return "< 0.1 %";
  if (value < 1 && value >= 0.9995) return "> 99.9 %";
  return `${(value * 100).toFixed(1)} %`;
}

export function count(value) {
  return typeof value === "number" ? value.toLocaleString("en") : DASH;
}

export function magnitude(value) {
  if (typeof value !== "number" || !Number.isFinite(value)) return DASH;
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return String(Math.round(value));
}

export function interval(estimate, digits = 3) {
  if (!estimate || typeof estimate.low !== "number") return "";
  return `${fixed(estimate.low, digits)} … ${fixed(estimate.high, digits)}`;
}

export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return DASH;
  if (seconds < 1) return "under 1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(value) {
  if (typeof value !== "number") return DASH;
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return `${value} bytes`;
}

export function moment(text) {
  if (!text) return DASH;
  const time = new Date(text);
  return el("time", { datetime: text, title: time.toString() }, time.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
}

// "D4" as letter and index, as in print; names of another form are left as they are.
export function groupParts(name) {
  const match = /^([A-Z])_?(\d+\w*(?:@[\d.]+)?|[a-z])$/.exec(name ?? "");
  return match ? { letter: match[1], index: match[2] } : { letter: name ?? DASH, index: "" };
}

export function groupName(name) {
  const { letter, index } = groupParts(name);
  return el("span", { class: "group" }, letter, index ? el("sub", {}, index) : null);
}

// About the centre alone, where the group could have had translations.
export const centred = ({ group, translations }) => translations === false && group !== "E";

// Whether names have to say which candidates are about the centre, since others have translations.
export const mixed = (items) => items.some(({ translations }) => translations) && items.some(centred);

// The group of a candidate with what sets it apart: its action on the labels and, unless `apart` is false, its centre.
export function candidateName(item, apart = true) {
  const { group, labels } = item;
  return [groupName(group), labels && labels !== "trivial" ? el("small", {}, ` labels: ${labels}`) : null, apart && centred(item) ? el("small", {}, " about the centre") : null];
}
