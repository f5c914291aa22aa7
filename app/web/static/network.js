// What a trained candidate left: its network to download, and how equivariant it is.

import { fileLink, request } from "./api.js";
import { el } from "./dom.js";
import { equivarianceFigure } from "./equivariance.js";

const REPORT = "equivariance.json";
const MODELS = [["network.onnx", "onnx", "network as ONNX"], ["network.safetensors", "safetensors", "weights as safetensors"]];

const addressOf = (item) => `/v1/candidates/${encodeURIComponent(item.candidate_id)}`;

// Links to the files of a candidate; say(error) shows what went wrong.
export function modelLinks(item, say) {
  const files = item.files ?? [];
  const links = MODELS.filter(([file]) => files.includes(file)).map(([, format, text]) =>
    fileLink(`${addressOf(item)}/model?format=${format}`, text, `${item.group.replace(/[^\w-]/g, "-")}-${item.candidate_id}.${format}`, say),
  );
  if (files.includes(REPORT)) links.push(fileLink(`${addressOf(item)}/equivariance`, "its equivariance as JSON", `${item.candidate_id}-equivariance.json`, say));
  return links;
}

// item: as GET /v1/searches/{id}/ranking gives it. The report is fetched when the panel is first shown.
export function networkPanel(item, heading = "The trained network") {
  const problem = el("p", { class: "quiet", role: "status" });
  const say = (error) => (problem.textContent = error.message);
  const figure = el("div", { class: "figure-frame" });
  const show = async () => {
    if (!(item.files ?? []).includes(REPORT) || figure.firstChild) return;
    try {
      figure.replaceChildren(equivarianceFigure(await request(`${addressOf(item)}/equivariance`)));
    } catch (error) {
      say(error);
    }
  };
  const missing = Object.entries(item.missing ?? {}).map(([file, reason]) => el("p", { class: "quiet" }, `No ${file}: ${reason}`));
  return el("section", { class: "network", onshown: show }, heading ? el("h3", {}, heading) : null, el("p", { class: "links" }, modelLinks(item, say)), missing, problem, figure);
}
