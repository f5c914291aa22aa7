// The ranked candidates as a table; each row opens to the numbers behind it.

import { el, svg } from "./dom.js";
import { count, duration, groupName, interval, magnitude, number, percent } from "./format.js";
import { badge } from "./verdicts.js";

const cell = (label, className, ...children) => el("td", { "data-label": label, class: className }, ...children);

function bar(value) {
  const share = typeof value === "number" ? Math.min(Math.max(value, 0), 1) : 0;
  return svg(
    "svg",
    { viewBox: "0 0 100 8", class: "bar", "aria-hidden": "true", preserveAspectRatio: "none" },
    svg("rect", { class: "bar-back", width: 100, height: 8, rx: 2 }),
    share >= 0.005 ? svg("rect", { class: "bar-fill", width: share * 100, height: 8, rx: 2 }) : null,
  );
}

// Held-out quality: accuracy for classes, R² for numbers.
export function quality(item) {
  return item.accuracy ? { name: "Accuracy", estimate: item.accuracy, text: percent } : { name: "R²", estimate: item.r2, text: (value) => number(value) };
}

function fact(name, value) {
  return value === null || value === undefined || value === "" || value === "–" ? null : el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function details(item) {
  const { name, estimate, text } = quality(item);
  return el(
    "dl",
    { class: "facts" },
    fact(`Held-out ${name.toLowerCase()}`, estimate ? `${text(estimate.mean)} (${text(estimate.low)} … ${text(estimate.high)})` : null),
    fact("Held-out loss", item.loss_bits ? `${number(item.loss_bits.mean)} bits (${interval(item.loss_bits)})` : null),
    fact("Gain over the best constant", typeof item.gain_bits === "number" ? `${number(item.gain_bits)} bits` : null),
    fact("Equivariance error of the network", typeof item.equivariance_error === "number" ? item.equivariance_error.toExponential(1) : null),
    fact("Parameters", count(item.parameters)),
    fact("Floating-point operations a sample", magnitude(item.flops)),
    fact("Elements of the group", item.order === null ? "infinitely many" : count(item.order)),
    fact("The group", item.title),
    fact("Translations", item.translations === false ? "none: about the centre alone" : item.translations ? "included" : null),
    fact("Action on the labels", item.labels),
    fact("Training time", duration(item.seconds)),
    fact("Attempts", item.attempt > 1 ? count(item.attempt) : null),
    fact("Error", item.error),
  );
}

function progressCell(item) {
  return typeof item.progress === "number" ? el("span", { class: "numbers" }, bar(item.progress), percent(item.progress)) : "–";
}

function rowsOf(item, isBest, titleOf) {
  const { estimate, text } = quality(item);
  const panelId = `details-${item.candidate_id}`;
  const panel = el("tr", { id: panelId, class: "details", hidden: true }, el("td", { colspan: 9 }, details(item)));
  const toggle = el(
    "button",
    {
      type: "button",
      class: "disclose",
      "aria-expanded": "false",
      "aria-controls": panelId,
      onclick: () => {
        panel.hidden = !panel.hidden;
        toggle.setAttribute("aria-expanded", String(!panel.hidden));
      },
    },
    groupName(item.group),
    item.labels && item.labels !== "trivial" ? el("small", {}, ` labels: ${item.labels}`) : null,
    item.translations === false ? el("small", {}, " centred") : null,
  );
  const defect = item.defect;
  const named = item.verdict === "refuted" && defect?.element ? `by ${titleOf(defect.element)}` : null;
  const row = el(
    "tr",
    { id: `candidate-${item.candidate_id}`, class: isBest ? "best" : null, tabindex: "-1" },
    cell("Rank", "rank", item.rank ?? "–"),
    el("th", { scope: "row" }, toggle),
    cell("Verdict", "", badge(item.verdict, item.state), named ? el("small", { class: "below" }, named) : null, item.error ? el("small", { class: "below" }, item.error) : null),
    cell("Posterior", "wide", item.verdict ? el("span", { class: "numbers" }, bar(item.posterior), percent(item.posterior)) : progressCell(item)),
    cell("Largest defect", "wide", el("span", { class: "numbers" }, number(defect?.value), el("small", {}, interval(defect)))),
    cell("Held-out", "", estimate ? text(estimate.mean) : "–"),
    cell("Score", "strong", number(item.score)),
    cell(
      "Score terms",
      "terms",
      [["accuracy", item.accuracy_term], ["consistency", item.consistency_term], ["complexity", item.complexity_term]].map(([name, value]) =>
        el("span", { class: "term" }, el("small", {}, name), " ", number(value)),
      ),
    ),
    cell("Parameters", "", count(item.parameters)),
  );
  return [row, panel];
}

// items: as GET /v1/searches/{id}/ranking gives them, best first; titleOf: element -> its name in words.
export function rankingTable(items, bestId, titleOf) {
  const held = items.map(quality).find(({ estimate }) => estimate)?.name ?? "Held-out";
  const head = ["Rank", "Group", "Verdict", "Posterior", "Largest defect", held === "Held-out" ? held : `Held-out ${held === "R²" ? held : "accuracy"}`, "Score", "Its three terms", "Parameters"];
  return el(
    "table",
    { class: "cards ranking" },
    el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, items.flatMap((item) => rowsOf(item, item.candidate_id === bestId, titleOf))),
  );
}
