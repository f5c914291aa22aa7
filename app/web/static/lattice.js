// The Hasse diagram of the candidates: larger groups above, a line where nothing lies between two of them.

import { el, svg } from "./dom.js";
import { groupParts, percent } from "./format.js";
import { VERDICTS, verdictClass } from "./verdicts.js";

const NODE = { width: 92, height: 50, gapX: 20, gapY: 46 };
const SMALLEST = 0.55;

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
  const widest = 1 + 2 * Math.max(...nodes.map((node) => Math.abs(node.place)));
  const rows = 1 + Math.max(...nodes.map((node) => node.row));
  const stepX = NODE.width + NODE.gapX;
  const stepY = NODE.height + NODE.gapY;
  const width = widest * stepX;
  const total = rows * stepY - NODE.gapY + 12;
  const at = (node) => ({ x: width / 2 + nodes[node].place * stepX, y: total - 6 - NODE.height / 2 - nodes[node].row * stepY });

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
