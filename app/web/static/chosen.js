// The group that is chosen in the lattice: what it is, what was found, and which of its elements speak for or against it.

import { el, svg } from "./dom.js";
import { candidateName, count, fixed, interval, percent } from "./format.js";
import { figure, term } from "./glossary.js";
import { STANDINGS, mark, standing } from "./standing.js";
import { badge } from "./verdicts.js";

const fact = (key, name, value, small) => el("div", {}, el("dt", {}, term(key, name)), el("dd", {}, figure(key, value), small ? el("small", {}, ` ${small}`) : null));

function element(item, tolerance) {
  const kind = standing(item, tolerance);
  return el(
    "li",
    { class: `d-${kind}` },
    svg("svg", { viewBox: "0 0 16 16", width: 14, height: 14, role: "img", "aria-label": STANDINGS[kind] }, mark(kind, 8, 8, 5.5)),
    el("span", {}, item.title ?? item.element),
    figure("defect", fixed(item.defect?.value, 2)),
  );
}

const SHOWN = 12;

// node: of the lattice; item: its row of the ranking; elements: those it contains; onopen: shows that row, or null.
export function chosenCard(node, item, elements, tolerance, onopen) {
  const worst = [...elements].sort((a, b) => (b.defect?.value ?? -1) - (a.defect?.value ?? -1));
  return [
    el("h3", {}, candidateName(node, node.apart), " ", badge(node.verdict, node.state ?? "queued")),
    el("p", { class: "quiet" }, [node.title, node.order ? `${count(node.order)} ${node.order === 1 ? "element" : "elements"}` : null].filter(Boolean).join(" · ")),
    item?.reason ? el("p", {}, `${item.reason[0].toUpperCase()}${item.reason.slice(1)}.`) : null,
    item?.error ? el("p", { class: "notice notice-error" }, item.error) : null,
    item?.spared ? el("p", { class: "quiet" }, `Not trained: ${item.spared}.`) : null,
    typeof node.posterior === "number"
      ? el(
          "dl",
          { class: "pairs" },
          fact("posterior", "Posterior", percent(node.posterior)),
          fact("defect", "Largest defect", fixed(item?.defect?.value), interval(item?.defect)),
          fact("score", "Score", `${fixed(item?.score, 2)} bits`),
        )
      : null,
    worst.length
      ? el("ul", { class: "chips", "aria-label": "Its elements and their defects" }, worst.slice(0, SHOWN).map((one) => element(one, tolerance)), worst.length > SHOWN ? el("li", { class: "quiet" }, `and ${worst.length - SHOWN} more`) : null)
      : el("p", { class: "quiet" }, "It asks nothing of the labels that could fail."),
    item && onopen ? el("p", {}, el("button", { type: "button", "data-key": "open", "data-candidate": item.candidate_id, onclick: onopen }, "All its numbers")) : null,
  ];
}
