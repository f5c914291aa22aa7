// The answer in one sentence: which group, how sure, what it is worth; its figures beneath. All five verdicts are answers
// and are said with the same weight.

import { el } from "./dom.js";
import { candidateName, centred, fixed, groupName, groupParts, mixed, percent } from "./format.js";
import { figure, term } from "./glossary.js";
import { VERDICTS, badge } from "./verdicts.js";

const named = (item, apart) => [groupName(item.group), apart && centred(item) ? " about the centre" : "", item.labels && item.labels !== "trivial" ? ` with labels moved by the ${item.labels} action` : ""];

function sure(posterior) {
  if (typeof posterior !== "number") return "";
  if (posterior > 0.99) return "more than 99 % sure";
  return `${Math.round(posterior * 100)} % sure`;
}

// The first candidate moves nothing: then its own verdict says little, and that on the others is the finding.
const nothing = (item) => item?.order === 1;
const others = (ranking, verdict) => ranking.items.filter((item) => item.order !== 1 && (verdict === undefined || (item.verdict ?? null) === verdict));

// The verdict that gives the answer its colour; none where no symmetry is the answer.
export function toneOf({ best }, ranking) {
  if (!best) return "undetermined";
  if (!nothing(ranking.items.find((one) => one.rank === 1))) return best.verdict;
  if (!others(ranking).length || others(ranking, null).length) return "undetermined";
  return ["certified", "approximate", "untested", "undetermined"].find((verdict) => others(ranking, verdict).length) ?? null;
}

const NAMED = 4;

function listed(items, apart) {
  const names = items.slice(0, NAMED).map((item, k) => [k ? ", " : "", candidateName(item, apart)]);
  return [names, items.length > NAMED ? ` and ${items.length - NAMED} more` : ""];
}

const stay = (items) => (items.length === 1 ? " stays" : " stay");

function noSymmetry(item, ranking) {
  const beyond = item.translations ? " beyond translations" : "";
  const apart = mixed(ranking.items);
  if (!others(ranking).length) return ["No other candidate was compared"];
  const held = ["certified", "approximate"].flatMap((verdict) => others(ranking, verdict));
  const [untested, undetermined, lost] = ["untested", "undetermined", null].map((verdict) => others(ranking, verdict));
  if (held.length) return ["No symmetry ranks first, but ", listed(held, apart), `${held.length === 1 ? " is" : " are"} not ruled out`];
  if (untested.length) return [`No symmetry is shown${beyond}, but `, listed(untested, apart), `${stay(untested)} untested: this data never shows the moved samples`];
  if (undetermined.length) return [`No symmetry is shown${beyond}, but `, listed(undetermined, apart), `${stay(undetermined)} undetermined`];
  if (lost.length) return [`No symmetry is shown${beyond}, but `, listed(lost, apart), " could not be trained"];
  return ["This data has none of the candidate symmetries", beyond];
}

function opening(best, item, ranking) {
  const group = named({ ...best, ...item }, mixed(ranking.items));
  if (nothing(item)) return noSymmetry(item, ranking);
  switch (best.verdict) {
    case "certified":
      return ["This data is symmetric under ", group];
    case "approximate":
      return ["This data is nearly symmetric under ", group];
    case "untested":
      return ["Untested: ", group, " fits best, but this data never shows the moved samples"];
    case "undetermined":
      return ["Undetermined: ", group, " fits best, but this data does not decide it"];
    default:
      return ["Even the likeliest group, ", group, ", is refuted"];
  }
}

function times(saved) {
  const bound = { at_least: "at least ", at_most: "at most " }[saved.bound] ?? "about ";
  return `${bound}${fixed(saved.factor, 1)} × the labels`;
}

// What it is worth: null where nobody measured it, or where there is nothing to compare with.
function worth(curve) {
  const saved = curve?.labels_saved;
  if (!saved || typeof saved.factor !== "number") return null;
  return Math.abs(saved.factor - 1) < 0.05 ? "it saves no labels here" : `knowing it is worth ${times(saved)}`;
}

function stat(key, name, value, small) {
  return el("div", { class: "stat" }, el("dt", {}, term(key, name)), el("dd", {}, figure(key, value), small ? el("small", {}, small) : null));
}

const ends = (found, digits) => {
  const [low, high] = [found.low, found.high].map((end) => (typeof end === "number" ? fixed(end, digits) : "beyond the sizes"));
  return `${low} … ${high}`;
};

function tally(ranking) {
  return Object.keys(VERDICTS).map((verdict) => [verdict, others(ranking, verdict).length]).filter(([, many]) => many).map(([verdict, many]) => [badge(verdict), ` ${many} `]);
}

// search, ranking: as the API gives them; curve: the best candidate's item of /curves.
export function answerOfDone(search, ranking, curve) {
  const { best } = search;
  if (!best) return [el("div", { class: "tile", "aria-hidden": "true" }, "?"), el("div", { class: "words" }, el("h2", {}, search.summary || "The data did not decide between the candidates."))];
  const item = ranking.items.find((one) => one.rank === 1);
  const { letter, index } = groupParts(best.group);
  const saved = curve?.labels_saved;
  const bits = curve?.bits_saved_against_trivial;
  const tone = toneOf(search, ranking);
  const claimed = nothing(item) ? tone === null : ["certified", "approximate"].includes(best.verdict);
  const rest = claimed ? [sure(best.posterior), nothing(item) ? null : worth(curve)].filter(Boolean).join("; ") : "";
  return [
    el("div", { class: letter.length > 4 ? "tile tile-long" : "tile", "aria-hidden": "true" }, el("span", { class: "group" }, letter, index ? el("sub", {}, index) : null), el("span", { class: "tile-sign" }, VERDICTS[tone]?.sign ?? "")),
    el(
      "div",
      { class: "words" },
      el("h2", {}, opening(best, item, ranking), rest ? `: ${rest}.` : "."),
      el(
        "dl",
        { class: "stats" },
        el("div", { class: "stat" }, el("dt", {}, term("verdict", nothing(item) ? "Verdicts on the others" : "Verdict")), el("dd", {}, nothing(item) ? tally(ranking) : badge(best.verdict))),
        stat("posterior", "Posterior", percent(best.posterior)),
        stat("confidence", "Confidence", percent(best.confidence)),
        saved && typeof saved.factor === "number" ? stat("labels_saved", "Labels saved", `${fixed(saved.factor, 1)} ×`, ends(saved, 1)) : null,
        bits && typeof bits.mean === "number" ? stat("bits_saved", "Bits saved", fixed(bits.mean, 0), ends(bits, 0)) : null,
      ),
      el("p", { class: "summary" }, search.summary),
    ),
  ];
}

export function answerOfStopped(search) {
  const failed = search.state === "failed";
  return [
    el("div", { class: "tile", "aria-hidden": "true" }, failed ? "✕" : "–"),
    el(
      "div",
      { class: "words" },
      el("h2", {}, failed ? "This search failed" : "This search was cancelled"),
      el("p", {}, search.error ?? (failed ? "No reason was recorded." : "Candidates that had finished are listed below. Retry trains the others.")),
    ),
  ];
}
