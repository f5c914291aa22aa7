// The form: a file becomes a data set, the data set offers its candidate groups, and the choice becomes a search.

import { request, upload } from "./api.js";
import { byId, el, notice, show } from "./dom.js";
import { bytes, count, groupName, percent } from "./format.js";

let current = null;
let reload = async () => [];

function message(error) {
  const named = (error.errors ?? []).map((item) => [item.pointer, item.detail].filter(Boolean).join(": "));
  return [error.message, ...named.filter((text) => !text.includes(error.message))].join(" ");
}

function fact(name, value) {
  return value === null || value === undefined ? null : el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function drawFacts(dataset) {
  const classes = dataset.classes ? `${dataset.classes.length}: ${dataset.classes.slice(0, 8).join(", ")}${dataset.classes.length > 8 ? ", …" : ""}` : null;
  byId("dataset-facts").replaceChildren(
    el(
      "dl",
      { class: "facts" },
      fact("Data set", dataset.name),
      fact("Samples", count(dataset.n)),
      fact("One sample", dataset.x_shape.join(" × ")),
      fact("Domain", dataset.domain),
      fact("Task", dataset.task),
      fact("Classes", classes),
      fact("Target dimension", dataset.task === "regression" ? dataset.target_dim : null),
      fact("Size", bytes(dataset.bytes)),
    ),
    ...(dataset.warnings ?? []).map((warning) => el("p", { class: "notice notice-warning" }, typeof warning === "string" ? warning : warning.detail)),
  );
}

function groupChoice(group, domain, index) {
  const id = `group-${index}`;
  return el(
    "p",
    { class: "choice" },
    el("input", { type: "checkbox", id, name: "group", value: group.name }),
    " ",
    el("label", { for: id, title: group.title }, groupName(group.name), el("small", {}, group.supported?.[domain] === "interpolated" ? `${group.title}, interpolated` : group.title)),
  );
}

async function drawCatalogue(domain) {
  const { items } = await request(`/v1/groups?domain=${encodeURIComponent(domain)}`);
  byId("catalogue").replaceChildren(...items.map((group, index) => groupChoice(group, domain, index)));
}

export async function useDataset(dataset) {
  current = dataset;
  byId("dataset").value = dataset.id;
  show(byId("upload-fields"), false);
  drawFacts(dataset);
  show(byId("search"), true);
  byId("centre").checked = false;
  byId("which-auto").checked = true;
  drawWhich();
  byId("search-name").placeholder = dataset.name;
  notice(byId("search-error"), "");
  byId("new-title").scrollIntoView({ block: "start" });
  try {
    await drawCatalogue(dataset.domain);
  } catch (error) {
    notice(byId("search-error"), message(error));
  }
}

function askForFile() {
  current = null;
  show(byId("upload-fields"), true);
  show(byId("search"), false);
  byId("dataset-facts").replaceChildren();
}

function drawOptions(datasets) {
  byId("dataset").replaceChildren(
    el("option", { value: "" }, "Upload a file …"),
    ...datasets.map((dataset) => el("option", { value: dataset.id }, dataset.name)),
  );
}

async function send(event) {
  event.preventDefault();
  const button = byId("upload-button");
  const progress = byId("upload-progress");
  const form = new FormData(byId("upload"));
  for (const [name, value] of [...form.entries()]) if (value === "") form.delete(name);
  notice(byId("upload-error"), "");
  button.disabled = true;
  try {
    const dataset = await upload("/v1/datasets", form, (fraction) => {
      progress.textContent = fraction < 1 ? `Sent ${percent(fraction)}` : "Reading and checking the data …";
    });
    const datasets = await reload();
    drawOptions(datasets.some((item) => item.id === dataset.id) ? datasets : [dataset, ...datasets]);
    await useDataset(dataset);
  } catch (error) {
    notice(byId("upload-error"), message(error));
  } finally {
    progress.textContent = "";
    button.disabled = false;
  }
}

const WHICH = ["auto", "chosen", "json"];
const which = () => WHICH.find((choice) => byId(`which-${choice}`).checked);

// What the form asks for. Throws SyntaxError when the text is not JSON.
function candidates() {
  if (which() === "json") return JSON.parse(byId("candidates-json").value);
  const centred = current.domain === "image2d" && byId("centre").checked;
  if (which() === "auto" && !centred) return "auto";
  const [height, width] = current.x_shape.slice(-2);
  const chosen = which() === "auto" ? [height === width ? "D4" : "D2"] : [...document.querySelectorAll("input[name=group]:checked")].map((box) => box.value);
  if (!centred) return chosen;
  // Without translations the trivial group is E.
  return chosen.map((group) => (group === "T" || group === "E" ? "E" : { group, translations: false }));
}

function drawWhich() {
  show(byId("catalogue"), which() === "chosen");
  show(byId("json-field"), which() === "json");
  show(byId("centre-choice"), current?.domain === "image2d" && which() !== "json");
}

async function ask(event) {
  event.preventDefault();
  notice(byId("search-error"), "");
  const value = (id) => Number(byId(id).value);
  const body = {
    dataset_id: current.id,
    include_subgroups: byId("include-subgroups").checked,
    tolerance: value("tolerance"),
    folds: value("folds"),
    seeds: value("seeds"),
    budget: { max_seconds: value("max-seconds"), max_epochs: value("max-epochs") },
  };
  if (byId("search-name").value) body.name = byId("search-name").value;
  try {
    body.candidates = candidates();
  } catch (error) {
    notice(byId("search-error"), `The candidates are not JSON: ${error.message}`);
    return;
  }
  if (body.candidates.length === 0) {
    notice(byId("search-error"), "Choose at least one group.");
    return;
  }
  byId("start").disabled = true;
  try {
    const search = await request("/v1/searches", { method: "POST", json: body });
    location.assign(`/searches/${encodeURIComponent(search.id)}`);
  } catch (error) {
    notice(byId("search-error"), message(error));
  } finally {
    byId("start").disabled = false;
  }
}

// datasets: those known at the start; load: reads the list again and redraws it.
export function prepareForm(datasets, load) {
  reload = load;
  drawOptions(datasets);
  byId("upload").addEventListener("submit", send);
  byId("search").addEventListener("submit", ask);
  byId("dataset").addEventListener("change", async (event) => {
    const known = (await reload()).find((dataset) => dataset.id === event.target.value);
    if (known) await useDataset(known);
    else askForFile();
  });
  for (const radio of document.querySelectorAll("input[name=which]")) {
    radio.addEventListener("change", drawWhich);
  }
}
