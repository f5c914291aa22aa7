// Candidates of all finished searches, the most probable first.

import { bar } from "./bars.js";
import { byId, el } from "./dom.js";
import { filters } from "./filters.js";
import { candidateName, count, moment, percent } from "./format.js";
import { figure, term } from "./glossary.js";
import { cell, listing, wordsCell } from "./listing.js";
import { badge } from "./verdicts.js";

const row = (item) =>
  el(
    "tr",
    {},
    el("th", { scope: "row" }, el("a", { href: `/searches/${encodeURIComponent(item.search_id)}#candidate-${item.candidate_id}` }, candidateName(item))),
    cell("Verdict", badge(item.verdict)),
    cell("Posterior", el("span", { class: "numbers" }, bar(item.posterior), figure("posterior", percent(item.posterior)))),
    cell("Rank", figure("rank", String(item.rank))),
    wordsCell("Data", el("a", { href: `/datasets/${encodeURIComponent(item.dataset_id)}` }, item.dataset_name), " ", el("small", {}, `${item.domain}, ${count(item.n)} samples`)),
    wordsCell("Search", el("a", { href: `/searches/${encodeURIComponent(item.search_id)}` }, item.search_name)),
    cell("Finished", moment(item.finished_at)),
  );

const list = listing({
  frame: byId("rankings"),
  name: "Candidates",
  headings: ["Group", term("verdict"), term("posterior"), term("rank"), "Data", "Search", "Finished"],
  row,
  what: "candidates",
  empty: () => (location.search ? "No candidate is like that." : ["No search has finished yet. ", el("a", { href: "/new" }, "Start one.")]),
});

filters(byId("filters"), (asked) => list.load(`/v1/rankings?${asked}`));
