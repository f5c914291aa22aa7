// The Hasse diagram of the candidates: larger groups above, a line where nothing lies between two of them.

import { el, svg } from "./dom.js";
import { groupParts, percent } from "./format.js";
import { VERDICTS, verdictClass } from "./verdicts.js";

const NODE = { width: 92, height: 50, gapX: 20, gapY: 46 };
const SMALLEST = 0.55;

// Height of each node above the bottom: the longest chain of covers below it.
function heights(size, covers) {
  const below = Array.from({ length: size }, () => []);
  for (const [lower, upper] of covers) below[upper].push(lower);
  const height = new Array(size).fill(null);
  const climb = (node) => (height[node] ??= below[node].length ? 1 + Math.max(...below[node].map(climb)) : 0);
  for (let node = 0; node < size; node++) climb(node);
  return height;
}

// Rows of nodes, ordered so that neighbours stand near each other (a few sweeps of the barycentre rule).
function arrange(size, covers) {
  const height = heights(size, covers);
  const rows = Array.from({ length: Math.max(...height) + 1 }, () => []);
  height.forEach((level, node) => rows[level].push(node));
  const neighbours = Array.from({ length: size }, () => []);
  for (const [lower, upper] of covers) {
    neighbours[lower].push(upper);
    neighbours[upper].push(lower);
  }
  const place = new Array(size).fill(0);
  const settle = (row) => row.forEach((node, index) => (place[node] = index - (row.length - 1) / 2));
  rows.forEach(settle);
  for (let sweep = 0; sweep < 8; sweep++) {
    for (const row of sweep % 2 ? rows : [...rows].reverse()) {
      const centre = (node) => neighbours[node].reduce((sum, other) => sum + place[other], 0) / (neighbours[node].length || 1);
      const wish = new Map(row.map((node) => [node, neighbours[node].length ? centre(node) : place[node]]));
      row.sort((a, b) => wish.get(a) - wish.get(b));
      settle(row);
    }
  }
  return { rows, place, height };
}

function nameText(node, x, y) {
  const { letter, index } = groupParts(node.group ?? node.name);
  return svg(
    "text",
    { x, y, class: "node-name", "text-anchor": "middle" },
    svg("tspan", {}, letter),
    index ? svg("tspan", { class: "node-index", dy: 5 }, index) : null,
  );
}

// nodes: {group, title, labels, verdict, posterior, href, best, dashed}; covers: [lower, upper] pairs of indices.
export function lattice(nodes, covers) {
  if (!nodes.length) return el("p", { class: "quiet" }, "No candidates.");
  const { rows, place, height } = arrange(nodes.length, covers);
  const widest = Math.max(...rows.map((row) => row.length));
  const stepX = NODE.width + NODE.gapX;
  const stepY = NODE.height + NODE.gapY;
  const width = widest * stepX;
  const total = rows.length * stepY - NODE.gapY + 12;
  const at = (node) => ({ x: width / 2 + place[node] * stepX, y: total - 6 - NODE.height / 2 - height[node] * stepY });

  const lines = covers.map(([lower, upper]) => {
    const from = at(lower);
    const to = at(upper);
    return svg("line", { x1: from.x, y1: from.y - NODE.height / 2, x2: to.x, y2: to.y + NODE.height / 2, class: "cover" });
  });
  const boxes = nodes.map((node, index) => {
    const { x, y } = at(index);
    const said = node.verdict ?? node.state ?? "not ranked";
    const parts = [node.title ?? node.group, said, typeof node.posterior === "number" ? `posterior ${percent(node.posterior)}` : null];
    return svg(
      "a",
      { href: node.href, class: ["node", verdictClass(node.verdict), node.best && "node-best", node.dashed && "node-dashed"].filter(Boolean).join(" "), "aria-label": parts.filter(Boolean).join(", ") },
      svg("title", {}, parts.filter(Boolean).join(" · ")),
      svg("rect", { x: x - NODE.width / 2, y: y - NODE.height / 2, width: NODE.width, height: NODE.height, rx: 9 }),
      nameText(node, x, node.verdict ? y - 2 : y + 6),
      svg(
        "text",
        { x, y: y + 17, class: "node-note", "text-anchor": "middle" },
        `${VERDICTS[node.verdict]?.sign ?? ""} ${typeof node.posterior === "number" ? percent(node.posterior) : ""}`.trim(),
      ),
    );
  });
  const picture = svg("svg", { viewBox: `0 0 ${width} ${total}`, role: "group", "aria-label": "Lattice of the candidate groups", class: "lattice" }, lines, boxes);
  // Never drawn larger than its natural size, nor too small to read: then it scrolls inside its frame.
  picture.setAttribute("width", width);
  picture.setAttribute("height", total);
  picture.style.minWidth = `${SMALLEST * width}px`;
  return el("div", { class: "lattice-frame", tabindex: widest > 5 ? "0" : null }, picture);
}
