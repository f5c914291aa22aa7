// What was recognised in a file, and how to have it read in another way.

import { el } from "./dom.js";
import { bytes, count, moment } from "./format.js";

const SHOWN = 12;

const fact = (name, value) => (value === null || value === undefined ? null : el("div", {}, el("dt", {}, name), el("dd", {}, value)));

function classNames(classes) {
  if (!classes) return null;
  return `${classes.length}: ${classes.slice(0, SHOWN).join(", ")}${classes.length > SHOWN ? ", …" : ""}`;
}

const DOMAINS = { image2d: "images (image2d)", vector: "vectors (vector)" };

export function datasetFacts(dataset) {
  return [
    el(
      "dl",
      { class: "facts" },
      fact("Domain", DOMAINS[dataset.domain] ?? dataset.domain),
      fact("Task", dataset.task),
      fact("Samples", count(dataset.n)),
      fact(dataset.domain === "image2d" ? "One sample: channels × height × width" : "Numbers a sample", dataset.x_shape.join(" × ")),
      fact("Classes", classNames(dataset.classes)),
      fact("Numbers to predict", dataset.task === "regression" ? dataset.target_dim : null),
      fact("File", bytes(dataset.bytes)),
      fact("Sent", moment(dataset.created_at)),
    ),
    ...(dataset.warnings ?? []).map((warning) => el("p", { class: "notice notice-warning" }, typeof warning === "string" ? warning : warning.detail)),
  ];
}

const choice = (name, label, options, value) =>
  el("p", { class: "field" }, el("label", { for: `read-${name}` }, label), el("select", { id: `read-${name}`, name }, [el("option", { value: "" }, "found from the file"), ...options.map((option) => el("option", { selected: option === value }, option))]));

const column = (name, label, note) =>
  el("p", { class: "field" }, el("label", { for: `read-${name}` }, label, el("small", {}, note)), el("input", { id: `read-${name}`, name, autocomplete: "off", spellcheck: "false" }));

// The form's fields are those of POST /v1/datasets beside the file. onsend receives those that were filled in.
export function readingForm(button, onsend, given = {}) {
  const form = el(
    "form",
    { class: "reading" },
    el(
      "div",
      { class: "fields" },
      el("p", { class: "field" }, el("label", { for: "read-name" }, "Name"), el("input", { id: "read-name", name: "name", maxlength: 200, autocomplete: "off" })),
      choice("domain", "Domain", ["image2d", "vector"], given.domain),
      choice("task", "Task", ["classification", "regression"], given.task),
      column("target", "Target", "column of a table, several with commas; npz: the y array"),
      column("groups", "Related samples", "column or array that says which stay together"),
      column("split", "Split", "column or array of train and test marks"),
    ),
    el("p", {}, el("button", { type: "submit" }, button)),
  );
  for (const [name, value] of Object.entries(given)) if (form.elements[name]) form.elements[name].value = value;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onsend(Object.fromEntries([...new FormData(form)].filter(([, value]) => value.trim())));
  });
  return form;
}
