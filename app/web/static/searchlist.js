// Rows of searches, as the list of all and the page of a data set show them.

import { bar } from "./bars.js";
import { el } from "./dom.js";
import { candidateName, moment, percent } from "./format.js";
import { figure, term } from "./glossary.js";
import { cell, listing, wordsCell } from "./listing.js";
import { badge, stateBadge } from "./verdicts.js";

const ACTIVE = ["queued", "running", "cancelling"];

function answerOf(search) {
  if (ACTIVE.includes(search.state)) {
    const fraction = search.progress?.fraction ?? 0;
    return el("span", { class: "numbers" }, bar(fraction), term("progress", percent(fraction)));
  }
  if (search.state !== "done") return el("span", { class: "quiet" }, search.error ?? "–");
  if (!search.best) return badge("undetermined");
  return el("span", { class: "answer-cell" }, candidateName(search.best), " ", badge(search.best.verdict));
}

const posterior = (search) => (search.state === "done" && typeof search.best?.posterior === "number" ? figure("posterior", percent(search.best.posterior)) : "–");

// withData: whether the data set has a column of its own.
export function searchList(frame, { empty, withData }) {
  const row = (search) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("a", { href: `/searches/${encodeURIComponent(search.id)}` }, search.name || search.id)),
      withData ? wordsCell("Data", el("a", { href: `/datasets/${encodeURIComponent(search.dataset_id)}` }, search.dataset_name)) : null,
      cell("State", stateBadge(search.state)),
      cell("Answer", answerOf(search)),
      cell("Posterior", posterior(search)),
      cell("Asked", moment(search.created_at)),
    );
  const headings = ["Search", ...(withData ? ["Data"] : []), "State", "Answer", term("posterior"), "Asked"];
  return listing({ frame, name: "Searches", headings, row, empty, what: "searches" });
}
