"""Which curves of elements a search asks about, and the grid that each starts with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.groups.finite import FloatArray
from models.groups.planar import MIRROR_X, mirror_axis_degrees, rotation, turn_degrees
from workers.evidence.spectrum import LARGEST_ORDER
from workers.samples import Samples, interpolates

_STEP = 7.5  # degrees
_ORDERS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16)  # of the turns that are tested whatever the candidates are
_FACTORS = tuple(2.0 ** (k / 8) for k in (1, 2, 3, 4, 6, 8))
_CENTRES = 8  # curves over centres at most


@dataclass
class Question:
    """A curve of elements: turns, mirrors or scalings of `pairs` of coordinates together, or changes of sign of
    `pairs[0]` about points along `towards`. `labels`: the (p, p) map of every element, `vector`, or None."""

    kind: str
    pairs: tuple[tuple[int, ...], ...]
    labels: list[list[float]] | str | None = None
    named: list[float] = field(default_factory=list)
    towards: tuple[float, ...] = ()

    @property
    def coordinates(self) -> list[int]:
        return [c for pair in self.pairs for c in pair]


def questions(plan: dict[str, Any], samples: Samples, domain: str) -> list[Question]:
    """The curves that a plan asks for."""
    found = _planar_questions(plan, samples.x.shape[1] if domain == "vector" else 2, domain)
    if domain == "image2d":
        return found if interpolates(plan) else []
    return found + _centre_questions(plan, samples)


def _planar_questions(plan: dict[str, Any], dimension: int, domain: str) -> list[Question]:
    kinds: dict[tuple[str, tuple[tuple[int, ...], ...]], list[tuple[FloatArray, Any, bool]]] = {}
    listed = {c for node in plan["nodes"] if node["spec"]["kind"] != "family" for c in node["classes"]}
    for position, planned in enumerate(plan["classes"]):
        parts = _planar(planned["action"])
        if parts is not None:
            pairs, turn = parts
            kind = _kind(turn)
            kinds.setdefault((kind, pairs), []).append((turn, planned["action"]["labels"], position in listed))
    for pairs, family in _spatial(plan):
        kinds.setdefault(("turns", pairs), [(rotation(90.0), None, False)])
        if family == "O(n)":
            kinds.setdefault(("mirrors", pairs), [(MIRROR_X, None, False)])
    found = []
    for (kind, pairs), elements in kinds.items():
        if kind == "turns" and all(np.allclose(turn, -np.eye(2)) for turn, _, _ in elements):
            continue
        rule = _label_rule([(turn, labels) for turn, labels, _ in elements], pairs, dimension)
        if rule == "unknown":
            continue
        named = sorted({_parameter(kind, turn) for turn, _, known in elements if known and kind != "scales"})
        found.append(Question(kind, pairs, rule, named))
    return sorted(found, key=lambda q: (("turns", "mirrors", "scales").index(q.kind), q.pairs))


def _planar(action: dict[str, Any]) -> tuple[tuple[tuple[int, ...], ...], FloatArray] | None:
    """(pairs of coordinates, the 2 x 2 map) where an action does the same to each of several pairs; else None."""
    if "matrix" not in action:
        return None
    matrix, k = np.asarray(action["matrix"], dtype=np.float64), len(action["coordinates"])
    if k % 2:
        return None
    block = matrix[:2, :2]
    if not np.allclose(matrix, np.kron(np.eye(k // 2), block), atol=1e-9):
        return None
    pairs = tuple(tuple(action["coordinates"][i : i + 2]) for i in range(0, k, 2))
    scaled = abs(float(np.linalg.det(block)))
    return (pairs, block) if scaled > 1e-9 and np.allclose(block @ block.T, scaled * np.eye(2), atol=1e-6) else None


def _kind(turn: FloatArray) -> str:
    determinant = float(np.linalg.det(turn))
    return "mirrors" if determinant < 0 else "turns" if abs(determinant - 1.0) < 1e-6 else "scales"


def _parameter(kind: str, turn: FloatArray) -> float:
    """The axis of a mirror; of a turn, by how many degrees, at most 180."""
    if kind == "mirrors":
        return mirror_axis_degrees(turn)
    degrees = turn_degrees(turn)
    return min(degrees, 360.0 - degrees)


def _spatial(plan: dict[str, Any]) -> list[tuple[tuple[tuple[int, ...], ...], str]]:
    """The first coordinate plane of SO(n) and O(n) with trivial labels, n > 2: (pairs, family)."""
    families = [n["spec"] for n in plan["nodes"] if n["spec"]["kind"] == "family" and n["spec"].get("vectors")]
    return [
        (tuple((v[0], v[1]) for v in spec["vectors"]), spec["family"])
        for spec in families
        if spec["n"] > 2 and spec["labels"] == "trivial"
    ]


def _label_rule(
    elements: list[tuple[FloatArray, Any]], pairs: tuple[tuple[int, ...], ...], dimension: int
) -> list[list[float]] | str | None:
    """What the curve does to labels: nothing where some tested element moves none, what they all do, `vector` where
    labels turn as x does, and `unknown` where it cannot be told for the elements between them."""
    if any(labels is None for _, labels in elements):
        return None
    first: list[list[float]] = elements[0][1]
    if all(np.allclose(labels, first) for _, labels in elements) and len(elements) > 1:
        return first
    if all(_same(labels, turned_labels(turn, pairs, len(first), dimension)) for turn, labels in elements):
        return "vector"
    return first if len(elements) == 1 and np.linalg.det(elements[0][0]) < 0 else "unknown"


def turned_labels(turn: FloatArray, pairs: tuple[tuple[int, ...], ...], p: int, dimension: int) -> FloatArray | None:
    """The label map that goes with `turn` where labels turn as x does: alone, or as all the coordinates of x."""
    if p == 2:
        return turn
    if p != dimension:
        return None
    whole = np.eye(dimension)
    for pair in pairs:
        whole[np.ix_(pair, pair)] = turn
    return whole


def _same(labels: Any, expected: FloatArray | None) -> bool:
    return expected is not None and bool(np.allclose(labels, expected, atol=1e-6))


def _centre_questions(plan: dict[str, Any], samples: Samples) -> list[Question]:
    """One curve for each change of sign: along the coordinate where it is one, else along the mean of the data."""
    found: dict[tuple[int, ...], Question] = {}
    for planned in plan["classes"]:
        action = planned["action"]
        matrix = np.asarray(action.get("matrix", np.eye(1)), dtype=np.float64)
        if not np.array_equal(np.abs(matrix), np.eye(len(matrix))) or (np.diag(matrix) > 0).all():
            continue
        flipped = tuple(c for c, s in zip(action["coordinates"], np.diag(matrix), strict=True) if s < 0)
        towards = (1.0,) if len(flipped) == 1 else tuple(float(v) for v in samples.x[:, list(flipped)].mean(0))
        found.setdefault(flipped, Question("centres", (flipped,), action["labels"], towards=towards))
    return list(found.values())[:_CENTRES]


def starting_grid(question: Question, samples: Samples) -> list[float]:
    """The parameters to start with, ascending."""
    steps = int(180.0 / _STEP)
    if question.kind == "turns":
        turns = {round(_STEP * k, 9) for k in range(1, steps + 1)}
        orders = {*_ORDERS, *(round(360.0 / a) for a in question.named)}
        # Beside the smallest turn of C_n the largest, or a mere range of angles might pass for a group.
        exact = {round(360.0 / n * k, 9) for n in orders if n <= LARGEST_ORDER for k in (1, n // 2)}
        return sorted(turns | {v for v in exact if not _near(v, turns)})
    if question.kind == "mirrors":
        axes = {round(_STEP * k, 9) for k in range(steps)}
        return sorted(axes | {a for a in question.named if not _near(a, axes)})
    if question.kind == "scales":
        return list(_FACTORS)
    if len(question.coordinates) > 1:
        return [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    column = samples.x[:, question.coordinates[0]].astype(np.float64)
    return sorted({0.0} | {float(column.mean() + column.std() * k / 8) for k in range(-8, 9)})


def _near(value: float, known: set[float]) -> bool:
    return any(abs(value - v) < 1e-6 for v in known)
