// The page of one data set: what was recognised, what it looks like, and the searches in it.

import { ApiError, explain, request } from "./api.js";
import { byId, el, notice, show } from "./dom.js";
import { previewPanel } from "./preview.js";
import { datasetFacts } from "./recognised.js";
import { searchList } from "./searchlist.js";

const where = location.pathname.split("/").filter(Boolean).at(-1); // as it stands in an address

function askToDelete(dataset) {
  const remove = el("button", { type: "submit", value: "delete", class: "danger" }, "Delete it");
  const keep = el("button", { type: "submit", value: "keep", autofocus: true }, "Keep it");
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "delete-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "delete-title" }, `Delete ${dataset.name}?`),
      el("p", {}, "Its samples are deleted for good. Finished searches keep their results, but cannot be retried."),
      el("p", { class: "next" }, keep, remove),
    ),
  );
  dialog.addEventListener("close", async () => {
    dialog.remove();
    if (dialog.returnValue !== "delete") return;
    try {
      await request(`/v1/datasets/${where}`, { method: "DELETE" });
      location.assign("/datasets");
    } catch (error) {
      notice(byId("notice"), explain(error));
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

async function drawPreview() {
  try {
    byId("preview").replaceChildren(...previewPanel(await request(`/v1/datasets/${where}/preview`)));
  } catch (error) {
    byId("preview").replaceChildren(el("p", { class: "quiet" }, explain(error)));
  }
}

async function start() {
  let dataset;
  try {
    dataset = await request(`/v1/datasets/${where}`);
  } catch (error) {
    notice(byId("notice"), error instanceof ApiError && error.status === 404 ? "There is no such data set; it may have been deleted." : explain(error));
    return;
  } finally {
    show(byId("loading"), false);
  }
  document.title = `${dataset.name} · Erlangen`;
  byId("name").textContent = dataset.name;
  byId("actions").replaceChildren(
    el("a", { class: "button primary", href: `/new?dataset=${where}` }, "Search for its symmetry"),
    el("button", { type: "button", onclick: () => askToDelete(dataset) }, "Delete"),
  );
  byId("facts").replaceChildren(...datasetFacts(dataset));
  byId("correct").replaceChildren(el("p", { class: "quiet" }, "Something is wrong? ", el("a", { href: "/datasets" }, "Send the file again"), " and say how to read it: only you have its bytes."));
  show(byId("content"), true);
  drawPreview();
  searchList(byId("searches"), { withData: false, empty: ["None yet. ", el("a", { href: `/new?dataset=${where}` }, "Start one.")] }).load(`/v1/searches?dataset_id=${where}`);
}

start();
