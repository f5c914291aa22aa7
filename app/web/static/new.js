// A new search: which data, which groups, and what it takes; the cost is asked for again whenever the question changes.

import { explain, request } from "./api.js";
import { costPanel } from "./cost.js";
import { byId, el, notice, redraw, show } from "./dom.js";
import { count } from "./format.js";
import { chosenList, picture, pictureLegend } from "./picker.js";

const TYPING = 350;
const WHICH = ["auto", "chosen", "json"];

let dataset = null;
let offered = { items: [], covers: [], auto: [] };
let estimate = null;
const chosen = new Map(); // name of a group -> its label action

const which = () => WHICH.find((choice) => byId(`which-${choice}`).checked);
const centred = () => dataset.domain === "image2d" && byId("centre").checked;

// The usual list as entries; about the centre alone it is the largest group of the pixel grid.
function usual() {
  if (!centred()) return "auto";
  const [height, width] = dataset.x_shape.slice(-2);
  return [{ group: height === width ? "D4" : "D2", translations: false }];
}

function entry([group, labels]) {
  if (group === "E") return "E"; // which has no translations anyway
  const options = { ...(labels === "trivial" ? {} : { labels }), ...(centred() ? { translations: false } : {}) };
  return Object.keys(options).length ? { group, ...options } : group;
}

// What is asked, as POST /v1/searches takes it. Throws Error in words that help.
function question() {
  const value = (id) => Number(byId(id).value);
  const body = {
    dataset_id: dataset.id,
    include_subgroups: byId("include-subgroups").checked,
    tolerance: value("tolerance"),
    folds: value("folds"),
    seeds: value("seeds"),
    budget: { max_seconds: value("max-seconds"), max_epochs: value("max-epochs") },
    utility: byId("utility").value,
    matching: byId("matching").value,
  };
  if (byId("search-name").value.trim()) body.name = byId("search-name").value.trim();
  if (byId("stopping").checked) body.stopping = "settled";
  if (which() === "json") {
    try {
      body.candidates = JSON.parse(byId("candidates-json").value);
    } catch (error) {
      throw new Error(`The candidates are not JSON: ${error.message}`);
    }
  } else {
    body.candidates = which() === "auto" ? usual() : [...chosen].map(entry);
  }
  if (body.candidates.length === 0) throw new Error("Choose at least one group on the picture.");
  return body;
}

// The groups to draw. About the centre alone only some are offered, and the smallest is E.
function drawable() {
  if (!centred()) return offered;
  const named = offered.items.map((item) => (item.name === "T" ? { ...item, name: "E", title: "no symmetry", centred: true } : item));
  const kept = named.flatMap((item, index) => (item.centred ? [index] : []));
  const covers = offered.covers.filter((pair) => pair.every((node) => kept.includes(node))).map((pair) => pair.map((node) => kept.indexOf(node)));
  return { items: kept.map((index) => named[index]), covers };
}

// What was chosen goes by other names, or is not offered, when the centre comes or goes.
function renameChosen() {
  const known = new Set(drawable().items.map((item) => item.name));
  const before = [...chosen];
  chosen.clear();
  for (const [name, labels] of before) {
    const now = name === "T" || name === "E" ? offeredTrivial() : name;
    if (known.has(now)) chosen.set(now, labels);
  }
}

const offeredTrivial = () => (dataset.domain === "image2d" && !centred() ? "T" : "E");

function standing(name) {
  if (which() === "chosen" && chosen.has(name)) return "chosen";
  const planned = estimate?.candidates.find((item) => item.group === name);
  if (!planned) return "out";
  return which() === "auto" && planned.posted ? "chosen" : "along";
}

function toggle(name) {
  if (which() === "auto") {
    // Changing the usual list begins with that list.
    chosen.clear();
    for (const group of offered.auto) chosen.set(group, "trivial");
    renameChosen();
    byId("which-chosen").checked = true;
  }
  if (!chosen.delete(name)) chosen.set(name, "trivial");
  ask(0);
}

// Its line in the list is gone then: the keyboard goes on from the group in the picture.
function leaveOut(name) {
  toggle(name);
  byId("picture").querySelector(`[data-group="${CSS.escape(name)}"]`)?.focus({ preventScroll: true });
}

