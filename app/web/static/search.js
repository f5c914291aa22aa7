// The page of one search. A finished one is shown in the order of a reader's questions: the answer, the lattice, the
// ranking, the elements, samples, what it is worth, what the data shows, the network, warnings, downloads.

import { ApiError, follow, request } from "./api.js";
import { answerOfDone, answerOfStopped, toneOf } from "./answer.js";
import { chosenCard } from "./chosen.js";
import { curvesPanel } from "./curves.js";
import { byId, el, notice, redraw, refit, show } from "./dom.js";
import { downloads } from "./downloads.js";
import { elementsTable } from "./elements.js";
import { candidateName, centred, count, mixed, moment } from "./format.js";
import { galleryPanel } from "./gallery.js";
import { redrawGrids } from "./grid.js";
import { lattice } from "./lattice.js";
import { lawsPanel } from "./laws.js";
import { networkPanel } from "./network.js";
import { polarPlots, standingKeys } from "./polar.js";
import { rankingTable } from "./ranking.js";
import { runningView } from "./running.js";
import { spectrumFigures } from "./spectra.js";
import { legend, stateBadge, verdictClass } from "./verdicts.js";

const id = location.pathname.split("/").filter(Boolean).at(-1); // as it is written in an address
const base = `/v1/searches/${id}`;
const FINAL = ["done", "failed", "cancelled"];
const PARTS = ["", "/ranking", "/lattice", "/elements", "/curves", "/evidence"];
const leaving = new AbortController();
addEventListener("pagehide", () => leaving.abort());
addEventListener("pageshow", (event) => event.persisted && location.reload()); // kept by Back: what it followed has ended

let search = null;
let ranking = { items: [] };
let diagram = null;
let table = null; // of the ranking, as it was drawn last
let picked = null; // the name of the group that the reader chose in the lattice or the table
const live = runningView();

const isFinal = () => FINAL.includes(search.state);
const isDone = () => search.state === "done";
const say = (error) => notice(byId("notice"), error.message);

function bestId() {
  return isDone() ? search.best?.candidate_id ?? ranking.items.find((item) => item.rank === 1)?.candidate_id ?? null : null;
}

function drawAnswer(curves) {
  const answer = byId("answer");
  answer.setAttribute("aria-live", isFinal() ? "polite" : "off"); // while it runs its heading speaks for it
  if (!isFinal()) {
    answer.className = "answer v-none";
    if (live.node.parentElement !== answer) answer.replaceChildren(live.node);
    return;
  }
  answer.className = `answer ${isDone() ? verdictClass(toneOf(search, ranking)) : search.state === "failed" ? "v-refuted" : "v-none"}`;
  answer.replaceChildren(...(isDone() ? answerOfDone(search, ranking, curves.find((item) => item.candidate_id === bestId())) : answerOfStopped(search)));
}

