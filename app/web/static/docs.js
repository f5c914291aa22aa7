// The OpenAPI document as a page: every operation with its parameters and an example.

import { request } from "./api.js";
import { byId, el, notice } from "./dom.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

function resolve(schema, document) {
  const path = schema?.$ref?.split("/").slice(1);
  return path ? path.reduce((node, key) => node?.[key], document) : schema;
}

function exampleOf(content, document) {
  const media = content?.["application/json"] ?? Object.values(content ?? {})[0];
  if (!media) return null;
  const given = media.example ?? Object.values(media.examples ?? {})[0]?.value;
  return given ?? resolve(media.schema, document)?.examples?.[0] ?? null;
}

function exampleBlock(title, example) {
  if (example === null || example === undefined) return null;
  const text = typeof example === "string" ? example : JSON.stringify(example, null, 2);
  return [el("h4", {}, title), el("pre", { tabindex: "0" }, el("code", {}, text))];
}

function fieldTable(title, rows) {
  if (!rows.length) return null;
  return [
    el("h4", {}, title),
    el(
      "dl",
      { class: "fields-list" },
      rows.map(({ name, where, required, description }) =>
        el("div", {}, el("dt", {}, el("code", {}, name), el("small", {}, [where, required ? "required" : null].filter(Boolean).join(", "))), el("dd", {}, description ?? "")),
      ),
    ),
  ];
}

function bodyFields(body, document) {
  const media = body?.content?.["multipart/form-data"] ?? body?.content?.["application/json"];
  const schema = resolve(media?.schema, document);
  return Object.entries(schema?.properties ?? {}).map(([name, field]) => ({
    name,
    required: schema.required?.includes(name),
    description: field.description,
  }));
}

function operationBlock(method, path, operation, document) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolve(parameter, document));
  const success = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith("2"));
  const errors = Object.entries(operation.responses ?? {}).filter(([status]) => !status.startsWith("2"));
  return el(
    "details",
    { class: "operation", id: operation.operationId },
    el("summary", {}, el("span", { class: `method m-${method}` }, method.toUpperCase()), el("code", {}, path), el("span", { class: "quiet" }, operation.summary ?? "")),
    el("p", {}, operation.description ?? ""),
    fieldTable("Parameters", parameters.map((parameter) => ({ ...parameter, where: parameter.in }))),
    fieldTable("Body", bodyFields(operation.requestBody, document)),
    exampleBlock("Example of a body", exampleOf(operation.requestBody?.content, document)),
    success ? exampleBlock(`Example of an answer (${success[0]})`, exampleOf(success[1].content, document)) : null,
    errors.length ? el("p", { class: "quiet" }, `Errors: ${errors.map(([status, { description }]) => `${status} ${description}`).join(" · ")}`) : null,
  );
}

// The few marks that the description uses: paragraphs, numbered lines and `code`.
function prose(text) {
  const inline = (line) => line.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));
  return text.split(/\n\n+/).map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => /^\d+\. /.test(line))) return el("ol", {}, lines.map((line) => el("li", {}, inline(line.replace(/^\d+\. /, "")))));
    return el("p", {}, inline(block));
  });
}

async function start() {
  try {
    const document = await request("/openapi.json");
    byId("description").replaceChildren(...prose(document.info.description ?? ""));
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method], tag: item[method].tags?.[0] ?? "other" })),
    );
    const tags = [...new Set([...(document.tags ?? []).map((tag) => tag.name), ...operations.map(({ tag }) => tag)])];
    byId("operations").replaceChildren(
      ...tags
        .filter((tag) => operations.some((operation) => operation.tag === tag))
        .map((tag) =>
          el(
            "section",
            { class: "panel" },
            el("h2", {}, tag),
            el("p", { class: "quiet" }, document.tags?.find(({ name }) => name === tag)?.description ?? ""),
            operations.filter((operation) => operation.tag === tag).map(({ method, path, operation }) => operationBlock(method, path, operation, document)),
          ),
        ),
    );
  } catch (error) {
    byId("operations").replaceChildren();
    notice(byId("notice"), error.message);
  }
}

start();