function draw() {
  show(byId("picture-part"), which() !== "json");
  show(byId("json-field"), which() === "json");
  show(byId("centre-choice"), dataset.domain === "image2d");
  show(byId("all-choice"), offered.items.length > 0);
  if (which() === "json") return;
  const scrolled = byId("picture").querySelector(".lattice-frame")?.scrollLeft ?? 0;
  const shown = drawable();
  redraw(byId("picture"), picture(shown, standing, toggle), pictureLegend());
  byId("picture").querySelector(".lattice-frame")?.scrollTo({ left: scrolled });
  redraw(byId("chosen"), ...(which() === "chosen" && chosen.size ? [chosenList(shown.items, chosen, () => ask(0), leaveOut)] : []));
}

let waiting = null;
let asking = null;

// Ask what the question costs, `pause` milliseconds after the last change of it.
function ask(pause) {
  draw();
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    try {
      const found = await request("/v1/searches/estimate", { method: "POST", json: question(), signal: mine.signal });
      if (mine.signal.aborted) return;
      estimate = found;
      byId("cost").replaceChildren(...costPanel(estimate));
      byId("start").disabled = false;
    } catch (error) {
      if (mine.signal.aborted) return;
      estimate = null;
      byId("cost").replaceChildren(el("p", { class: "notice notice-warning" }, explain(error)));
      byId("start").disabled = true;
    }
    draw();
  }, pause);
}

const groupsOf = (id) => request(`/v1/datasets/${encodeURIComponent(id)}/groups?usual=${!byId("all-groups").checked}`);

let turn = 0;

async function use(id) {
  const mine = ++turn; // an answer that comes when another one was chosen meanwhile is of no use
  clearTimeout(waiting);
  asking?.abort();
  byId("start").disabled = true;
  notice(byId("notice"), "");
  dataset = null;
  show(byId("rest"), false);
  byId("rest").disabled = true;
  if (!id) return;
  try {
    const [found, groups] = await Promise.all([request(`/v1/datasets/${encodeURIComponent(id)}`), groupsOf(id)]);
    if (mine !== turn) return;
    [dataset, offered] = [found, groups];
  } catch (error) {
    if (mine !== turn) return;
    notice(byId("notice"), error.status === 404 ? "There is no such data set; it may have been deleted." : explain(error));
    return;
  }
  if (!offered.auto.length) byId("which-json").checked = true;
  history.replaceState(null, "", `/new?dataset=${encodeURIComponent(id)}`);
  byId("dataset-facts").replaceChildren(
    `${count(dataset.n)} samples of ${dataset.x_shape.join(" × ")}, ${dataset.domain}, ${dataset.task}. `,
    el("a", { href: `/datasets/${encodeURIComponent(id)}` }, "Look at it"),
  );
  byId("search-name").placeholder = dataset.name;
  chosen.clear();
  estimate = null;
  show(byId("rest"), true);
  byId("rest").disabled = false;
  ask(0);
}

async function submit(event) {
  event.preventDefault();
  notice(byId("search-error"), "");
  byId("start").disabled = true;
  try {
    const search = await request("/v1/searches", { method: "POST", json: question() });
    location.assign(`/searches/${encodeURIComponent(search.id)}`);
  } catch (error) {
    notice(byId("search-error"), explain(error));
    byId("start").disabled = false;
  }
}

async function start() {
  const select = byId("dataset");
  const asked = new URLSearchParams(location.search).get("dataset") ?? "";
  try {
    const { items } = await request("/v1/datasets?limit=200");
    select.replaceChildren(el("option", { value: "" }, items.length ? "Choose one …" : "None was sent yet"), ...items.map(({ id, name }) => el("option", { value: id }, name)));
    if (asked && !items.some(({ id }) => id === asked)) select.append(el("option", { value: asked }, asked));
    if (!items.length && !asked) byId("dataset-facts").replaceChildren(el("a", { href: "/datasets" }, "Send a data set first"));
  } catch (error) {
    notice(byId("notice"), explain(error));
  }
  select.value = asked;
  select.addEventListener("change", () => use(select.value));
  byId("form").addEventListener("submit", submit);
  byId("all-groups").addEventListener("change", async () => {
    const mine = turn;
    try {
      const groups = await groupsOf(dataset.id);
      if (mine !== turn) return;
      offered = groups;
      draw();
    } catch (error) {
      notice(byId("notice"), explain(error));
    }
  });
  byId("rest").addEventListener("input", (event) => {
    if (event.target.id === "centre") renameChosen();
    if (["search-name", "all-groups"].includes(event.target.id) || event.target.closest("#chosen")) return;
    ask(["number", "textarea"].includes(event.target.type) ? TYPING : 0);
  });
  // Back from the search that was started, to the page as it was left: the question can be asked again.
  addEventListener("pageshow", (event) => event.persisted && dataset && ask(0));
  await use(asked);
}

start();