async function act(verb) {
  try {
    await request(`${base}/${verb}`, { method: "POST" });
    notice(byId("notice"), "");
    await refresh();
    if (!isFinal()) watch();
  } catch (error) {
    say(error);
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
  show(byId("warnings-panel"), warnings.length > 0);
  byId("warnings").replaceChildren(...warnings.map((warning) => el("li", {}, typeof warning === "string" ? warning : warning.detail ?? JSON.stringify(warning))));
}

async function drawHeading() {
  document.title = `${search.name || "Search"} · Erlangen`;
  byId("name").textContent = search.name || "Search";
  byId("facts").replaceChildren(search.dataset_id, " · ", "asked ", moment(search.created_at));
  try {
    const dataset = await request(`/v1/datasets/${encodeURIComponent(search.dataset_id)}`);
    byId("facts").replaceChildren(`${dataset.name}: ${count(dataset.n)} samples of ${dataset.x_shape.join(" × ")}, ${dataset.domain}, ${dataset.task}`, " · asked ", moment(search.created_at));
  } catch {
    // The data set may be gone; its identifier stays in the heading.
  }
}

// The element that refutes a candidate, the costliest of those that do; a point of a spectrum is named by the reason.
function refuting(item, elements, name) {
  if (item.verdict !== "refuted") return null;
  const guilty = elements.filter((one) => one.refuted && (one.in_groups ?? []).includes(name));
  return guilty.sort((a, b) => b.defect.value - a.defect.value)[0]?.element ?? null;
}

// Lattice, ranking and elements show one choice together.
function drawGroups(hasse, elements) {
  const best = bestId();
  const items = new Map(ranking.items.map((item) => [item.candidate_id, item]));
  const titles = new Map(elements.map((item) => [item.element, item.title ?? item.element]));
  const opened = [...document.querySelectorAll(".disclose[aria-expanded=true]")].map((button) => button.getAttribute("aria-controls").replace("details-", ""));
  const apart = mixed(hasse.nodes);
  const nodes = hasse.nodes.map((node) => ({ ...node, best: node.candidate_id === best, apart, dashed: apart && centred(node) }));
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const names = new Map(nodes.map((node) => [node.candidate_id, node.name]));

  table = rankingTable(ranking.items, {
    bestId: best,
    refuting: (item) => titles.get(refuting(item, elements, names.get(item.candidate_id))) ?? null,
    weights: search.request?.weights ?? {},
    onopen: (item, open) => open && pick(nodes.findIndex((node) => node.candidate_id === item.candidate_id)),
  });
  const evidence = elements.length ? elementsTable(elements, ranking.tolerance, (name) => (byName.has(name) ? candidateName(byName.get(name), apart) : name)) : null;
  const choose = (index, { open = false } = {}) => {
    const node = nodes[index];
    if (!node) return;
    diagram.select(index);
    const inside = elements.filter((item) => (item.in_groups ?? []).includes(node.name));
    const item = items.get(node.candidate_id);
    const opener = isFinal() ? () => table.open(node.candidate_id) : null; // the table stands on the page of a final search
    refit(byId("chosen"), ...chosenCard(node, item, inside, ranking.tolerance, opener).filter(Boolean));
    byId("chosen").className = `chosen ${verdictClass(node.verdict)}`;
    table.mark(node.candidate_id);
    const members = new Set(inside.map(({ element }) => element));
    evidence?.mark(members);
    for (const ray of document.querySelectorAll("#polar .ray")) ray.classList.toggle("inside", members.has(ray.dataset.element));
    if (open) table.open(node.candidate_id);
  };
  const pick = (index, options) => {
    picked = nodes[index]?.name ?? null;
    choose(index, options);
  };
  const view = diagram?.view();
  diagram?.close();
  diagram = lattice(nodes, hasse.covers, pick, view);
  redraw(byId("lattice"), diagram.root, ...(apart ? [el("p", { class: "quiet" }, "Dashed: about the centre alone, without translations.")] : []));
  byId("ranking-title").textContent = isDone() ? "Candidates, best first" : "Candidates";
  redrawGrids(byId("ranking"), ranking.items.length ? table.root : el("p", { class: "quiet" }, "Nothing ranked yet."));
  drawElements(elements, evidence);
  opened.forEach(table.reopen);
  const again = nodes.findIndex((node) => node.name === picked);
  choose(again < 0 ? Math.max(nodes.findIndex((node) => node.best), 0) : again);
}

function drawElements(items, evidence) {
  const plots = isDone() ? polarPlots(items, ranking.tolerance) : null;
  byId("polar").replaceChildren(...(plots ? [plots, standingKeys()] : isDone() && items.length ? [standingKeys()] : []));
  byId("elements-note").textContent = `Each element is tested by moving held-out samples. The tinted part ends at the tolerance, ${ranking.tolerance}; the axis is logarithmic beyond it. Those of the group that is chosen in the lattice are drawn strong, and marked by a bar in the table.`;
  redrawGrids(byId("elements"), evidence && items.some(({ defect }) => defect) ? evidence.root : el("p", { class: "quiet" }, isDone() ? "No element was tested." : "The elements are tested when all candidates have been trained."));
}

function drawFindings(items, curves, evidence) {
  const best = ranking.items.find((item) => item.candidate_id === bestId());
  const curved = curvesPanel(curves, bestId());
  byId("spectra").replaceChildren(...spectrumFigures(evidence.spectrum ?? [], ranking.tolerance));
  redrawGrids(byId("curves"), ...(curved ?? [el("p", { class: "quiet" }, "No learning curves: ", curves.find(({ cut }) => cut)?.cut ?? "none has two sizes", ".")]));
  redrawGrids(byId("laws"), ...lawsPanel(items, evidence.duplicates).filter(Boolean));
  show(byId("network-panel"), Boolean(isDone() && best && !best.spared && best.files?.length));
  if (best && !byId("network-panel").hidden) {
    const panel = networkPanel(best, null);
    byId("network-title").textContent = `The trained network of ${best.name}`;
    byId("network").replaceChildren(panel);
    panel.dispatchEvent(new Event("shown"));
  }
  byId("raw").replaceChildren(downloads(base, id, best, say));
}

async function drawGallery(elements, nodes) {
  const node = nodes.find(({ candidate_id: candidate }) => candidate === bestId());
  const claimed = ["certified", "approximate"].includes(node?.verdict) ? node : null;
  try {
    byId("gallery").replaceChildren(...galleryPanel(await request(`${base}/gallery`), elements, ranking.tolerance, claimed).filter(Boolean));
  } catch (error) {
    byId("gallery").replaceChildren(el("p", { class: "quiet" }, error.message));
  }
}

async function refresh() {
  const [found, ranked, hasse, elements, curves, evidence] = await Promise.all(PARTS.map((part) => request(base + part)));
  search = found;
  ranking = ranked;
  show(byId("loading"), false);
  show(byId("content"), true);
  for (const panel of document.querySelectorAll(".when-final")) show(panel, isFinal()); // until then candidates stand above
  for (const panel of document.querySelectorAll(".when-done")) show(panel, isDone());
  live.update(search, ranking.items);
  drawAnswer(curves.items);
  drawActions();
  drawWarnings();
  drawGroups(hasse, elements.items);
  if (isFinal()) drawFindings(elements.items, curves.items, evidence);
  if (isDone()) drawGallery(elements.items, hasse.nodes);
  else show(byId("network-panel"), false);
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
    await refresh().catch(say);
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
    live.hear(kind, data);
    if (kind === "progress" || kind === "epoch") return;
    if (kind === "search" && FINAL.includes(data.state)) ended.abort();
    refreshSoon();
  };
  follow(`${base}/events`, onevent, AbortSignal.any([leaving.signal, ended.signal]));
}

async function start() {
  byId("legend").replaceChildren(legend());
  try {
    await refresh();
  } catch (error) {
    show(byId("loading"), false);
    if (error instanceof ApiError && error.status === 404) notice(byId("notice"), "There is no such search.");
    else say(error);
    return;
  }
  drawHeading();
  document.getElementById(location.hash.slice(1))?.scrollIntoView(); // a candidate's row, made after the page
  performance.mark("interactive");
  if (!isFinal()) watch();
}

start();
