// The ranked candidates as a table; each row opens to the numbers behind it.

import { bar } from "./bars.js";
import { el } from "./dom.js";
import { candidateName, count, duration, fixed, interval, magnitude, mixed, percent } from "./format.js";
import { figure, term } from "./glossary.js";
import { grid } from "./grid.js";
import { networkPanel } from "./network.js";
import { termBar, termKeys, termScale } from "./terms.js";
import { badge } from "./verdicts.js";

const FIRST = 40; // rows that are drawn at once

const cell = (label, className, ...children) => el("td", { "data-label": label, class: className }, ...children);

// Held-out quality: accuracy for classes, R² for numbers.
export function quality(item) {
  return item.accuracy
    ? { key: "accuracy", name: "Accuracy", estimate: item.accuracy, text: percent }
    : { key: "r2", name: "R²", estimate: item.r2, text: (value) => fixed(value) };
}

function fact(key, name, value) {
  if (value === null || value === undefined || value === "" || value === "–") return null;
  return el("div", {}, el("dt", {}, key ? term(key, name) : name), el("dd", {}, key ? figure(key, value) : value));
}

// The interval in brackets; nothing where there is none.
function between({ low, high }, text) {
  return typeof low === "number" ? ` (${text(low)} … ${text(high)})` : "";
}

function details(item) {
  const { key, name, estimate, text } = quality(item);
  return el(
    "dl",
    { class: "facts" },
    fact("accuracy_term", "Accuracy term", typeof item.accuracy_term === "number" ? `${fixed(item.accuracy_term)} bits` : null),
    fact("consistency_term", "Consistency term", typeof item.consistency_term === "number" ? `${fixed(item.consistency_term)} bits` : null),
    fact("complexity_term", "Complexity term", typeof item.complexity_term === "number" ? `${fixed(item.complexity_term)} bits, exact: a count` : null),
    fact(key, `Held-out ${name === "R²" ? name : "accuracy"}`, estimate ? text(estimate.mean) + between(estimate, text) : null),
    fact("loss_bits", "Held-out loss", item.loss_bits ? `${fixed(item.loss_bits.mean)} bits${between(item.loss_bits, fixed)}` : null),
    fact("gain_bits", "Gain over the best constant", typeof item.gain_bits === "number" ? `${fixed(item.gain_bits)} bits` : null),
    fact("equivariance_error", "Equivariance error of the network", typeof item.equivariance_error === "number" ? item.equivariance_error.toExponential(1) : null),
    fact("parameters", "Parameters", count(item.parameters)),
    fact("flops", "Floating-point operations a sample", magnitude(item.flops)),
    fact("order", "Elements of the group", item.order === null ? "too many to list" : count(item.order)),
    fact(null, "The group", item.title),
    fact("verdict", "Why this verdict", item.reason),
    fact(null, "Translations", item.translations === false ? "none: about the centre alone" : item.translations ? "included" : null),
    fact(null, "Action on the labels", item.labels),
    fact("seconds", "Training time", duration(item.seconds)),
    fact(null, "Attempts", item.attempt > 1 ? count(item.attempt) : null),
    fact(null, "Not trained, because", item.spared),
    fact(null, "Error", item.error),
  );
}

const BEFORE = "before"; // the ranking: what is known of a candidate that was trained
const AFTER = "after"; // the ranking
const ALWAYS = "always";

// Columns: [term, heading, when it is shown, the cell of an item].
function columnsOf(items, { refuting, weights, ranked, onopen }) {
  const held = items.map(quality).find(({ estimate }) => estimate);
  const apart = mixed(items);
  const scale = termScale(items, weights);
  return [
    ["rank", "#", AFTER, (item) => cell("Rank", "rank", item.rank ? figure("rank", item.rank) : "–")],
    [null, "Group", ALWAYS, (item) => el("th", { scope: "row" }, disclose(item, apart, onopen))],
    [ranked ? "verdict" : "state", ranked ? "Verdict" : "State", ALWAYS, (item) => verdictCell(item, refuting(item))],
    ["posterior", "Posterior", AFTER, (item) => cell("Posterior", "posterior", el("span", { class: "numbers" }, bar(item.posterior), figure("posterior", percent(item.posterior))))],
    [
      "score",
      "Score and its three terms, bits",
      AFTER,
      (item) => cell("Score", "score", el("span", { class: "numbers" }, termBar(item, scale, weights), figure("score", fixed(item.score, 2)))),
    ],
    ["defect", "Largest defect", AFTER, (item) => cell("Largest defect", "", el("span", { class: "numbers" }, figure("defect", fixed(item.defect?.value)), el("small", { "data-term": "interval" }, interval(item.defect))))],
    [
      held?.key ?? "accuracy",
      held ? `Held-out ${held.name === "R²" ? held.name : "accuracy"}` : "Held-out",
      ALWAYS,
      (item) => {
        const { key, estimate, text } = quality(item);
        return cell("Held-out", "", estimate ? el("span", { class: "numbers" }, figure(key, text(estimate.mean)), typeof estimate.low === "number" ? el("small", {}, `${text(estimate.low)} … ${text(estimate.high)}`) : null) : "–");
      },
    ],
    ["parameters", "Parameters", BEFORE, (item) => cell("Parameters", "", figure("parameters", count(item.parameters)))],
    ["seconds", "Time", BEFORE, (item) => cell("Time", "", item.seconds ? figure("seconds", duration(item.seconds)) : "–")],
  ].filter(([, , when]) => when === ALWAYS || when === (ranked ? AFTER : BEFORE));
}

