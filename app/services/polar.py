"""Where the marks of polar plots stand, in pixels: turns of the plane at their angles, mirrors on their axes.

The middle is no loss; radii are linear up to about the tolerance and logarithmic beyond it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

SIZE, RADIUS, RIM = 320.0, 112.0, 20.0
STROKE = 4.0  # half of what marks the end of a bound
FURTHEST = 1.0  # the least defect at which a plot may end
RINGS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
APART = 0.13  # of the radius, between two rings
ANGLES_APART = 14.0  # degrees between two labels on the rim
STANDINGS = {
    "within": "within the tolerance",
    "beyond": "beyond the tolerance",
    "open": "not decided",
    "unseen": "the data shows no such pose",
    "none": "not measured",
}


def standing(item: Mapping[str, Any], tolerance: float) -> str:
    """How an element stands against the tolerance, a name among STANDINGS: within and beyond are what the search holds
    for all elements at once."""
    defect = item.get("defect") or {}
    if defect.get("value") is None:
        return "none"
    if (item.get("support") or {}).get("status") == "not_shown":
        return "unseen"
    highest = defect["high"] if defect.get("bound") is None else defect["bound"]
    if highest is not None and highest <= tolerance:
        return "within"
    refuted = item.get("refuted")
    if refuted is None:
        refuted = defect["low"] is not None and defect["low"] > tolerance
    return "beyond" if refuted else "open"


def polar_pictures(items: Sequence[Mapping[str, Any]], tolerance: float) -> list[dict[str, Any]]:
    """One plot of turns and one of mirrors for each action on the labels, where planar elements were tested.

    Each: {kind, labels, size, radius, rings: [{at, r, tolerance}], rim: [{text, at}], rays: [{title, standing, ends}]};
    an end is {at, far, low, high, bound, stroke}: the mark, the rim, the ends of its interval and the bound, as (x, y),
    and the two ends of the stroke across the bound.
    """
    planar = [item for item in items if _planar(item.get("matrix"))]
    if not planar:
        return []
    bounds = [b for item in planar for b in (*_interval(item), _bound(item)) if b is not None]
    most = math.asinh(max([FURTHEST, *bounds]) / tolerance)

    def radius(defect: float) -> float:
        return RADIUS * min(max(math.asinh(defect / tolerance), 0.0), most) / most

    actions = sorted({_action(item) for item in planar})
    plots = []
    for action in actions:
        own = [item for item in planar if _action(item) == action]
        for kind in ("turns", "mirrors"):
            some = [item for item in own if (_determinant(item["matrix"]) > 0) == (kind == "turns")]
            if some:
                plots.append(_plot(kind, action, some, tolerance, radius))
    return plots


def _plot(kind: str, action: str, items: Sequence[Mapping[str, Any]], tolerance: float, radius: Any) -> dict[str, Any]:
    rings: list[float] = [tolerance]
    for ring in RINGS:
        if radius(rings[-1]) + APART * RADIUS < radius(ring) < RADIUS - 1e-6:
            rings.append(ring)
    rays, rim = [], [0.0] if kind == "turns" else []
    for item in items:
        angles = _turn(item) if kind == "turns" else (_axis(item["matrix"]), _axis(item["matrix"]) + 180.0)
        rim += angles if kind == "turns" else angles[:1]
        value, low, high = _interval(item) or (None, None, None)
        bound = _bound(item)
        ends = []
        for degrees in angles:
            there = 1.0 if value is None else radius(value) / RADIUS
            ends.append({
                "at": _point(kind, degrees, RADIUS * there), "far": _point(kind, degrees, RADIUS),
                "low": None if low is None else _point(kind, degrees, radius(low)),
                "high": None if high is None else _point(kind, degrees, radius(high)),
                "bound": None if bound is None else _point(kind, degrees, radius(bound)),
                "stroke": None if bound is None else _across(kind, degrees, radius(bound)),
            })  # fmt: skip
        rays.append({"title": item.get("title") or item["element"], "standing": standing(item, tolerance),
                     "defect": item.get("defect"), "ends": ends})  # fmt: skip
    return {
        "kind": kind,
        "labels": action,
        "size": SIZE,
        "radius": RADIUS,
        "rings": [{"at": ring, "r": radius(ring), "tolerance": ring == tolerance} for ring in rings],
        "rim": [{"text": f"{round(a, 1):g}°", "at": _point(kind, a, RADIUS + RIM)} for a in _thinned(rim)],
        "rays": rays,
    }


def _point(kind: str, degrees: float, r: float) -> tuple[float, float]:
    """Turns point clockwise from above, as pictures turn; axes lie along their direction, y downwards."""
    a = math.radians(degrees)
    x, y = (math.sin(a), -math.cos(a)) if kind == "turns" else (math.cos(a), math.sin(a))
    return round(SIZE / 2 + r * x, 2), round(SIZE / 2 + r * y, 2)


def _across(kind: str, degrees: float, r: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of a short stroke across a ray."""
    (x, y), (dx, dy) = _point(kind, degrees, r), _point(kind, degrees + 90.0, STROKE)
    dx, dy = dx - SIZE / 2, dy - SIZE / 2
    return (round(x - dx, 2), round(y - dy, 2)), (round(x + dx, 2), round(y + dy, 2))


def _thinned(degrees: Sequence[float]) -> list[float]:
    kept: list[float] = []
    for at in sorted(set(degrees)):
        if not kept or at - kept[-1] >= ANGLES_APART:
            kept.append(at)
    return kept


def _turn(item: Mapping[str, Any]) -> tuple[float, ...]:
    """The angle of a turn and that of its inverse."""
    degrees = float(item.get("angle_degrees") or 180.0)
    return (degrees,) if abs(degrees - 180.0) < 1e-6 else (degrees, 360.0 - degrees)


def _axis(matrix: Sequence[Sequence[float]]) -> float:
    return round(math.degrees(math.atan2(matrix[1][0], matrix[0][0])) / 2, 6) % 180.0


def _interval(item: Mapping[str, Any]) -> list[float]:
    defect = item.get("defect") or {}
    value = defect.get("value")
    if value is None:
        return []
    return [value if end is None else end for end in (value, defect.get("low"), defect.get("high"))]


def _bound(item: Mapping[str, Any]) -> float | None:
    bound: float | None = (item.get("defect") or {}).get("bound")
    return bound


def _action(item: Mapping[str, Any]) -> str:
    """What the element does to labels, in brackets at the end of its name, and a number where another element moves
    other coordinates alike."""
    found = re.search(r"(?:\[(.*)\])?(?: #(\d+))?$", item["element"])
    action, serial = found.groups() if found else (None, None)
    return ", ".join(part for part in (action and f"labels: {action}", serial and f"#{serial}") if part)


def _planar(matrix: Any) -> bool:
    """Whether a matrix is an orthogonal map of the plane."""
    if not isinstance(matrix, list) or len(matrix) != 2 or any(not isinstance(m, list) or len(m) != 2 for m in matrix):
        return False
    (a, b), (c, d) = matrix
    return bool(abs(a * a + c * c - 1) + abs(b * b + d * d - 1) + abs(a * b + c * d) < 1e-4)


def _determinant(matrix: Sequence[Sequence[float]]) -> float:
    return matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0]
