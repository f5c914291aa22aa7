// The page of one search: the answer first, then the ranking, the lattice and the evidence behind it.

import { ApiError, follow, jsonLink, pageLink, request } from "./api.js";
import { byId, el, notice, show, svg } from "./dom.js";
import { count, duration, groupParts, moment, percent } from "./format.js";
import { curvesPanel } from "./curves.js";
import { elementsTable } from "./elements.js";
import { lattice } from "./lattice.js";
import { rankingTable } from "./ranking.js";
import { VERDICTS, badge, legend, stateBadge, verdictClass } from "./verdicts.js";

const id = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
const base = `/v1/searches/${encodeURIComponent(id)}`;
const FINAL = ["done", "failed", "cancelled"];
const leaving = new AbortController();
addEventListener("pagehide", () => leaving.abort());

let search = null;
let ranking = { items: [] };

const isFinal = () => FINAL.includes(search.state);

function progressBar(fraction) {
  const share = Math.min(Math.max(fraction ?? 0, 0), 1);
  return svg(
    "svg",
    { viewBox: "0 0 100 4", class: "progress", preserveAspectRatio: "none", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100) },
    svg("rect", { class: "bar-back", width: 100, height: 4 }),
    svg("rect", { class: "bar-fill", width: share * 100, height: 4 }),
  );
}

function answerTile(name) {
  const { letter, index } = groupParts(name);
  return el("div", { class: "tile", "aria-hidden": "true" }, el("span", { class: "group" }, letter, index ? el("sub", {}, index) : null));
}

function answerOfDone() {
  const { best } = search;
  if (!best) {
    return [el("div", { class: "tile", "aria-hidden": "true" }, "?"), el("div", { class: "words" }, el("h2", {}, search.summary || "The data did not decide between the candidates."))];
  }
  const labels = best.labels && best.labels !== "trivial" ? `, labels moved by the ${best.labels} action` : "";
  return [
    answerTile(best.group),
    el(
      "div",
      { class: "words" },
      el("h2", {}, search.summary || `Best group: ${best.group}${labels}.`),
      el(
        "p",
        { class: "sure" },
        badge(best.verdict),
        " ",
        el("span", {}, "posterior ", el("strong", {}, percent(best.posterior))),
        el("span", { title: "The geometric mean of the best posterior and its lead over the second." }, "confidence ", el("strong", {}, percent(best.confidence))),
      ),
      el("p", { class: "quiet" }, VERDICTS[best.verdict]?.line ?? ""),
    ),
  ];
}

function answerOfRunning() {
  const { done = 0, total = 0, fraction = 0, eta_seconds: eta } = search.progress ?? {};
  const words = { queued: "Waiting for a worker", running: "Training one network per candidate", cancelling: "Stopping" }[search.state];
  return [
    el("div", { class: "tile tile-wait", "aria-hidden": "true" }, el("span", {}, percent(fraction).replace(/\.\d+/, ""))),
    el(
      "div",
      { class: "words" },
      el("h2", {}, `${words}: ${done} of ${total} done`),
      progressBar(fraction),
      el("p", { class: "quiet" }, typeof eta === "number" ? `About ${duration(eta)} left. ` : "", "This page follows by itself."),
    ),
  ];
}

function answerOfStopped() {
  const failed = search.state === "failed";
  return [
    el("div", { class: "tile", "aria-hidden": "true" }, failed ? "✕" : "–"),
    el(
      "div",
      { class: "words" },
      el("h2", {}, failed ? "This search failed" : "This search was cancelled"),
      el("p", {}, search.error ?? (failed ? "No reason was recorded." : "Candidates that had finished are listed below. Retry trains the others.")),
    ),
  ];
}

function drawAnswer() {
  const answer = byId("answer");
  const verdict = search.state === "done" ? search.best?.verdict : null;
  answer.className = `answer ${search.state === "done" ? verdictClass(verdict ?? "undetermined") : search.state === "failed" ? "v-refuted" : "v-none"}`;
  answer.replaceChildren(...(search.state === "done" ? answerOfDone() : isFinal() ? answerOfStopped() : answerOfRunning()));
}

async function act(verb) {
  try {
    await request(`${base}/${verb}`, { method: "POST" });
    notice(byId("notice"), "");
    await refresh();
    if (!isFinal()) watch();
  } catch (error) {
    notice(byId("notice"), error.message);
  }
}

function drawActions() {
  const unfinished = ranking.items.some((item) => ["failed", "crashed", "cancelled"].includes(item.state));
  byId("actions").replaceChildren(
    stateBadge(search.state),
    ...(["queued", "running"].includes(search.state) ? [el("button", { type: "button", onclick: () => act("cancel") }, "Cancel")] : []),
    ...(isFinal() && unfinished ? [el("button", { type: "button", onclick: () => act("retry") }, "Retry failed candidates")] : []),
  );
}

function drawWarnings() {
  const warnings = search.warnings ?? [];
  byId("warnings").replaceChildren(...warnings.map((warning) => el("p", { class: "notice notice-warning" }, typeof warning === "string" ? warning : warning.detail ?? JSON.stringify(warning))));
}

