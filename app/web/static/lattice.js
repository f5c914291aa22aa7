// The Hasse diagram of the candidates: larger groups above, a line where nothing lies between two of them. Places come
// from the API. One node is selected; arrow keys walk along the lines, and large lattices are zoomed and scrolled.

import { el, svg } from "./dom.js";
import { groupParts, percent } from "./format.js";
import { VERDICTS, verdictClass } from "./verdicts.js";

const NODE = { width: 96, height: 54, gapX: 22, gapY: 48 };
const EDGE = 8;
const READABLE = 0.62; // below this scale names cannot be read: the frame scrolls instead
const STEPS = [0.12, 0.18, 0.25, 0.35, 0.5, 0.62, 0.75, 1, 1.3, 1.7];
const LONGEST = 11;

function shortened(name) {
  return name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
}

function nameParts(node) {
  const { letter, index } = groupParts(node.group ?? node.name);
  return { text: shortened(letter), index };
}

function nameText(node, x, y) {
  const { text, index } = nameParts(node);
  return svg(
    "text",
    { x, y, class: text.length > 5 ? "node-name node-long" : "node-name", "text-anchor": "middle" },
    svg("tspan", {}, text),
    index ? svg("tspan", { class: "node-index", dy: 5 }, index) : null,
  );
}

function noteOf(node) {
  return `${VERDICTS[node.verdict]?.sign ?? ""} ${typeof node.posterior === "number" ? percent(node.posterior) : ""}`.trim();
}

// Which node an arrow leads to: the nearest along a line up or down, the next in the row left and right.
function neighbour(nodes, covers, from, key) {
  const { place, row } = nodes[from];
  const near = (candidates) => candidates.sort((a, b) => Math.abs(nodes[a].place - place) - Math.abs(nodes[b].place - place))[0];
  if (key === "ArrowUp") return near(covers.filter(([lower]) => lower === from).map(([, upper]) => upper));
  if (key === "ArrowDown") return near(covers.filter(([, upper]) => upper === from).map(([lower]) => lower));
  const way = key === "ArrowRight" ? 1 : -1;
  const beside = nodes.map((node, index) => index).filter((index) => nodes[index].row === row && (nodes[index].place - place) * way > 0);
  return near(beside);
}

function zoomBar(frame, picture, width, height) {
  const fit = () => Math.min(1, (frame.clientWidth - 2) / width);
  let scale = null;
  const set = (next) => {
    const centre = scale && { x: (frame.scrollLeft + frame.clientWidth / 2) / scale, y: (frame.scrollTop + frame.clientHeight / 2) / scale };
    scale = next;
    picture.setAttribute("width", width * scale);
    picture.setAttribute("height", height * scale);
    picture.classList.toggle("far", scale < 0.4);
    if (centre) frame.scrollTo(centre.x * scale - frame.clientWidth / 2, centre.y * scale - frame.clientHeight / 2);
  };
  const step = (way) => set(way > 0 ? STEPS.find((value) => value > scale + 0.01) ?? scale : STEPS.findLast((value) => value < scale - 0.01) ?? scale);
  const button = (label, sign, onclick) => el("button", { type: "button", "aria-label": label, title: label, "data-key": label, onclick }, sign);
  const bar = el("div", { class: "zoom", role: "group", "aria-label": "Zoom" }, button("Smaller", "−", () => step(-1)), button("Larger", "+", () => step(1)), button("The whole lattice", "⤢", () => set(fit())));
  return { bar, set, fit, at: () => scale };
}

// hand: {held, pulled}, what the pointer holds and whether it has moved the frame. A frame that takes this one's place is
// given the same hand, so that a drag goes on.
function drag(frame, signal, hand) {
  frame.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) hand.held = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
    hand.pulled = false;
  });
  const move = (event) => {
    const { held } = hand;
    if (!held) return;
    [held.left, held.top] = [held.x - event.clientX, held.y - event.clientY];
    if (Math.abs(held.left - frame.scrollLeft) + Math.abs(held.top - frame.scrollTop) > 4) hand.pulled = true;
    if (hand.pulled) frame.scrollTo(held.left, held.top);
  };
  addEventListener("pointermove", move, { signal });
  addEventListener("pointerup", () => (hand.held = null), { signal });
  frame.addEventListener("click", (event) => hand.pulled && event.stopPropagation(), true);
}

