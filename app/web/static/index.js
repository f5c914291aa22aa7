// The overview: what runs, and the latest answers; for a first visit, three steps and an example.

import { explain, request, upload } from "./api.js";
import { progressBar } from "./bars.js";
import { byId, el, notice, show } from "./dom.js";
import { duration, groupParts, moment, percent } from "./format.js";
import { term } from "./glossary.js";
import { badge, stateBadge, verdictClass } from "./verdicts.js";

const ACTIVE_PAUSE = 2000;
const IDLE_PAUSE = 15000;
const LATEST = 6;
const EXAMPLE = { name: "Tic-tac-toe: has x won?", candidates: [{ group: "D4", translations: false }], include_subgroups: true };

const pageOf = (search) => `/searches/${encodeURIComponent(search.id)}`;

function activeItem(search) {
  const { done, total, fraction, eta_seconds: eta } = search.progress;
  const left = typeof eta === "number" ? `, about ${duration(eta)} left` : "";
  return el(
    "li",
    {},
    el("div", { class: "active-head" }, el("a", { href: pageOf(search) }, search.name), stateBadge(search.state)),
    progressBar(fraction, `Progress of ${search.name}`),
    el("span", { class: "quiet" }, `${search.dataset_name} · ${done} of ${total} candidates done${left}`),
  );
}

function answerCard(search) {
  const { letter, index } = groupParts(search.best?.group ?? "?");
  const verdict = search.best?.verdict ?? "undetermined";
  return el(
    "li",
    { class: `answer-card ${verdictClass(verdict)}` },
    el("div", { class: "answer-card-tile", "aria-hidden": "true" }, el("span", { class: "group" }, letter, index ? el("sub", {}, index) : null)),
    el(
      "div",
      { class: "answer-card-words" },
      el("h3", {}, el("a", { href: pageOf(search) }, search.name)),
      el("p", { class: "answer-card-sentence" }, search.summary),
      el("p", { class: "quiet answer-card-facts" }, badge(verdict), typeof search.best?.posterior === "number" ? [" ", term("posterior", `posterior ${percent(search.best.posterior)}`)] : "", ` · ${search.dataset_name} · `, moment(search.finished_at)),
    ),
  );
}

const list = (name, items) => el("ul", { class: name }, items);

async function refresh() {
  const [running, queued, done] = await Promise.all(
    ["state=running&limit=20", "state=queued&limit=20", `state=done&limit=${LATEST}`].map((filter) => request(`/v1/searches?${filter}`)),
  );
  const active = [...running.items, ...queued.items];
  const empty = !active.length && !done.items.length;
  show(byId("steps-panel"), empty);
  show(byId("example-panel"), empty || byId("example-status").textContent !== "");
  show(byId("active-panel"), !empty);
  byId("active").replaceChildren(active.length ? list("active", active.map(activeItem)) : el("p", { class: "quiet" }, "Nothing is running. ", el("a", { href: "/new" }, "Start a search")));
  byId("latest").replaceChildren(done.items.length ? list("cards-grid", done.items.map(answerCard)) : el("p", { class: "empty" }, "Answers stand here when the first search has finished."));
  return active.length > 0;
}

async function poll() {
  let active = false;
  try {
    active = await refresh();
    notice(byId("notice"), "");
  } catch (error) {
    notice(byId("notice"), explain(error));
  }
  setTimeout(poll, active ? ACTIVE_PAUSE : IDLE_PAUSE);
}

async function searchExample() {
  const [button, status] = [byId("example"), byId("example-status")];
  button.disabled = true;
  notice(byId("notice"), "");
  try {
    status.textContent = "Sending the boards …";
    const boards = await fetch("/examples/tic_tac_toe.npz").then((response) => response.blob());
    const form = new FormData();
    form.set("name", "Tic-tac-toe, final boards");
    form.set("domain", "image2d");
    form.set("task", "classification");
    form.set("file", boards, "tic_tac_toe.npz");
    const { body } = await upload("/v1/datasets", form, () => {}, new AbortController().signal);
    status.textContent = "Starting the search …";
    const search = await request("/v1/searches", { method: "POST", json: { ...EXAMPLE, dataset_id: body.id } });
    location.assign(pageOf(search));
  } catch (error) {
    notice(byId("notice"), explain(error));
    status.textContent = "";
    button.disabled = false;
  }
}

byId("example").addEventListener("click", searchExample);
// Back from the example's search, to the page as it was left.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  byId("example-status").textContent = "";
  byId("example").disabled = false;
});
poll();
