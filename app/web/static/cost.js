// What a search would do and take, before it is started.

import { el } from "./dom.js";
import { candidateName, duration, magnitude } from "./format.js";
import { figure, term } from "./glossary.js";

const FOLDED = 8;

const about = (time) => (time ? `about ${duration(time.value)}` : "Time unknown");

function basisInWords({ kind, workers }) {
  const by = workers > 1 ? `, shared by ${workers} workers` : "";
  if (kind === "similar_trials") return `As long as similar trainings took on this service${by}.`;
  if (kind === "scaled_by_operations") return `Scaled by operations from trainings of other sizes on this service${by}: a rough guess.`;
  return "Nothing has been trained on this service yet, so nothing is known of its speed.";
}

function candidateTable(candidates) {
  const row = (item) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", title: item.title }, candidateName(item)),
      el("td", {}, figure("flops", magnitude(item.flops))),
      el("td", {}, figure("tested", String(item.elements))),
      el("td", {}, item.seconds ? figure("expected_seconds", duration(item.seconds.value)) : "–"),
    );
  const headings = ["Group", term("flops", "Operations"), term("tested", "Tested"), term("expected_seconds", "Time")];
  return el("table", { class: "cost-table", "aria-label": "Candidates and what they take" }, el("thead", {}, el("tr", {}, headings.map((heading) => el("th", { scope: "col" }, heading)))), el("tbody", {}, candidates.map(row)));
}

// estimate: as POST /v1/searches/estimate gives it.
export function costPanel(estimate) {
  const { candidates, elements, seconds, basis, warnings } = estimate;
  const table = candidateTable(candidates);
  return [
    el("p", { class: "cost-total" }, el("strong", {}, about(seconds)), seconds ? el("small", {}, ` ${duration(seconds.low)} to ${duration(seconds.high)} for eight in ten`) : null),
    el("p", { class: "quiet" }, basisInWords(basis)),
    el("p", {}, `${candidates.length} ${candidates.length === 1 ? "network is" : "networks are"} trained, one for each group, and ${elements.length} ${elements.length === 1 ? "element is" : "elements are"} tested on held-out data.`),
    estimate.label_actions_to_find ? el("p", { class: "notice notice-plain" }, "One network without symmetry is trained first, to find how labels move. Each action it finds adds candidates that are not counted here.") : null,
    candidates.length > FOLDED ? el("details", {}, el("summary", {}, "Each candidate"), table) : table,
    ...warnings.map((warning) => el("p", { class: "notice notice-warning" }, warning)),
  ].filter(Boolean);
}
