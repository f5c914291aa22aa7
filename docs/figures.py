"""Draw the figures of the pages: `python -m docs.figures`.

From docs/recorded/trefoil.json (a search that docs/record.py made) and benchmarks/results; to docs/images/*.svg, with
the same bytes from the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from app.services.pictures import STATES
from app.services.polar import STANDINGS, standing
from docs.record import RECORDED, trefoil

IMAGES = Path(__file__).parent / "images"
SCOREBOARD = Path(__file__).parents[1] / "benchmarks" / "results" / "evidence" / "scoreboard.json"
# The colours of verdicts on the dashboard, light.
TONES = {
    "certified": "#0b6b4f",
    "approximate": "#815200",
    "refuted": "#a2311f",
    "untested": "#4d5866",
    "undetermined": "#5b3f96",
}
# What each standing of an element against the tolerance would be as a verdict.
STANDS = {"within": "certified", "beyond": "refuted", "open": "undetermined", "unseen": "untested"}
CLASSES = ("#c4783a", "#2f6690")
MOST = 1.2  # defects of a rosette beyond this are drawn here: all is lost already
DEFECTS = (0, 0.05, 0.2, 0.5, 1, 2, 5)  # ticks
DRAWN = 500  # samples
STYLE = {
    "svg.hashsalt": "erlangen",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def samples() -> Figure:
    """Some of the data, and what two turns do to it."""
    x, y = (part[:DRAWN] for part in trefoil())
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    for axes, (angle, title) in zip(
        figure.subplots(1, 3), ((0, "the samples"), (120, "turned by 120°"), (90, "turned by 90°")), strict=True
    ):
        turn = np.deg2rad(angle)
        moved = x @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        for label, colour in enumerate(CLASSES):
            axes.scatter(*moved[y == label].T, s=5, color=colour, linewidths=0)
        around = np.linspace(0, 2 * np.pi, 400)
        leaf = 1.2 * (1 + 0.7 * np.cos(3 * around))
        axes.plot(leaf * np.cos(around), leaf * np.sin(around), color="#222", linewidth=0.8)
        axes.set(title=title, xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal", xticks=(), yticks=())
    return figure


def rosette() -> Figure:
    """The defect of every turn and of every mirror of the curves, around the circle."""
    curves = {curve["kind"]: curve for curve in _recorded()["evidence"]["spectrum"]}
    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    for place, kind in enumerate(("turns", "mirrors"), start=1):
        axes = figure.add_subplot(1, 2, place, projection="polar")
        curve = curves[kind]
        at = np.array(curve["at"])
        value = np.clip([bound["value"] for bound in curve["defect"]], 0, MOST)
        low = np.clip([bound["low"] for bound in curve["defect"]], 0, MOST)
        high = np.clip([bound["high"] for bound in curve["defect"]], 0, MOST)
        # A turn and its inverse are one class; an axis is a line through the centre.
        for angles in (np.deg2rad(at), np.deg2rad(-at if kind == "turns" else at + 180)):
            for angle, below, middle, above, state in zip(angles, low, value, high, curve["state"], strict=True):
                axes.plot([angle, angle], [below, above], color=TONES[STATES[state]], linewidth=1.5, alpha=0.5)
                axes.plot([angle], [middle], marker="o", markersize=3.5, color=TONES[STATES[state]], linestyle="none")
        axes.plot(np.linspace(0, 2 * np.pi, 200), np.full(200, 0.05), color="#0b6b4f", linewidth=0.8, linestyle="--")
        axes.set(title=f"{kind} by {'angle' if kind == 'turns' else 'axis'}", ylim=(0, MOST))
        axes.set_yticks([0.5, 1.0], ["0.5", "all is lost"])
        axes.grid(alpha=0.3)
    return figure


def intervals() -> Figure:
    """Each class of elements: its defect, its interval and the bound that verdicts rest on, against the tolerance."""
    tolerance = _recorded()["ranking"]["tolerance"]
    items = [item for item in _recorded()["elements"]["items"] if item["defect"]["value"] is not None]
    items.sort(key=lambda item: -item["defect"]["value"])
    figure = Figure(figsize=(8.4, 0.5 + 0.24 * len(items)), layout="constrained")
    axes = figure.subplots()
    for row, item in enumerate(items):
        value, low, high, bound = (item["defect"][end] for end in ("value", "low", "high", "bound"))
        tone = TONES[STANDS[standing(item, tolerance)]]
        axes.plot([low, high], [row, row], color=tone, linewidth=3, alpha=0.6)
        axes.plot([high, bound], [row, row], color=tone, linewidth=0.9)
        axes.plot([bound], [row], marker="|", markersize=7, color=tone)
        axes.plot([value], [row], marker="o", markersize=4, color=tone)
    shown = {standing(item, tolerance) for item in items}
    for name in (name for name in STANDS if name in shown):
        axes.plot([], [], marker="o", markersize=4, linestyle="none", color=TONES[STANDS[name]], label=STANDINGS[name])
    axes.plot([], [], color="#222", linewidth=3, alpha=0.6, label="interval of the move alone")
    axes.plot([], [], color="#222", linewidth=0.9, marker="|", markersize=7, label="bound for all moves at once")
    axes.legend(loc="upper right", frameon=False, fontsize=8)
    axes.axvspan(0, tolerance, color=TONES["certified"], alpha=0.1, linewidth=0)
    axes.axvline(tolerance, color="#222", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(items)), [item["title"] for item in items])
    axes.set(xlabel="defect: share of what was learned that the move destroys (dashed: the tolerance)")
    axes.set_xscale("asinh", linear_width=tolerance)
    axes.set_xticks(DEFECTS, [f"{defect:g}" for defect in DEFECTS])
    axes.minorticks_off()
    return figure


def lattice() -> Figure:
    """The groups of the search, each above its subgroups, in the colour of its verdict with its posterior."""
    found = _recorded()["lattice"]
    nodes = found["nodes"]
    figure = Figure(figsize=(8.4, 5.2), layout="constrained")
    axes = figure.subplots()
    for lower, upper in found["covers"]:
        below, above = nodes[lower], nodes[upper]
        axes.plot([below["place"], above["place"]], [below["row"], above["row"]], color="#999", linewidth=0.7, zorder=0)
    for node in nodes:
        tone = TONES.get(node["verdict"] or "", "#999")
        area = 60 + 1400 * (node["posterior"] or 0)
        axes.scatter([node["place"]], [node["row"]], s=area, color=tone, zorder=1)
        says = f"{node['name']}\n{node['posterior']:.2f}" if (node["posterior"] or 0) > 0.005 else node["name"]
        below = (0, -(area**0.5) / 2 - 3)
        axes.annotate(
            says, (node["place"], node["row"]), below, textcoords="offset points", ha="center", va="top", fontsize=8
        )
    seen = [verdict for verdict in TONES if any(node["verdict"] == verdict for node in nodes)]
    for verdict in seen:
        axes.scatter([], [], s=60, color=TONES[verdict], label=verdict)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    axes.set_axis_off()
    axes.margins(0.08, 0.14)
    return figure


def learning() -> Figure:
    """What the best group's network and the one without symmetry lose on held-out samples, by number of labels."""
    data = _recorded()
    best = data["ranking"]["items"][0]["candidate_id"]
    figure = Figure(figsize=(6.0, 3.4), layout="constrained")
    axes = figure.subplots()
    for curve in data["curves"]["items"]:
        if curve["candidate_id"] not in (best, curve["against"]):
            continue
        colour = TONES["certified"] if curve["candidate_id"] == best else "#4d5866"
        mean, low, high = ([bound[part] for bound in curve["loss_bits"]] for part in ("mean", "low", "high"))
        axes.plot(curve["sizes"], mean, marker="o", color=colour, label=f"network of {curve['name']}")
        axes.fill_between(curve["sizes"], low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set(xscale="log", xlabel="labelled samples", ylabel="loss, bits a sample")
    ticks = sorted({size for curve in data["curves"]["items"] for size in curve["sizes"]})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


def reliability() -> Figure:
    """How often a first row of a posterior was right, over all recorded searches with known truth."""
    found = json.loads(SCOREBOARD.read_text())["calibration"]
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999", linewidth=0.8)
    for part in found["table"]:
        size = 20 + 2 * part["searches"]
        axes.scatter([part["posterior"]], [part["right"]], s=size, color=TONES["certified"], alpha=0.75)
        place = (part["posterior"], part["right"])
        axes.annotate(str(part["searches"]), place, (7, -9), textcoords="offset points", fontsize=8)
    axes.set(xlabel="posterior of the first row", ylabel="share of searches where it was right")
    axes.set(xlim=(0, 1.1), ylim=(0, 1.1))
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "samples": samples,
    "rosette": rosette,
    "intervals": intervals,
    "lattice": lattice,
    "learning": learning,
    "reliability": reliability,
}


def _recorded() -> Any:
    return json.loads((RECORDED / "trefoil.json").read_text())


def draw(folder: Path) -> None:
    """Write every figure to a folder."""
    with mpl.rc_context(STYLE):
        for name, figure in FIGURES.items():
            figure().savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    draw(IMAGES)
