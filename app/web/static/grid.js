// Tables with explained numbers, as grids of WAI-ARIA: each is one tab stop, arrow keys, Home and End lead from cell to
// cell, and the meaning of a number is the description of its cell. Roles are given outright, since cells that are drawn as
// blocks on narrow screens lose those of their tags. A cell with one button or link is entered at that; what stands in rows
// that span the table keeps its own tab stops.

import { redraw, refit } from "./dom.js";
import { described, termsIn } from "./glossary.js";

const STOP = '[data-key][tabindex="0"]';

const spans = (row) => row.cells.length === 1;

function stopOf(cell) {
  const widgets = cell.querySelectorAll("a[href], button");
  return widgets.length === 1 ? widgets[0] : cell;
}

const currentOf = (table) => [...table.querySelectorAll(STOP)].find((stop) => stop.closest("table") === table);

function setStop(table, stop) {
  const before = currentOf(table);
  if (before) before.tabIndex = -1;
  stop.tabIndex = 0;
}

function tendCell(cell) {
  const header = cell.scope === "row" ? "rowheader" : "columnheader";
  cell.setAttribute("role", cell.tagName === "TD" ? "gridcell" : header);
  const row = cell.parentElement;
  if (spans(row)) return;
  const stop = stopOf(cell);
  if (!stop.hasAttribute("tabindex")) stop.tabIndex = -1;
  stop.dataset.key = `${row.dataset.key ?? row.rowIndex} ${cell.cellIndex}`;
  if (stop !== cell) return;
  const terms = termsIn(cell);
  if (terms.length) cell.setAttribute("aria-describedby", terms.map(described).join(" "));
  else cell.removeAttribute("aria-describedby");
}

// Roles, descriptions and the tab stop, also of rows that came later.
function tend(table) {
  for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
  for (const row of table.rows) {
    row.setAttribute("role", "row");
    [...row.cells].forEach(tendCell);
  }
  if (currentOf(table)) return;
  const cells = [...table.tBodies[0].rows].filter((row) => !spans(row)).flatMap((row) => [...row.cells]);
  const first = cells.find((cell) => termsIn(cell).length) ?? cells[0];
  if (first) setStop(table, stopOf(first));
}

// Headings that stand beside a narrow screen are not walked to: there every cell has its name.
function rowsOf(table) {
  const beside = getComputedStyle(table.tHead).position === "absolute";
  return [...table.rows].filter((row) => !row.hidden && !spans(row) && !(beside && row.parentElement === table.tHead));
}

function cellFor({ key, ctrlKey }, rows, row, column) {
  switch (key) {
    case "ArrowLeft":
      return rows[row].cells[column - 1];
    case "ArrowRight":
      return rows[row].cells[column + 1];
    case "ArrowUp":
      return rows[row - 1]?.cells[column];
    case "ArrowDown":
      return rows[row + 1]?.cells[column];
    case "Home":
      return rows[ctrlKey ? 0 : row].cells[0];
    default:
      return [...rows.at(ctrlKey ? -1 : row).cells].at(-1);
  }
}

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

// The cell of this table that is focused or entered; null for what stands deeper.
function cellAt(table, target) {
  const cell = target.closest("td, th");
  return cell?.closest("table") === table && stopOf(cell) === target ? cell : null;
}

// table: with a head and one body; its rows may have a data-key, by which a place is found again. name: unless it has one.
export function grid(table, name) {
  table.setAttribute("role", "grid");
  table.setAttribute("aria-readonly", "true");
  if (name) table.setAttribute("aria-label", name);
  tend(table);
  new MutationObserver(() => tend(table)).observe(table, { childList: true, subtree: true });
  table.addEventListener("focusin", ({ target }) => cellAt(table, target) && setStop(table, target));
  table.addEventListener("keydown", (event) => {
    const cell = KEYS.includes(event.key) && !event.altKey && !event.metaKey && !event.shiftKey ? cellAt(table, event.target) : null;
    if (!cell) return;
    event.preventDefault();
    const rows = rowsOf(table);
    const next = cellFor(event, rows, rows.indexOf(cell.parentElement), cell.cellIndex);
    if (next) stopOf(next).focus();
  });
  return table;
}

// Draw a container of grids anew; focus and tab stops stay at the cells with the same keys.
export function redrawGrids(container, ...children) {
  const stops = [...container.querySelectorAll(STOP)].map(({ dataset }) => dataset.key);
  redraw(container, ...children);
  for (const stop of container.querySelectorAll("[role=grid] [data-key]")) if (stops.includes(stop.dataset.key)) setStop(stop.closest("table"), stop);
}

// Give the body of a table these rows, known by their data-key. Cells that are there stay, and only what they say changes.
export function refitRows(body, rows) {
  const there = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const wanted = rows.map((row) => {
    const old = there.get(row.dataset.key);
    if (old) [...row.cells].forEach((cell, place) => refit(old.cells[place], ...cell.childNodes));
    return old ?? row;
  });
  if (wanted.length !== body.rows.length || wanted.some((row, place) => row !== body.rows[place])) redraw(body, ...wanted);
}
