// The overview: searches and data sets, and the form that asks a new question.

import { request } from "./api.js";
import { byId, el, notice, show, svg } from "./dom.js";
import { count, groupName, moment, percent } from "./format.js";
import { prepareForm, useDataset } from "./form.js";
import { badge, stateBadge } from "./verdicts.js";

const ACTIVE = ["queued", "running", "cancelling"];
const names = new Map();
let searches = [];
let older = null;

const cell = (label, ...children) => el("td", { "data-label": label }, ...children);
const wordsCell = (label, ...children) => el("td", { "data-label": label, class: "words-cell" }, ...children);

function answerOf(search) {
  if (ACTIVE.includes(search.state)) {
    const fraction = search.progress?.fraction ?? 0;
    return el(
      "span",
      { class: "numbers" },
      svg(
        "svg",
        { viewBox: "0 0 100 8", class: "bar", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: "bar-back", width: 100, height: 8 }),
        svg("rect", { class: "bar-fill", width: 100 * fraction, height: 8 }),
      ),
      percent(fraction),
    );
  }
  if (search.state !== "done") return el("span", { class: "quiet" }, search.error ?? "–");
  if (!search.best) return el("span", { class: "quiet" }, "undecided");
  return el("span", { class: "answer-cell" }, groupName(search.best.group), " ", badge(search.best.verdict));
}

function drawSearches() {
  if (!searches.length) {
    byId("searches").replaceChildren(el("p", { class: "empty" }, "No searches yet. Upload a data set below and start the first one."));
    return;
  }
  const rows = searches.map((search) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("a", { href: `/searches/${encodeURIComponent(search.id)}` }, search.name || search.id)),
      wordsCell("Data", names.get(search.dataset_id) ?? search.dataset_id),
      cell("State", stateBadge(search.state)),
      cell("Answer", answerOf(search)),
      cell("Asked", moment(search.created_at)),
    ),
  );
  byId("searches").replaceChildren(
    el(
      "table",
      { class: "cards" },
      el("thead", {}, el("tr", {}, ["Search", "Data", "State", "Answer", "Asked"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows),
    ),
  );
}

async function loadSearches() {
  const page = await request("/v1/searches?limit=20");
  const fresh = new Set(page.items.map((search) => search.id));
  const kept = searches.slice(20).filter((search) => !fresh.has(search.id));
  if (!kept.length) older = page.next_cursor;
  searches = [...page.items, ...kept];
  show(byId("more"), Boolean(older));
  drawSearches();
}

async function loadOlder() {
  const page = await request(`/v1/searches?limit=20&cursor=${encodeURIComponent(older)}`);
  searches = [...searches, ...page.items];
  older = page.next_cursor;
  show(byId("more"), Boolean(older));
  drawSearches();
}

function drawDatasets(datasets) {
  if (!datasets.length) {
    byId("datasets").replaceChildren(el("p", { class: "empty" }, "No data sets yet."));
    return;
  }
  const items = datasets.map((dataset) =>
    el(
      "li",
      {},
      el(
        "div",
        {},
        el("strong", {}, dataset.name),
        el("small", {}, `${count(dataset.n)} × ${dataset.x_shape.join(" × ")} · ${dataset.domain} · ${dataset.task}`),
      ),
      el("button", { type: "button", onclick: () => useDataset(dataset), "aria-label": `Use ${dataset.name} for a new search` }, "Use"),
    ),
  );
  byId("datasets").replaceChildren(el("ul", { class: "datasets" }, items));
}

async function loadDatasets() {
  const { items } = await request("/v1/datasets?limit=100");
  names.clear();
  for (const dataset of items) names.set(dataset.id, dataset.name);
  drawDatasets(items);
  drawSearches();
  return items;
}

async function poll() {
  try {
    await loadSearches();
    notice(byId("notice"), "");
  } catch (error) {
    notice(byId("notice"), error.message);
  }
  const pause = searches.some((search) => ACTIVE.includes(search.state)) ? 2000 : 15000;
  setTimeout(poll, pause);
}

async function start() {
  byId("more").addEventListener("click", () => loadOlder().catch((error) => notice(byId("notice"), error.message)));
  try {
    prepareForm(await loadDatasets(), loadDatasets);
  } catch (error) {
    byId("datasets").replaceChildren();
    notice(byId("notice"), error.message);
  }
  await poll();
}

start();