const panelId = (item) => `details-${item.candidate_id}`;

function disclose(item, apart, onopen) {
  return el(
    "button",
    { type: "button", class: "disclose", "aria-expanded": "false", "aria-controls": panelId(item), onclick: () => onopen(item) },
    candidateName(item, apart),
  );
}

function verdictCell(item, element) {
  return cell(
    "Verdict",
    "",
    badge(item.verdict, item.state),
    element ? el("small", { class: "below" }, `by ${element}`) : null,
    item.error ? el("small", { class: "below" }, item.error) : null,
  );
}

// items: as GET /v1/searches/{id}/ranking gives them, best first; refuting: item -> the element that refutes
// it, in words, or null; onopen(item, open)
// is told when a row is opened or closed. Returns {root, open(id), reopen(id), mark(id)}; reopen moves nothing else.
export function rankingTable(items, { bestId, refuting, weights, onopen }) {
  const ranked = items.some((item) => item.rank !== null);
  const unfolded = (item, wanted) => {
    const panel = document.getElementById(panelId(item));
    const open = wanted ?? panel.hidden;
    if (open && !panel.firstChild) panel.append(el("td", { colspan: columns.length }, details(item), item.state === "done" && !item.spared ? networkPanel(item) : null));
    panel.hidden = !open;
    root.querySelector(`[aria-controls="${panelId(item)}"]`).setAttribute("aria-expanded", String(open));
    if (open) panel.querySelector(".network")?.dispatchEvent(new Event("shown"));
    return open;
  };
  const toggle = (item, wanted) => onopen(item, unfolded(item, wanted));
  const columns = columnsOf(items, { refuting, weights, ranked, onopen: toggle });
  const rowsOf = (some) =>
    some.flatMap((item) => [
      el("tr", { id: `candidate-${item.candidate_id}`, class: item.candidate_id === bestId ? "row best" : "row", tabindex: "-1", "data-key": item.candidate_id }, columns.map(([, , , draw]) => draw(item))),
      el("tr", { id: panelId(item), class: "details", hidden: true }),
    ]);
  const body = el("tbody", {}, rowsOf(items.slice(0, FIRST)));
  const rest = items.slice(FIRST);
  const drawRest = () => {
    if (!more) return;
    body.append(...rowsOf(rest));
    more.remove();
    more = null;
  };
  let more = rest.length ? el("p", {}, el("button", { type: "button", onclick: drawRest }, `Show the other ${rest.length}`)) : null;
  const root = el(
    "div",
    {},
    ranked ? termKeys() : null,
    el(
      "div",
      { class: "scroll" },
      grid(
        el(
          "table",
          { class: "cards ranking" },
          el("thead", {}, el("tr", {}, columns.map(([key, heading]) => el("th", { scope: "col" }, key ? term(key, heading) : heading)))),
          body,
        ),
        "Candidates",
      ),
    ),
    more,
  );
  const find = (id) => {
    const item = items.find((one) => one.candidate_id === id);
    if (rest.includes(item)) drawRest();
    return { item, row: document.getElementById(`candidate-${id}`) };
  };
  return {
    root,
    open(id) {
      const { item, row } = find(id);
      if (!item) return;
      toggle(item, true);
      row.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
      row.focus({ preventScroll: true });
    },
    reopen(id) {
      const { item } = find(id);
      if (item) unfolded(item, true);
    },
    mark(id) {
      root.querySelector("tr.chosen")?.classList.remove("chosen");
      document.getElementById(`candidate-${id}`)?.classList.add("chosen");
    },
  };
}
