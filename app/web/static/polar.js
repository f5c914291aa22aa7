// Turns and mirrors of the plane where they point: the defect of each turn at its angle, that of each mirror on its axis.
// The middle is no loss, the tinted disc ends at the tolerance, and the scale is logarithmic beyond it.

import { el, svg } from "./dom.js";
import { fixed, interval } from "./format.js";
import { STANDINGS, bentScale, bentTicks, mark, standing } from "./standing.js";

const SIZE = 340;
const MIDDLE = SIZE / 2;
const RADIUS = 118;

// A turn by a degrees points at a, clockwise from above as pictures turn; an axis lies along its direction, y downwards.
const turned = (degrees, r) => [MIDDLE + r * Math.sin((degrees * Math.PI) / 180), MIDDLE - r * Math.cos((degrees * Math.PI) / 180)];
const along = (degrees, r) => [MIDDLE + r * Math.cos((degrees * Math.PI) / 180), MIDDLE + r * Math.sin((degrees * Math.PI) / 180)];

const square = (matrix) => Array.isArray(matrix) && matrix.length === 2 && matrix.every((row) => Array.isArray(row) && row.length === 2);
const determinant = ([[a, b], [c, d]]) => a * d - b * c;
const orthogonal = ([[a, b], [c, d]]) => Math.abs(a * a + c * c - 1) + Math.abs(b * b + d * d - 1) + Math.abs(a * b + c * d) < 1e-4;

export function axisOf([[a], [c]]) {
  const degrees = (Math.atan2(c, a) * 90) / Math.PI;
  return ((degrees % 180) + 180) % 180;
}

// The label action of an element is in brackets at the end of its name, after it a number where other coordinates are
// moved alike; each has plots of its own.
export function actionOf({ element }) {
  const [, action, serial] = /(?:\[(.*)\])?(?: #(\d+))?$/.exec(element);
  return [action && `labels: ${action}`, serial && `#${serial}`].filter(Boolean).join(", ");
}

// {turns: [{item, at}], mirrors: [{item, at}]} of the elements of the plane, by label action.
export function planar(items) {
  const found = new Map();
  for (const item of items) {
    if (!square(item.matrix) || !orthogonal(item.matrix)) continue;
    const group = found.get(actionOf(item)) ?? { turns: [], mirrors: [] };
    found.set(actionOf(item), group);
    if (determinant(item.matrix) > 0) group.turns.push({ item, at: item.angle_degrees ?? 180 });
    else group.mirrors.push({ item, at: axisOf(item.matrix) });
  }
  return found;
}

function rings(scale, tolerance) {
  const ticks = bentTicks(scale, tolerance, 0.13).filter((value) => value > 0);
  return [
    svg("circle", { class: "ring ring-end", cx: MIDDLE, cy: MIDDLE, r: RADIUS }),
    svg("circle", { class: "allowed", cx: MIDDLE, cy: MIDDLE, r: RADIUS * scale.share(tolerance) }),
    ticks.map((value) => svg("circle", { class: value === tolerance ? "ring tolerance-ring" : "ring", cx: MIDDLE, cy: MIDDLE, r: RADIUS * scale.share(value) })),
    svg("circle", { class: "origin", cx: MIDDLE, cy: MIDDLE, r: 1.8 }),
  ];
}

function ringLabels(scale, tolerance, direction) {
  return bentTicks(scale, tolerance, 0.13).filter((value) => value > 0).map((value) => {
    const [x, y] = direction(RADIUS * scale.share(value));
    return svg("text", { class: "ring-label", x, y: y + 3.5, "text-anchor": "middle" }, value);
  });
}

// From the end of the interval to the bound, and a short stroke across it; far: the ray's end at the rim.
function boundPath(from, to, far) {
  const [dx, dy] = [((far[0] - MIDDLE) / RADIUS) * 4, ((far[1] - MIDDLE) / RADIUS) * 4];
  return `M${from}L${to}M${to[0] - dy} ${to[1] + dx}L${to[0] + dy} ${to[1] - dx}`;
}

// A ray with its interval and its mark, at one or both of its ends.
function ray(item, ends, scale, tolerance, kind) {
  const shape = standing(item, tolerance);
  const { defect } = item;
  const known = defect && Number.isFinite(defect.value);
  const radius = (value) => RADIUS * scale.share(Math.max(value, 0));
  const low = known && Number.isFinite(defect.low) ? defect.low : defect?.value;
  const high = known && Number.isFinite(defect.high) ? defect.high : defect?.value;
  const words = known ? `${item.title ?? item.element}: defect ${fixed(defect.value)}, interval ${interval(defect)}${Number.isFinite(defect.bound) ? `, at most ${fixed(defect.bound)} with all elements at once` : ""}, ${STANDINGS[shape]}` : `${item.title ?? item.element}: ${STANDINGS.none}`;
  return svg(
    "g",
    { class: `ray ray-${kind} d-${shape}`, "data-element": item.element },
    svg("title", {}, words),
    ends.map((end) => {
      const [far, tip] = [end(RADIUS), end(known ? radius(defect.value) : RADIUS)];
      const [from, to] = known ? [end(radius(low)), end(radius(high))] : [tip, tip];
      return [
        svg("line", { class: "guide", x1: MIDDLE, y1: MIDDLE, x2: far[0], y2: far[1] }),
        known ? svg("line", { class: "reach", x1: MIDDLE, y1: MIDDLE, x2: tip[0], y2: tip[1] }) : null,
        known && Number.isFinite(defect.bound) ? svg("path", { class: "bound", d: boundPath(to, end(radius(defect.bound)), far) }) : null,
        known ? svg("line", { class: "whisker", x1: from[0], y1: from[1], x2: to[0], y2: to[1] }) : null,
        mark(shape, tip[0], tip[1], 5.5),
      ];
    }),
  );
}

function plot(label, marks, scale, tolerance, labels, tickDirection) {
  return svg(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "polar", role: "img", "aria-label": label },
    rings(scale, tolerance),
    marks,
    labels,
    ringLabels(scale, tolerance, tickDirection),
  );
}