async function drawHeading() {
  document.title = `${search.name || "Search"} · Erlangen`;
  byId("name").textContent = search.name || "Search";
  const facts = [search.dataset_id, " · ", "asked ", moment(search.created_at)];
  byId("facts").replaceChildren(...facts);
  try {
    const dataset = await request(`/v1/datasets/${encodeURIComponent(search.dataset_id)}`);
    byId("facts").replaceChildren(
      `${dataset.name}: ${count(dataset.n)} samples of ${dataset.x_shape.join(" × ")}, ${dataset.domain}, ${dataset.task}`,
      " · asked ",
      moment(search.created_at),
    );
  } catch {
    // The data set may be gone; its identifier stays in the heading.
  }
}

function bestId() {
  return search.best?.candidate_id ?? ranking.items.find((item) => item.rank === 1)?.candidate_id ?? null;
}

function drawRanking(elements) {
  byId("ranking-title").textContent = search.state === "done" ? "Candidates, best first" : "Candidates";
  const titles = new Map(elements.map((item) => [item.element, item.title ?? item.element]));
  const titleOf = (element) => titles.get(element) ?? element;
  const open = new Set([...document.querySelectorAll(".disclose[aria-expanded=true]")].map((button) => button.getAttribute("aria-controls")));
  byId("ranking").replaceChildren(
    ranking.items.length ? rankingTable(ranking.items, search.state === "done" ? bestId() : null, titleOf) : el("p", { class: "quiet" }, "Nothing ranked yet."),
  );
  for (const button of document.querySelectorAll(".disclose")) if (open.has(button.getAttribute("aria-controls"))) button.click();
}

function drawLattice({ nodes, covers }) {
  // Where both kinds stand in one lattice, groups about the centre alone are drawn dashed.
  const mixed = nodes.some((node) => node.translations) && nodes.some((node) => node.translations === false);
  const drawn = nodes.map((node) => ({
    ...node,
    href: `#candidate-${node.candidate_id}`,
    best: search.state === "done" && node.candidate_id === bestId(),
    dashed: mixed && node.translations === false,
  }));
  byId("lattice").replaceChildren(
    lattice(drawn, covers),
    ...(mixed ? [el("p", { class: "quiet" }, "Dashed: about the centre alone, without translations.")] : []),
  );
}

function drawElements(items, nodes) {
  const tolerance = ranking.tolerance;
  const groups = new Map(nodes.map((node) => [node.name, node.group]));
  byId("elements-note").replaceChildren(
    "The defect is the share of the learned information that an element destroys: 0 means symmetric, 1 means everything lost, and beyond 1 a network was led to be confidently wrong. ",
    `The shaded band ends at the tolerance, ${tolerance}; the axis is logarithmic beyond it.`,
  );
  byId("elements").replaceChildren(
    items.length
      ? elementsTable(items, tolerance, (name) => groups.get(name) ?? name)
      : el("p", { class: "quiet" }, "The elements are tested when all candidates have been trained."),
  );
}

function drawCurves(items) {
  const panel = curvesPanel(items, search.state === "done" ? bestId() : null);
  show(byId("curves-panel"), panel !== null);
  byId("curves").replaceChildren(...(panel ?? []));
}

function drawLinks() {
  const links = [["", "search"], ["/ranking", "ranking"], ["/elements", "elements"], ["/lattice", "lattice"], ["/evidence", "evidence"]];
  const report = pageLink(`${base}/report`, "report to print or keep", `${id}.html`, (error) => notice(byId("notice"), error.message));
  byId("raw").replaceChildren(
    ...(search.state === "done" ? [report] : []),
    ...links.map(([path, name]) => jsonLink(`${base}${path}`, `${name} as JSON`, `${id}${path.replace("/", "-")}.json`)),
  );
}

async function refresh() {
  const [found, ranked, hasse, evidence, curves] = await Promise.all(["", "/ranking", "/lattice", "/elements", "/curves"].map((part) => request(base + part)));
  search = found;
  ranking = ranked;
  drawAnswer();
  drawActions();
  drawWarnings();
  drawRanking(evidence.items);
  drawLattice(hasse);
  drawElements(evidence.items, hasse.nodes);
  drawCurves(curves.items);
  drawLinks();
}

// At most one refresh at a time and one a second, and never a stale last one.
let refreshing = false;
let wanted = false;
async function refreshSoon() {
  wanted = true;
  if (refreshing) return;
  refreshing = true;
  while (wanted) {
    wanted = false;
    await refresh().catch((error) => notice(byId("notice"), error.message));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  refreshing = false;
}

let watching = null;
function watch() {
  watching?.abort();
  const ended = new AbortController();
  watching = ended;
  const onevent = (kind, data) => {
    if (kind === "progress") {
      search.progress = { ...search.progress, ...data };
      if (!isFinal()) drawAnswer();
      return;
    }
    if (kind === "search" && FINAL.includes(data.state)) ended.abort();
    refreshSoon();
  };
  follow(`${base}/events`, onevent, AbortSignal.any([leaving.signal, ended.signal]));
}

async function start() {
  try {
    await refresh();
  } catch (error) {
    show(byId("loading"), false);
    notice(byId("notice"), error instanceof ApiError && error.status === 404 ? "There is no such search." : error.message);
    return;
  }
  byId("legend").replaceChildren(legend());
  show(byId("loading"), false);
  show(byId("content"), true);
  drawHeading();
  if (!isFinal()) watch();
}

start();
