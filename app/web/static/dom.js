// Elements made without markup: every text becomes a text node, so nothing that a user typed is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function el(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(id) {
  return document.getElementById(id);
}

export function show(node, visible) {
  node.hidden = !visible;
}

const keyOf = ({ dataset }) => dataset.key ?? dataset.term;

// Keyboard focus stays on what had it before, or on what has the same key.
function keepingFocus(container, draw) {
  const before = container.contains(document.activeElement) ? document.activeElement : null;
  draw();
  if (!before || before === document.activeElement) return;
  const after = before.isConnected ? before : keyOf(before) && [...container.querySelectorAll("[data-key], [data-term]")].find((node) => keyOf(node) === keyOf(before));
  after?.focus({ preventScroll: true });
}

// Draw a container anew.
export function redraw(container, ...children) {
  keepingFocus(container, () => container.replaceChildren(...children));
}

// Give a container these children, but leave what is there and equal, so that it is not read out again. What listens must
// differ in an attribute where it does something else.
export function refit(container, ...children) {
  keepingFocus(container, () => {
    children.forEach((child, place) => {
      const there = container.childNodes[place];
      if (!there) container.append(child);
      else if (!there.isEqualNode(child)) there.replaceWith(child);
    });
    while (container.childNodes.length > children.length) container.lastChild.remove();
  });
}

// The page's one line for things that went wrong, read out by screen readers.
export function notice(node, message, kind = "error") {
  node.replaceChildren(...(message ? [el("p", { class: `notice notice-${kind}` }, message)] : []));
}

// The first `count` of many nodes now, the others when asked for. Returns the button's paragraph, or null.
export function unfold(container, nodes, count, what = "") {
  container.append(...nodes.slice(0, count));
  const rest = nodes.slice(count);
  if (!rest.length) return null;
  const more = el("p", {}, el("button", { type: "button", onclick: () => (container.append(...rest), more.remove()) }, `Show the other ${rest.length}${what && ` ${what}`}`));
  return more;
}
