// The five verdicts, each with a sign that does not depend on colour; the glossary explains them.

import { el } from "./dom.js";
import { term } from "./glossary.js";

export const VERDICTS = {
  certified: { sign: "✓" },
  approximate: { sign: "≈" },
  refuted: { sign: "✕" },
  untested: { sign: "○" },
  undetermined: { sign: "?" },
};

const STATES = { queued: "waiting", running: "training", done: "trained", failed: "failed", crashed: "crashed", cancelled: "cancelled" };

export function verdictClass(verdict) {
  return verdict in VERDICTS ? `v-${verdict}` : "v-none";
}

export function badge(verdict, state = "done") {
  const known = VERDICTS[verdict];
  if (!known) return el("span", { class: `badge s-${state}`, "data-term": "state" }, STATES[state] ?? state);
  return el("span", { class: `badge ${verdictClass(verdict)}`, "data-term": verdict }, el("span", { "aria-hidden": "true" }, known.sign), " ", verdict);
}

export function stateBadge(state) {
  return el("span", { class: `badge s-${state}` }, state);
}

// One line of all five, each explained where it is pressed.
export function legend() {
  return el("p", { class: "legend" }, Object.keys(VERDICTS).map((name) => [term(name, badge(name)), " "]));
}
