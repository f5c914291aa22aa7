// What a trained candidate left: its network to download, and how equivariant it is.

import { fileLink, request } from "./api.js";
import { el } from "./dom.js";
import { equivarianceFigure } from "./equivariance.js";

const REPORT = "equivariance.json";
const MODELS = [["network.onnx", "onnx", "network as ONNX"], ["network.safetensors", "safetensors", "weights as safetensors"]];

// item: as GET /v1/searches/{id}/ranking gives it. The report is fetched when the panel is first shown.
export function networkPanel(item) {
  const files = item.files ?? [];
  const base = `/v1/candidates/${encodeURIComponent(item.candidate_id)}`;
  const problem = el("p", { class: "quiet", role: "status" });
  const say = (error) => (problem.textContent = error.message);
  const figure = el("div", { class: "figure" });
  const show = async () => {
    if (!files.includes(REPORT)) return;
    try {
      figure.replaceChildren(equivarianceFigure(await request(`${base}/equivariance`)));
    } catch (error) {
      say(error);
    }
  };
  const links = MODELS.filter(([file]) => files.includes(file)).map(([, format, text]) =>
    fileLink(`${base}/model?format=${format}`, text, `${item.group.replace(/[^\w-]/g, "-")}-${item.candidate_id}.${format}`, say),
  );
  if (files.includes(REPORT)) links.push(fileLink(`${base}/equivariance`, "its equivariance as JSON", `${item.candidate_id}-equivariance.json`, say));
  const missing = Object.entries(item.missing ?? {}).map(([file, reason]) => el("p", { class: "quiet" }, `No ${file}: ${reason}`));
  return el("section", { class: "network", onshown: show }, el("h3", {}, "The trained network"), el("p", { class: "links" }, links), missing, problem, figure);
}
