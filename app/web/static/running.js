// A search that is not finished: how far each candidate is, its learning curve as it grows, and what is settled.

import { bar, progressBar } from "./bars.js";
import { el, svg } from "./dom.js";
import { candidateName, count, duration, fixed, interval, mixed, percent } from "./format.js";
import { figure, term } from "./glossary.js";
import { grid, refitRows } from "./grid.js";
import { badge } from "./verdicts.js";

const CHART = { height: 250, least: 280, left: 46, top: 12, bottom: 30 };
const HEADS = { queued: "Waiting for a worker", running: "Training one network per candidate", cancelling: "Stopping" };
const ENDED = ["done", "failed", "crashed", "cancelled"];
const STATES = { queued: "waiting", running: "training", done: "trained", failed: "failed", crashed: "crashed", cancelled: "cancelled" };
const DRAW_EVERY = 400;
const LABEL_APART = 13;

const mean = (losses) => {
  const known = losses.filter((loss) => loss !== null);
  return known.length ? known.reduce((sum, loss) => sum + loss, 0) / known.length : null;
};

// One training: {attempt, epochs, points: Map from epoch to mean held-out loss}.
const fresh = (attempt) => ({ attempt, epochs: null, points: new Map() });

const lineOf = (training) => [...(training?.points ?? [])].sort(([a], [b]) => a - b);

function ticks(from, to) {
  return [from, (from + to) / 2, to];
}

// Labels at the ends of lines, moved apart where they would overlap.
function spread(ends) {
  const placed = [...ends].sort((a, b) => a.y - b.y);
  placed.forEach((end, index) => {
    if (index) end.y = Math.max(end.y, placed[index - 1].y + LABEL_APART);
  });
  return placed.filter((end) => end.y < CHART.height - CHART.bottom + LABEL_APART);
}

// The name at the end of a line, where there is little room.
const shortName = ({ name }, apart) => name.replace(" about the centre", apart ? " centre" : "");

