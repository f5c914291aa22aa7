// Real samples with the elements applied: what an element breaks, beside a sample that it breaks, and one sample under all
// elements of the group that was found.

import { el, svg, unfold } from "./dom.js";
import { count, fixed, percent } from "./format.js";
import { figure, term } from "./glossary.js";
import { standing } from "./standing.js";

const FIRST = 3; // elements that are shown at once
const BARS = { width: 150, height: 90, pad: 4 };

function vectorPicture(values, other, label) {
  const most = Math.max(...values.map(Math.abs), ...(other ?? []).map(Math.abs), 1e-9);
  const step = (BARS.width - 2 * BARS.pad) / values.length;
  const y = (value) => BARS.height / 2 - (value / most) * (BARS.height / 2 - BARS.pad);
  return svg(
    "svg",
    { viewBox: `0 0 ${BARS.width} ${BARS.height}`, class: "vector", role: "img", "aria-label": label },
    svg("title", {}, values.map((value, k) => `x${k} = ${fixed(value, 2)}`).join(", ")),
    values.map((value, k) =>
      svg("rect", {
        class: other && Math.abs(other[k] - value) > 1e-6 * most ? "value value-moved" : "value",
        x: BARS.pad + k * step + step * 0.12,
        width: Math.max(step * 0.76, 0.6),
        y: Math.min(y(value), y(0)),
        height: Math.max(Math.abs(y(value) - y(0)), 0.8),
      }),
    ),
    svg("line", { class: "zero", x1: 0, x2: BARS.width, y1: y(0), y2: y(0) }),
  );
}

function picture(gallery, index, label, other) {
  const shown = gallery.pictures[index];
  if (gallery.kind === "vector") return vectorPicture(shown, other === undefined ? null : gallery.pictures[other], label);
  return el("img", { src: shown, alt: label, class: "sample" });
}

const labelText = (label) => (Array.isArray(label) ? label.map((value) => fixed(value, 2)).join(", ") : label);
const classes = (said) => said.length && typeof said[0] === "object";

function witness(said) {
  if (!said.length) return null;
  const words = classes(said) ? [said[0].label, " ", el("small", {}, percent(said[0].probability))] : labelText(said);
  return el("span", { class: "said" }, "witness: ", figure("said", words));
}

const right = (said, label) => !classes(said) || said[0].label === label;

function side(gallery, name, index, label, said, other) {
  return el(
    "figure",
    { class: right(said, label) ? "side" : "side side-wrong" },
    picture(gallery, index, `${name}, label ${labelText(label)}`, other),
    el("figcaption", {}, el("span", { class: "quiet" }, name), el("span", {}, "label: ", el("strong", {}, labelText(label))), witness(said), right(said, label) ? null : el("span", { class: "wrong" }, "✕ wrong")),
  );
}

function pair(gallery, item, sample, heading) {
  const words = sample.chosen === "worst" ? "the worst of the eight looked at" : "an ordinary one";
  return el(
    "div",
    { class: "pair" },
    heading,
    el("div", { class: "sides" }, side(gallery, item.interpolated ? "as it is, equally blurred" : "as it is", sample.original, sample.label, sample.said), el("span", { class: "arrow", "aria-hidden": "true" }, "→"), side(gallery, "moved", sample.moved, sample.moved_label, sample.moved_said, sample.original)),
    el("p", { class: "quiet" }, `Sample ${sample.row}, ${words}: the move costs `, figure("excess", `${fixed(sample.excess, 2)} ${classes(sample.said) ? "bits" : "variances"}`), "."),
  );
}

const WORDS = {
  beyond: "breaks the law of the labels",
  open: "is not decided",
  unseen: "makes poses that this data never shows",
  within: "leaves the labels alone",
  none: "was not measured",
};

function card(gallery, item, element, tolerance) {
  const kind = element ? standing(element, tolerance) : "none";
  const [worst, ordinary] = [item.samples.find((s) => s.chosen === "worst"), item.samples.find((s) => s.chosen === "ordinary")];
  const sample = kind === "within" ? ordinary ?? worst : worst ?? ordinary;
  return el(
    "article",
    { class: `card d-${kind}` },
    pair(gallery, item, sample, el("h4", {}, item.title, el("small", {}, ` ${WORDS[kind]}`))),
    typeof item.hurt === "number" ? el("p", { class: "quiet" }, term("hurt", "Hurt"), ": ", figure("hurt", percent(item.hurt)), " of the held-out samples.") : null,
  );
}

// The refuting elements first, those beyond the tolerance by themselves before what the data never shows.
function ordered(items, byElement, tolerance) {
  const rank = { beyond: 0, unseen: 1, open: 2, within: 3, none: 4 };
  const of = (item) => rank[byElement.has(item.element) ? standing(byElement.get(item.element), tolerance) : "none"];
  return items.map((item, place) => ({ item, place })).sort((a, b) => of(a.item) - of(b.item) || a.place - b.place).map(({ item }) => item);
}

// What the verdict claims of a sample and its copies.
function alike({ verdict }, labels) {
  const how = verdict === "certified" ? "To this data they are alike, up to the tolerance" : "To this data they are nearly alike";
  return `${how}${labels > 1 ? ", each with the label that the element gives it" : ""}.`;
}

function orbitOf(gallery, best) {
  const { orbit } = gallery;
  const moved = orbit ? orbit.elements.filter(({ groups }) => groups.includes(best.name)) : [];
  if (!moved.length) return null;
  const labels = new Set([orbit, ...moved].map(({ label }) => labelText(label))).size;
  const tile = (name, index, label, said, other) => el("li", {}, picture(gallery, index, `${name}, label ${labelText(label)}`, other), el("span", {}, name), witness(said));
  return [
    el("h3", {}, `One sample under ${best.name}`),
    el("p", { class: "quiet" }, `Sample ${orbit.row}, label ${labelText(orbit.label)}, and ${count(moved.length)}${best.order ? ` of the ${count(best.order - 1)}` : ""} elements of the group that move something applied to it. ${alike(best, labels)}`),
    el("ul", { class: "orbit" }, tile("as it is", orbit.original, orbit.label, orbit.said), moved.map((one) => tile(one.title, one.picture, one.label, one.said, orbit.original))),
  ];
}

// gallery: as GET /v1/searches/{id}/gallery gives it; elements: of /elements; best: the node of the lattice that was ranked first,
// if its symmetry is claimed.
export function galleryPanel(gallery, elements, tolerance, best) {
  if (!gallery.items.length) return [el("p", { class: "quiet" }, `There are no samples to show: ${gallery.reason ?? "none were kept"}.`)];
  const byElement = new Map(elements.map((element) => [element.element, element]));
  const cards = ordered(gallery.items, byElement, tolerance).map((item) => card(gallery, item, byElement.get(item.element), tolerance));
  const grid = el("div", { class: "gallery" });
  const more = unfold(grid, cards, FIRST, "elements");
  return [grid, more, best ? orbitOf(gallery, best) : null, gallery.left_out ? el("p", { class: "quiet" }, `${gallery.left_out} elements that cost least are left out.`) : null].flat();
}
