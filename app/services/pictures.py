"""Where the marks of a report's pictures stand, in pixels: the lattice, spectra, learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

NODE_WIDTH, NODE_HEIGHT, GAP_X, GAP_Y = 96, 46, 14, 40
LONGEST_NAME = 11
CENTRED = " about the centre"  # what the names of such groups say; in the lattice they are dashed instead
LEAST_DEFECT, WIDEST_DEFECT = -0.2, 1.5  # bars end here
PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 640, 190, 24
TICKS = 9
# What colours the points of a spectrum: the verdict that each would give by itself.
STATES = {"within": "certified", "refuted": "refuted", "unseen": "untested", "open": "undetermined"}


def lattice_picture(lattice: dict[str, Any]) -> dict[str, Any]:
    """Pixels of the Hasse diagram: {width, height, nodes: [{x, y, ...}], lines: [{x1, y1, x2, y2}]}."""
    half = max((abs(node["place"]) for node in lattice["nodes"]), default=0.0)
    top = max((node["row"] for node in lattice["nodes"]), default=0)
    nodes = [
        {
            **node,
            "label": _short(node["name"].replace(CENTRED, "")),
            "centred": CENTRED in node["name"],
            "x": (half + node["place"]) * (NODE_WIDTH + GAP_X) + NODE_WIDTH / 2 + 2,
            "y": (top - node["row"]) * (NODE_HEIGHT + GAP_Y) + NODE_HEIGHT / 2 + 2,
        }
        for node in lattice["nodes"]
    ]
    lines = [
        {
            "x1": nodes[lower]["x"], "y1": nodes[lower]["y"] - NODE_HEIGHT / 2,
            "x2": nodes[upper]["x"], "y2": nodes[upper]["y"] + NODE_HEIGHT / 2,
        }
        for lower, upper in lattice["covers"]
    ]  # fmt: skip
    return {
        "width": 2 * half * (NODE_WIDTH + GAP_X) + NODE_WIDTH + 4,
        "height": top * (NODE_HEIGHT + GAP_Y) + NODE_HEIGHT + 4,
        "centred": any(node["centred"] for node in nodes),
        "node_width": NODE_WIDTH,
        "node_height": NODE_HEIGHT,
        "nodes": nodes,
        "lines": lines,
    }


def _short(name: str) -> str:
    """A name that fits into its node."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def spectrum_picture(spectrum: dict[str, Any], tolerance: float) -> dict[str, Any]:
    """Pixels of a spectrum's plot: {width, height, left, right, zero, tolerance, points, ticks} beside what it says."""
    at = spectrum["at"]
    first, last = min(at), max(at)

    def x(place: float) -> float:
        return MARGIN + (PLOT_WIDTH - 2 * MARGIN) * ((place - first) / (last - first) if last > first else 0.5)

    def y(defect: float) -> float:
        inside = min(max(defect, LEAST_DEFECT), WIDEST_DEFECT)
        return 6 + (PLOT_HEIGHT - 30) * (WIDEST_DEFECT - inside) / (WIDEST_DEFECT - LEAST_DEFECT)

    points = [
        {
            "at": place, "state": state, "verdict": STATES[state], "defect": bound,
            "x": x(place), "y": y(bound["value"]), "low": y(bound["low"]), "high": y(bound["high"]),
        }
        for place, bound, state in zip(at, spectrum["defect"], spectrum["state"], strict=True)
    ]  # fmt: skip
    marks = [first + (last - first) * k / (TICKS - 1) for k in range(TICKS)] if last > first else [first]
    return {
        "kind": spectrum["kind"],
        "sentence": spectrum["sentence"],
        "unit": "°" if spectrum["kind"] in ("turns", "mirrors") else "",
        "width": PLOT_WIDTH,
        "height": PLOT_HEIGHT,
        "left": MARGIN,
        "right": PLOT_WIDTH - MARGIN,
        "zero": y(0.0),
        "tolerance": y(tolerance),
        "points": points,
        "ticks": [{"at": mark, "x": x(mark)} for mark in marks],
    }


def curves_picture(items: Sequence[Mapping[str, Any]], best: str | None) -> dict[str, Any] | None:
    """Pixels of the learning curves: {width, height, lines: [{name, kind, points, band}], sizes, losses}; None where
    none has two sizes. kind: best, reference (no symmetry) or other."""
    drawn = [item for item in items if len(item.get("sizes") or []) > 1]
    if not drawn:
        return None
    sizes = sorted({size for item in drawn for size in item["sizes"]})
    ends = [_ends(loss) for item in drawn for loss in item["loss_bits"]]
    least, most = min(low for low, _, _ in ends), max(high for _, _, high in ends)

    def x(size: float) -> float:
        share = (math.log(size) - math.log(sizes[0])) / (math.log(sizes[-1]) - math.log(sizes[0]))
        return round(2 * MARGIN + (PLOT_WIDTH - 3 * MARGIN) * share, 1)

    def y(loss: float) -> float:
        return round(8 + (PLOT_HEIGHT - 34) * (most - loss) / ((most - least) or 1.0), 1)

    def kind(item: Mapping[str, Any]) -> str:
        if item["candidate_id"] == best:
            return "best"
        return "reference" if item.get("against") == item["candidate_id"] else "other"

    lines = []
    for item in sorted(drawn, key=lambda item: ("other", "reference", "best").index(kind(item))):
        curve = [(x(size), [y(end) for end in _ends(loss)])
                 for size, loss in zip(item["sizes"], item["loss_bits"], strict=True)]  # fmt: skip
        lines.append({
            "name": item["name"],
            "kind": kind(item),
            "points": " ".join(f"{at},{mean}" for at, (_, mean, _) in curve),
            "band": " ".join([*(f"{at},{low}" for at, (low, _, _) in curve),
                              *(f"{at},{high}" for at, (_, _, high) in reversed(curve))]),
        })  # fmt: skip
    apart = [size for k, size in enumerate(sizes) if k == 0 or x(size) - x(sizes[k - 1]) > MARGIN]
    return {
        "width": PLOT_WIDTH,
        "height": PLOT_HEIGHT,
        "lines": lines,
        "sizes": [{"at": size, "x": x(size)} for size in apart],
        "losses": [{"at": loss, "y": y(loss)} for loss in (least, (least + most) / 2, most)],
    }


def _ends(loss: Mapping[str, Any]) -> list[float]:
    """Lower end, mean and upper end of an interval that may have no ends."""
    mean = float(loss["mean"])
    return [mean if loss.get(name) is None else float(loss[name]) for name in ("low", "mean", "high")]
