// What every number means, in plain words. A term is a button (headings, figures) or a marked number (cells of tables);
// pointing at it, focusing it or its cell, or pressing it shows its meaning in one popover, and Escape hides it. Screen
// readers read the same words as the description of the button or cell.

import { el } from "./dom.js";

export const GLOSSARY = {
  posterior: ["Posterior", "How probable it is, given this data, that exactly this group is the full symmetry: not a smaller and not a larger one of the candidates. The shares of all candidates add up to 100 %."],
  confidence: ["Confidence", "How far the first candidate stands out: the geometric mean of its posterior and its lead over the second. 1 is certain, 0 is a tie."],
  verdict: ["Verdict", "What the evidence says of a group by itself. Certified, approximate, refuted, untested and undetermined are five different answers; none of them is an error."],
  certified: ["Certified", "Every element of the group was tested, and none costs more than the tolerance, even at the bound that holds for all of them at once."],
  approximate: ["Approximate", "Some element costs a little more than the tolerance, or may do so; the symmetry is broken, or not proven, but still useful."],
  refuted: ["Refuted", "At least one element of the group demonstrably changes what the labels mean, by more than the tolerance."],
  untested: ["Untested", "The data never shows the moved samples, so nothing in it could speak for or against the symmetry."],
  undetermined: ["Undetermined", "There are too few samples, or too little can be learned from them, to decide either way."],
  state: ["State", "Where a training is. Waiting: for a worker. Training: its epochs pass. Trained: it has said what it can. Spared: no verdict can change by it any more. Failed or crashed: it can be retried."],
  epoch: ["Epoch", "One pass over the samples to learn from. A training may end before the last one that it is allowed."],
  held_out_loss: ["Held-out loss", "How wrong the network is on samples kept out of training, the mean over its folds: in bits for classes, as the share of the variance for numbers. Lower is better."],
  rank: ["Rank", "Place in the order of the scores, best first."],
  score: ["Score", "Accuracy plus consistency minus complexity, in bits, each with the weight that the search asked for. With equal weights its order is that of the posterior."],
  accuracy_term: ["Accuracy, in bits", "How much the network that has this symmetry built in learned of the labels: bits a held-out sample, more than guessing by frequency. The whisker is the 95 % interval of its loss."],
  consistency_term: ["Consistency, in bits", "Evidence that every element of the group really is a symmetry: positive speaks for the group, negative against it. It is itself a weight of evidence and has no interval; the defects that it is made of have theirs below."],
  complexity_term: ["Complexity, in bits", "A penalty for larger groups, so that one is not preferred where nothing speaks for it. It is taken off the score. It is counted, not estimated, so it has no interval."],
  accuracy: ["Held-out accuracy", "Share of the samples kept out of training that the group's own network labels rightly, with its 95 % interval. It shows what a symmetry is worth and does not decide whether it is there."],
  r2: ["Held-out R²", "Share of the targets' variance that the group's own network explains on samples kept out of training, with its 95 % interval."],
  defect: ["Defect", "The share of what was learned about the labels that moving the samples destroys: 0 means nothing (symmetric), 1 means everything. Beyond 1 a network was led to be confidently wrong."],
  interval: ["Interval", "Where the true value lies with 95 % confidence, for this element alone. The thin line beyond it ends at the bound that holds for all elements of the search at once; certificates use that."],
  tolerance: ["Tolerance", "The defect that you are willing to call symmetric; it was set when the search was started."],
  p_adjusted: ["p, adjusted", "How surprising the measured defect would be if the true one were within the tolerance, adjusted for testing many elements. Below 0.05 the element is refuted."],
  bayes: ["Bayes factor", "How many times likelier the measurements are if the element is a symmetry, as a power of ten: 2 means a hundred times likelier, −2 a hundred times less."],
  support: ["Poses in the data", "Whether moved samples lie among the data. Where they do not, no test can speak of them."],
  in_groups: ["In groups", "The candidates that contain this element. They stand or fall with it."],
  labels_saved: ["Labels saved", "How many times as many labels a network without the symmetry would need to do as well. 2 means: the symmetry is worth as much as doubling the data."],
  bits_saved: ["Bits saved", "By how many bits all labels together can be described more briefly with the symmetry than without it."],
  imposing: ["Cost of imposing", "Held-out loss with the symmetry built in, less that without, in bits a sample. Negative means that it helps."],
  operations: ["Operations", "Arithmetic for one sample, relative to the network without symmetry."],
  loss_bits: ["Held-out loss", "Surprise at the true label of a sample kept out of training, in bits; lower is better."],
  gain_bits: ["Gain", "Bits of the label that the network knows, more than guessing by frequency."],
  equivariance_error: ["Equivariance error", "How far the trained network's own answer changes when a sample is moved by an element it should respect, in standard deviations of its answers. It is a property of the implementation, not of the data."],
  parameters: ["Parameters", "Free numbers of one network. The candidates' networks are matched to have about as many."],
  flops: ["Operations a sample", "Floating-point operations of one network on one sample, two for a multiply-add."],
  order: ["Elements", "How many elements the group has."],
  seconds: ["Training time", "Seconds from the start of this candidate's training to its end."],
  progress: ["Progress", "Share of the search's training that is done, epochs of running candidates included."],
  tested: ["Tested", "Kinds of elements of this group that are tested on held-out samples. Those that two groups share are tested once."],
  expected_seconds: ["Expected time", "What its training should take, as trainings of its kind took on this service. The search's other analyses come on top."],
  excess: ["Lost by the move", "How much more the witness loses on the moved sample than on the sample itself: bits for classes, units of the variance for numbers."],
  hurt: ["Share that is hurt", "Share of the held-out samples on which the move costs more than was learned about an average sample."],
  said: ["What the witness says", "The prediction of a network that knows no symmetry and was trained without this sample, and how sure it is."],
  law_x: ["p(x)", "Are moved samples as frequent as unmoved ones? A statement about the samples alone, tested by moving some of them at random."],
  law_joint: ["p(x, y)", "Are moved samples with their labels as frequent as unmoved ones?"],
  law_label: ["p(y | x)", "Does a moved sample have the same label? This is the law that a network learns, and what a verdict speaks of."],
  pose: ["Pose tells the label", "How many bits the pose of a sample alone tells about its label. More than none means that the data was not collected in all poses alike."],
  network_error: ["Error of the network", "Change of the trained network's answer on band-limited test images, relative to what an image adds to the answer to a blank one."],
};