function angleLabels(degrees, direction) {
  return degrees.map(([at, text]) => {
    const [x, y] = direction(at, RADIUS + 20);
    return svg("text", { class: "angle-label", x, y: y + 4, "text-anchor": "middle" }, text);
  });
}

const round = (degrees) => `${Math.round(degrees * 10) / 10}°`;

// No more labels round the rim than can be read.
function thinned(degrees, apart) {
  const kept = [];
  for (const at of [...new Set(degrees)].sort((a, b) => a - b)) if (!kept.length || at - kept.at(-1) >= apart) kept.push(at);
  return kept;
}

function turnsPlot(turns, scale, tolerance, suffix) {
  const marks = turns.map(({ item, at }) => ray(item, [...new Set([at, 360 - at])].map((a) => (r) => turned(a, r)), scale, tolerance, "turn"));
  const rim = thinned([0, ...turns.flatMap(({ at }) => [at, 360 - at])], 14).map((at) => [at, round(at)]);
  const label = `Turns${suffix}: ${turns.map(({ item }) => `${item.title ?? item.element} ${fixed(item.defect?.value)}, ${STANDINGS[standing(item, tolerance)]}`).join("; ")}`;
  return el("figure", {}, plot(label, marks, scale, tolerance, angleLabels(rim, turned), (r) => turned(11, r)), el("figcaption", {}, el("strong", {}, `Turns${suffix}`), " each at its angle, clockwise"));
}

function mirrorsPlot(mirrors, scale, tolerance, suffix) {
  const marks = mirrors.map(({ item, at }) => ray(item, [(r) => along(at, r), (r) => along(at + 180, r)], scale, tolerance, "mirror"));
  const rim = thinned(mirrors.map(({ at }) => at), 14).map((at) => [at, round(at)]);
  const label = `Mirrors${suffix}: ${mirrors.map(({ item }) => `${item.title ?? item.element} ${fixed(item.defect?.value)}, ${STANDINGS[standing(item, tolerance)]}`).join("; ")}`;
  return el("figure", {}, plot(label, marks, scale, tolerance, angleLabels(rim, along), (r) => along(-11, r)), el("figcaption", {}, el("strong", {}, `Mirrors${suffix}`), " each along its axis, as pictures lie"));
}

// One pair of plots for each label action; null where nothing of the plane was tested.
export function polarPlots(items, tolerance) {
  const groups = planar(items);
  if (!groups.size) return null;
  const bounds = [...groups.values()].flatMap(({ turns, mirrors }) => [...turns, ...mirrors]).flatMap(({ item: { defect } }) => (defect ? [defect.value, defect.high, defect.bound] : []));
  const scale = bentScale(bounds, tolerance, { below: false, floor: 1 });
  const plots = [...groups].flatMap(([action, { turns, mirrors }]) => {
    const suffix = action ? `, ${action}` : "";
    return [turns.length ? turnsPlot(turns, scale, tolerance, suffix) : null, mirrors.length ? mirrorsPlot(mirrors, scale, tolerance, suffix) : null];
  });
  return el("div", { class: "polars" }, plots);
}

export function standingKeys() {
  return el(
    "p",
    { class: "keys" },
    ["within", "beyond", "open", "unseen"].map((kind) => el("span", { class: `d-${kind}` }, svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" }, mark(kind, 8, 8, 5.5)), ` ${STANDINGS[kind]}`)),
    el("span", {}, svg("svg", { viewBox: "0 0 34 16", width: 30, height: 14, class: "key-interval", "aria-hidden": "true" }, svg("path", { class: "bound", d: "M20 8H32M32 4v8" }), svg("line", { class: "whisker", x1: 3, y1: 8, x2: 20, y2: 8 })), " interval of the element alone, and the bound for all at once"),
  );
}
