"""Readable names for elements and for subgroups that nobody named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.groups.action import ActingGroup
from models.groups.finite import Map
from models.groups.planar import planar_element, planar_name


def cycles(permutation: Map, labels: tuple[int, ...] | None = None) -> str:
    """Cycle notation without fixed points, e.g. `(0 2)(1 3 4)`; `()` for the identity."""
    labels = labels or tuple(range(len(permutation)))
    seen: set[int] = set()
    parts = []
    for start in range(len(permutation)):
        cycle, current = [], start
        while current not in seen:
            seen.add(current)
            cycle.append(labels[current])
            current = int(permutation[current])
        if len(cycle) > 1:
            parts.append("(" + " ".join(map(str, cycle)) + ")")
    return "".join(parts) or "()"


def named_cycles(permutation: Map, names: Sequence[str]) -> list[list[str]]:
    """The cycles of more than one item, by name: [[R, S]] for an exchange of two."""
    text = cycles(permutation).strip("()")
    return [[names[int(i)] for i in cycle.split()] for cycle in text.split(")(") if cycle]


def signed_permutation_text(matrix: Map, labels: tuple[int, ...]) -> str | None:
    """`-x0`, `x0→-x1 x1→x0`; None when the matrix is no signed permutation."""
    rounded = np.round(matrix)
    if not np.allclose(matrix, rounded, atol=1e-9) or not np.allclose(np.abs(rounded).sum(axis=0), 1):
        return None
    moves = []
    for j, label in enumerate(labels):
        i = int(np.argmax(np.abs(rounded[:, j])))
        sign = "-" if rounded[i, j] < 0 else ""
        if i == j and sign:
            moves.append(f"-x{label}")
        elif i != j:
            moves.append(f"x{label}→{sign}x{labels[i]}")
    return " ".join(moves) or "()"


def element_name(acting: ActingGroup, index: int, fallback: str) -> tuple[str, str, float | None]:
    """(name, title, turn in degrees when the element is a rotation of the plane, or of several alike)."""
    if acting.permutes:
        text = cycles(np.asarray(acting.x[index]), acting.coordinates)
        return text, f"permutation {text}", None
    planar = acting.plane_maps
    if planar is not None:
        return planar_element(planar[index])
    signed = signed_permutation_text(np.asarray(acting.x[index], dtype=np.float64), acting.coordinates)
    if signed is not None:
        return signed, f"map {signed}", None
    return fallback, f"linear map {fallback}", None


def subgroup_name(acting: ActingGroup, members: frozenset[int], parent: str, serial: str) -> str:
    """A name for a subgroup: its planar name, else its generators `<(0 1), (2 3)>`, else `parent:serial`."""
    if len(members) == 1:
        return "E"
    planar = acting.plane_maps
    if planar is not None:
        return planar_name(planar[sorted(members)])
    texts = []
    for i in acting.group.generators_of(members):
        text = element_name(acting, i, "")[0]
        if not text:
            return f"{parent}:{serial}"
        texts.append(text)
    name = "<" + ", ".join(texts) + ">"
    return name if len(name) <= 60 else f"{parent}:{serial}"
