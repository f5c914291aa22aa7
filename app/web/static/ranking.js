// The ranked candidates as a table; each row opens to the numbers behind it.

import { el, svg } from "./dom.js";
import { count, duration, fixed, groupName, interval, magnitude, percent } from "./format.js";
import { networkPanel } from "./network.js";
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
  return item.accuracy ? { name: "Accuracy", estimate: item.accuracy, text: percent } : { name: "R²", estimate: item.r2, text: (value) => fixed(value) };
}

function fact(name, value) {
  return value === null || value === undefined || value === "" || value === "–" ? null : el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function details(item) {
  const { name, estimate, text } = quality(item);
  return el(
    "dl",
    { class: "facts" },
    fact(`Held-out ${name.toLowerCase()}`, estimate ? `${text(estimate.mean)}${typeof estimate.low === "number" ? ` (${text(estimate.low)} … ${text(estimate.high)})` : ""}` : null),
    fact("Held-out loss", item.loss_bits ? `${fixed(item.loss_bits.mean)} bits${typeof item.loss_bits.low === "number" ? ` (${interval(item.loss_bits)})` : ""}` : null),
    fact("Gain over the best constant", typeof item.gain_bits === "number" ? `${fixed(item.gain_bits)} bits` : null),
    fact("Equivariance error of the network", typeof item.equivariance_error === "number" ? item.equivariance_error.toExponential(1) : null),
    fact("Parameters", count(item.parameters)),
    fact("Floating-point operations a sample", magnitude(item.flops)),
    fact("Elements of the group", item.order === null ? "too many to list" : count(item.order)),
    fact("The group", item.title),
    fact("Why this verdict", item.reason),
    fact("Translations", item.translations === false ? "none: about the centre alone" : item.translations ? "included" : null),
    fact("Action on the labels", item.labels),
    fact("Training time", duration(item.seconds)),
    fact("Attempts", item.attempt > 1 ? count(item.attempt) : null),
    fact("Error", item.error),
  );
}

const BEFORE = "before"; // the ranking: what is known of a candidate that was trained
const AFTER = "after"; // the ranking
const ALWAYS = "always";

// Columns: [heading, when it is shown, the cell of an item].
function columnsOf(items, titleOf) {
  const held = items.map(quality).find(({ estimate }) => estimate)?.name;
  const mixed = items.some((item) => item.translations) && items.some((item) => item.translations === false);
  return [
    ["Rank", AFTER, (item) => cell("Rank", "rank", item.rank ?? "–")],
    ["Group", ALWAYS, (item) => el("th", { scope: "row" }, disclose(item, mixed && item.translations === false && item.group !== "E"))],
    ["Verdict", ALWAYS, (item) => verdictCell(item, titleOf)],
    ["Posterior", AFTER, (item) => cell("Posterior", "posterior", el("span", { class: "numbers" }, bar(item.posterior), percent(item.posterior)))],
    ["Largest defect", AFTER, (item) => cell("Largest defect", "", el("span", { class: "numbers" }, fixed(item.defect?.value), el("small", {}, interval(item.defect))))],
    [
      held ? `Held-out ${held === "R²" ? held : "accuracy"}` : "Held-out",
      ALWAYS,
      (item) => cell("Held-out", "", quality(item).estimate ? quality(item).text(quality(item).estimate.mean) : "–"),
    ],
    ["Score", AFTER, (item) => cell("Score", "strong", fixed(item.score))],
    [
      "Its three terms",
      AFTER,
      (item) =>
        cell(
          "Score terms",
          "terms",
          [["accuracy", item.accuracy_term], ["consistency", item.consistency_term], ["complexity", item.complexity_term]].map(([name, value]) =>
            el("span", { class: "term" }, el("small", {}, name), " ", fixed(value)),
          ),
        ),
    ],
    ["Parameters", BEFORE, (item) => cell("Parameters", "", count(item.parameters))],
    ["Time", BEFORE, (item) => cell("Time", "", item.seconds ? duration(item.seconds) : "–")],
  ];
}

const panelId = (item) => `details-${item.candidate_id}`;

function disclose(item, centred) {
  const toggle = el(
    "button",
    {
      type: "button",
      class: "disclose",
      "aria-expanded": "false",
      "aria-controls": panelId(item),
      onclick: () => {
        const panel = document.getElementById(panelId(item));
        panel.hidden = !panel.hidden;
        toggle.setAttribute("aria-expanded", String(!panel.hidden));
        if (!panel.hidden) panel.querySelector(".network")?.dispatchEvent(new Event("shown"));
      },
    },
    groupName(item.group),
    item.labels && item.labels !== "trivial" ? el("small", {}, ` labels: ${item.labels}`) : null,
    centred ? el("small", {}, " about the centre") : null,
  );
  return toggle;
}

function verdictCell(item, titleOf) {
  const refuting = item.verdict === "refuted" && item.defect?.element ? `by ${titleOf(item.defect.element)}` : null;
  return cell(
    "Verdict",
    "",
    badge(item.verdict, item.state),
    refuting ? el("small", { class: "below" }, refuting) : null,
    item.error ? el("small", { class: "below" }, item.error) : null,
  );
}

// items: as GET /v1/searches/{id}/ranking gives them, best first; titleOf: element -> its name in words.
export function rankingTable(items, bestId, titleOf) {
  const ranked = items.some((item) => item.rank !== null);
  const columns = columnsOf(items, titleOf).filter(([, when]) => when === ALWAYS || when === (ranked ? AFTER : BEFORE));
  const rows = items.flatMap((item) => [
    el("tr", { id: `candidate-${item.candidate_id}`, class: item.candidate_id === bestId ? "best" : null, tabindex: "-1" }, columns.map(([, , draw]) => draw(item))),
    el("tr", { id: panelId(item), class: "details", hidden: true }, el("td", { colspan: columns.length }, details(item), item.state === "done" ? networkPanel(item) : null)),
  ]);
  return el(
    "table",
    { class: "cards ranking" },
    el("thead", {}, el("tr", {}, columns.map(([heading]) => el("th", { scope: "col" }, ranked || heading !== "Verdict" ? heading : "State")))),
    el("tbody", {}, rows),
  );
}