const TIP = "gloss";
let shownFor = null;
let pressed = null;

// The id of the words that describe a term.
export const described = (key) => `${TIP}-${key}`;

// The terms that are marked in a part of the page, each once.
export function termsIn(node) {
  return [...new Set([...node.querySelectorAll("[data-term]")].map(({ dataset }) => dataset.term))];
}

// A figure or heading that says what it means.
export function term(key, ...content) {
  return el("button", { type: "button", class: "term", "data-term": key, "aria-describedby": described(key) }, content.length ? content : GLOSSARY[key][0]);
}

// A number, explained by pointing or tapping. The keyboard reaches the cell of a grid that it stands in, or the `term` beside it.
export function figure(key, ...content) {
  return el("span", { class: "figure", "data-term": key }, content);
}

function place(tip, anchor) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  const below = box.bottom + 8 + height < innerHeight || box.top < height + 16;
  tip.style.left = `${Math.max(8, Math.min(box.left + box.width / 2 - width / 2, innerWidth - width - 8))}px`;
  tip.style.top = `${below ? box.bottom + 8 : box.top - height - 8}px`;
}

function showTip(tip, anchor, hint = null) {
  const terms = anchor.dataset.term ? [anchor.dataset.term] : termsIn(anchor);
  const words = terms.filter((key) => key in GLOSSARY).map((key) => [el("strong", {}, GLOSSARY[key][0]), el("span", {}, GLOSSARY[key][1])]);
  if (!words.length) return hideTip(tip);
  tip.replaceChildren(...words.flat(), ...(hint ? [el("small", {}, hint)] : []));
  tip.showPopover();
  place(tip, anchor);
  shownFor = anchor;
  pressed = null;
}

// Whether the tip belongs to what the keyboard is at, or was pressed: then it stays when the pointer rests elsewhere or the
// page scrolls.
const isHeld = () => shownFor?.isConnected && (shownFor === pressed || (shownFor === document.activeElement && shownFor.matches(":focus-visible")));

function hideTip(tip) {
  if (shownFor) tip.hidePopover();
  shownFor = pressed = null;
}

// Once a page: the popover, the descriptions, and what shows and hides it.
export function installGlossary() {
  const tip = el("div", { id: TIP, class: "gloss", popover: "manual", role: "tooltip" });
  const words = el("div", { hidden: true }, Object.entries(GLOSSARY).map(([key, [, meaning]]) => el("span", { id: described(key) }, meaning)));
  document.body.append(tip, words);
  const anchorOf = ({ target }) => (target instanceof Element ? target.closest("[data-term]") : null);
  let waiting = null;
  document.addEventListener("pointerover", (event) => {
    clearTimeout(waiting);
    if (event.pointerType === "touch") return;
    const anchor = anchorOf(event);
    if (anchor === shownFor) return;
    if (!isHeld()) hideTip(tip);
    if (anchor) waiting = setTimeout(() => showTip(tip, anchor), 250);
  });
  document.addEventListener("focusin", (event) => {
    const cell = event.target.closest("[role=gridcell], [role=columnheader]");
    const anchor = anchorOf(event) ?? (event.target === cell ? cell : null);
    const entered = cell && !cell.closest("table").contains(event.relatedTarget);
    if (anchor?.matches(":focus-visible")) showTip(tip, anchor, entered ? "Arrow keys lead to the other cells." : null);
    else hideTip(tip);
  });
  document.addEventListener("focusout", ({ relatedTarget }) => relatedTarget || hideTip(tip));
  document.addEventListener("click", (event) => {
    clearTimeout(waiting);
    const anchor = anchorOf(event);
    if (anchor && anchor !== shownFor) showTip(tip, anchor);
    else if (!anchor) hideTip(tip);
    pressed = anchor;
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip(tip));
  const onscroll = () => (isHeld() ? place(tip, shownFor) : hideTip(tip));
  addEventListener("scroll", onscroll, { passive: true, capture: true });
}
