// The data sets: sending one, and those that were sent.

import { byId, el } from "./dom.js";
import { count, moment } from "./format.js";
import { cell, listing } from "./listing.js";
import { uploader } from "./upload.js";

const row = (dataset) =>
  el(
    "tr",
    {},
    el("th", { scope: "row" }, el("a", { href: `/datasets/${encodeURIComponent(dataset.id)}` }, dataset.name)),
    cell("Samples", count(dataset.n)),
    cell("One sample", dataset.x_shape.join(" × ")),
    cell("Domain", dataset.domain),
    cell("Task", dataset.task),
    cell("Sent", moment(dataset.created_at)),
    cell("Use", el("a", { class: "button", href: `/new?dataset=${encodeURIComponent(dataset.id)}`, "aria-label": `New search in ${dataset.name}` }, "Search")),
  );

const list = listing({
  frame: byId("datasets"),
  name: "Data sets",
  headings: ["Name", "Samples", "One sample", "Domain", "Task", "Sent", "Use"],
  row,
  what: "data sets",
  empty: "No data sets yet.",
});

uploader(byId("upload"), () => list.load("/v1/datasets"));
list.load("/v1/datasets");