// nodes: as GET /v1/searches/{id}/lattice gives them, with `best` and `dashed`; covers: [lower, upper] pairs of indices.
// onselect(index) is told which node was chosen. Returns {root, select(index), view(), close()}: `view` is what a lattice
// that takes this one's place is given to be seen at the same size and place, and dragged on; a closed one no longer listens.
export function lattice(nodes, covers, onselect, seen = null) {
  if (!nodes.length) return { root: el("p", { class: "quiet" }, "No candidates."), select() {}, view: () => seen, close() {} };
  const stepX = NODE.width + NODE.gapX;
  const stepY = NODE.height + NODE.gapY;
  const half = Math.max(...nodes.map((node) => Math.abs(node.place)));
  const rows = 1 + Math.max(...nodes.map((node) => node.row));
  const width = 2 * half * stepX + NODE.width + 2 * EDGE;
  const height = rows * stepY - NODE.gapY + 2 * EDGE;
  const at = ({ place, row }) => ({ x: EDGE + NODE.width / 2 + (half + place) * stepX, y: height - EDGE - NODE.height / 2 - row * stepY });

  const lines = covers.map(([lower, upper]) => {
    const [from, to] = [at(nodes[lower]), at(nodes[upper])];
    return svg("line", { x1: from.x, y1: from.y - NODE.height / 2, x2: to.x, y2: to.y + NODE.height / 2, class: "cover", "data-ends": `${lower} ${upper}` });
  });
  const boxes = nodes.map((node, index) => {
    const { x, y } = at(node);
    const { text, index: below } = nameParts(node);
    const shown = `${text}${below} ${noteOf(node)}`.trim(); // a name begins with what can be seen
    const said = [node.name, node.title ?? node.group, node.verdict ?? node.state ?? "not ranked", typeof node.posterior === "number" ? `posterior ${percent(node.posterior)}` : null].filter(Boolean);
    return svg(
      "g",
      { class: ["node", verdictClass(node.verdict), node.best && "node-best", node.dashed && "node-dashed"].filter(Boolean).join(" "), "data-index": index, "data-key": node.name, role: "option", "aria-selected": "false", tabindex: -1, "aria-label": `${shown}: ${said.join(", ")}` },
      svg("title", {}, said.join(" · ")),
      svg("rect", { x: x - NODE.width / 2, y: y - NODE.height / 2, width: NODE.width, height: NODE.height, rx: 10 }),
      nameText(node, x, node.verdict ? y - 3 : y + 6),
      svg("text", { x, y: y + 18, class: "node-note", "text-anchor": "middle" }, noteOf(node)),
    );
  });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "listbox", "aria-label": "Lattice of the candidate groups. Arrow keys walk along its lines.", class: "lattice" }, svg("g", {}, lines), svg("g", {}, boxes));
  const frame = el("div", { class: "lattice-frame" }, picture);
  const zoom = zoomBar(frame, picture, width, height);
  const root = el("div", { class: "lattice-view" }, frame, zoom.bar);
  const closing = new AbortController();
  const hand = seen?.hand ?? { held: null, pulled: false };
  drag(frame, closing.signal, hand);

  let chosen = null;
  const select = (index, { focus = false } = {}) => {
    if (index === undefined || index === chosen) return;
    if (chosen !== null) boxes[chosen].setAttribute("aria-selected", "false");
    boxes[chosen ?? index].setAttribute("tabindex", -1);
    chosen = index;
    boxes[index].setAttribute("aria-selected", "true");
    boxes[index].setAttribute("tabindex", 0);
    for (const line of lines) line.classList.toggle("cover-near", line.dataset.ends.split(" ").includes(String(index)));
    if (focus) boxes[index].focus({ preventScroll: true });
    if (focus) reveal();
  };
  const reveal = () => {
    const { x, y } = at(nodes[chosen]);
    const scale = zoom.at();
    frame.scrollTo(x * scale - frame.clientWidth / 2, y * scale - frame.clientHeight / 2);
  };
  picture.addEventListener("click", (event) => {
    const index = event.target.closest(".node")?.dataset.index;
    if (index === undefined) return;
    select(Number(index));
    boxes[index].focus({ preventScroll: true });
    onselect(Number(index));
  });
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onselect(chosen, { open: true });
    } else if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      const next = neighbour(nodes, covers, chosen, event.key);
      if (next === undefined) return;
      select(next, { focus: true });
      onselect(next);
    }
  });
  const settle = () => {
    const before = seen?.place;
    zoom.set(before?.scale ?? Math.max(zoom.fit(), Math.min(READABLE, 1)));
    zoom.bar.hidden = zoom.fit() > 0.98;
    frame.classList.toggle("grab", zoom.fit() < READABLE);
    if (hand.held && hand.pulled) frame.scrollTo(hand.held.left, hand.held.top);
    else if (before) frame.scrollTo(before.left, before.top);
    else if (chosen !== null) reveal();
  };
  new ResizeObserver((entries, observer) => {
    observer.disconnect();
    settle();
  }).observe(frame);
  const view = () => ({ hand, place: zoom.at() ? { scale: zoom.at(), left: frame.scrollLeft, top: frame.scrollTop } : seen?.place });
  return { root, select, view, close: () => closing.abort() };
}