// width: of the picture in pixels, so that its letters keep their size on every screen.
function chart(curves, width) {
  const all = curves.flatMap(({ line }) => line);
  const lastEpoch = Math.max(2, ...all.map(([epoch]) => epoch));
  const [least, most] = [Math.min(...all.map(([, loss]) => loss)), Math.max(...all.map(([, loss]) => loss))];
  const right = Math.min(Math.max(70, 14 + 7 * Math.max(...curves.map(({ name }) => name.length))), 0.4 * width);
  const x = (epoch) => CHART.left + ((epoch - 1) / (lastEpoch - 1)) * (width - CHART.left - right);
  const y = (loss) => CHART.top + ((most - loss) / (most - least || 1)) * (CHART.height - CHART.top - CHART.bottom);
  const lines = curves.map(({ name, state, line }) =>
    svg(
      "g",
      { class: `live live-${state}` },
      svg("title", {}, `${name}: ${fixed(line.at(-1)[1])} after ${line.at(-1)[0]} epochs`),
      svg("polyline", { points: line.map(([epoch, loss]) => `${x(epoch).toFixed(1)},${y(loss).toFixed(1)}`).join(" ") }),
      svg("circle", { cx: x(line.at(-1)[0]), cy: y(line.at(-1)[1]), r: 2.6 }),
    ),
  );
  const ends = spread(curves.map(({ name, state, line }) => ({ name, state, x: x(line.at(-1)[0]) + 6, y: y(line.at(-1)[1]) + 4 })));
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${CHART.height}`, width, height: CHART.height, class: "live-chart", role: "img", "aria-label": "Held-out loss against epochs, one line for each candidate; the numbers are in the table" },
    ticks(least, most).map((loss) => [
      svg("line", { class: "rule", x1: CHART.left, x2: width - right, y1: y(loss), y2: y(loss) }),
      svg("text", { x: CHART.left - 6, y: y(loss) + 4, "text-anchor": "end" }, fixed(loss, 2)),
    ]),
    [1, Math.round((1 + lastEpoch) / 2), lastEpoch].map((epoch) => svg("text", { x: x(epoch), y: CHART.height - 10, "text-anchor": "middle" }, String(epoch))),
    lines,
    ends.map((end) => svg("text", { x: end.x, y: end.y, class: `live-name live-${end.state}` }, end.name)),
  );
}

// What a trained candidate reached, on data that its networks never saw.
function reached(item) {
  if (item.spared) return `not trained: ${item.spared}`;
  if (item.error && item.state !== "done") return item.error;
  const found = item.accuracy ?? item.r2;
  if (!found || item.state !== "done") return null;
  return figure(item.accuracy ? "accuracy" : "r2", `${item.accuracy ? "accuracy" : "R²"} ${fixed(found.mean)} (${interval(found)})`);
}

// The view of an unfinished search. Returns {node, update, hear}: update(search, items) takes the search and the rows of
// its ranking, hear(kind, data) an event of its stream.
export function runningView() {
  const head = el("h2", { role: "status" });
  const track = el("div");
  const left = el("p", { class: "quiet" });
  const settled = el("p");
  const drawing = el("div", { class: "live-frame" });
  const body = el("tbody");
  const table = el(
    "table",
    { class: "cards live-table", "aria-label": "Candidates as they train" },
    el("thead", {}, el("tr", {}, ["Group", term("state"), term("epoch"), term("held_out_loss"), "Reached"].map((text) => el("th", { scope: "col" }, text)))),
    body,
  );
  grid(table);
  const node = el("div", { class: "running" }, head, track, left, settled, drawing, table);
  const trainings = new Map();
  let search = null;
  let items = [];

  function drawHead() {
    const { done = 0, total = 0, fraction = 0, eta_seconds: eta } = search.progress ?? {};
    const text = `${HEADS[search.state] ?? search.state}: ${done} of ${total} done`;
    if (head.textContent !== text) head.textContent = text; // read out once, not at every event
    track.replaceChildren(progressBar(fraction, "Progress of the search"));
    left.textContent = `${percent(fraction)}${typeof eta === "number" ? `, about ${duration(eta)} left` : ""}. This page follows by itself.`;
    const spared = items.filter((item) => item.spared).length;
    const ended = items.filter((item) => ENDED.includes(item.state) && !item.spared).length;
    settled.textContent = search.state === "queued" ? "" : `Settled so far: ${ended} trained${spared ? `, ${spared} spared because no verdict can change by them` : ""}. Verdicts follow when the last candidate has testified.`;
  }

  function row(item, apart) {
    const training = trainings.get(item.candidate_id);
    const last = lineOf(training).at(-1);
    const cell = (label, ...children) => el("td", { "data-label": label }, ...children);
    const trying = item.attempt > 1 ? [" ", el("small", {}, `attempt ${item.attempt}`)] : null;
    return el(
      "tr",
      { "data-key": item.candidate_id },
      el("th", { scope: "row", title: item.title }, candidateName(item, apart)),
      cell("State", item.spared ? el("span", { class: "badge", "data-term": "state" }, "spared") : badge(null, item.state), trying),
      cell("Epoch", last && !item.spared ? el("span", { class: "numbers" }, bar(item.state === "done" ? 1 : last[0] / training.epochs), figure("epoch", `${count(last[0])} of ${count(training.epochs)}`)) : "–"),
      cell("Held-out loss", last ? figure("held_out_loss", fixed(last[1])) : "–"),
      el("td", { "data-label": "Reached", class: "words-cell" }, reached(item) ?? "–"),
    );
  }

  function draw() {
    drawHead();
    const apart = mixed(items);
    const curves = items
      .map((item) => ({ name: shortName(item, apart), state: STATES[item.state] ? item.state : "done", line: lineOf(trainings.get(item.candidate_id)) }))
      .filter(({ line }) => line.length);
    drawing.replaceChildren(...(curves.length ? [chart(curves, Math.max(drawing.clientWidth, CHART.least)), el("p", { class: "quiet" }, "Held-out loss, in bits for classes and as the share of the variance for numbers, as the epochs pass. Strong: training now.")] : []));
    refitRows(body, items.map((item) => row(item, apart)));
  }

  let waiting = null;
  function drawSoon() {
    waiting ??= setTimeout(() => {
      waiting = null;
      if (search) draw();
    }, DRAW_EVERY);
  }

  function hear(kind, data) {
    if (kind === "epoch") {
      const before = trainings.get(data.candidate_id);
      const training = before && before.attempt === data.attempt ? before : fresh(data.attempt);
      training.epochs = data.epochs;
      for (const { epoch, losses } of data.points) {
        const loss = mean(losses);
        if (loss !== null) training.points.set(epoch, loss);
      }
      trainings.set(data.candidate_id, training);
    } else if (kind === "trial") {
      // A new attempt, or a retry, begins its curve anew.
      if (data.state === "running" || data.state === "queued") trainings.delete(data.candidate_id);
      const item = items.find(({ candidate_id: id }) => id === data.candidate_id);
      if (item) Object.assign(item, { state: data.state, attempt: data.attempt });
    } else if (kind === "progress" && search) {
      search.progress = { ...search.progress, ...data };
    }
    drawSoon();
  }

  function update(found, rows) {
    search = found;
    items = rows.map((item) => ({ ...item }));
    draw();
  }

  return { node, update, hear };
}
