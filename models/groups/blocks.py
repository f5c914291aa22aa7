"""Sets of interchangeable items: which coordinates they are, and which finite groups are nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from models.groups.action import ActingGroup

Sets = Sequence[Sequence[Sequence[int]]]  # sets of items, each the list of its coordinates
_NODES = 8


def rank_nodes(items: int) -> int:
    """How many weights a field has for the ranks of a set: one for each, or eight that are interpolated."""
    return min(items, _NODES)


def fixed_coordinates(sets: Sets, dimension: int) -> list[int]:
    """The coordinates in no set. Raises ValueError for sets that overlap or whose items differ in length."""
    used = [c for items in sets for item in items for c in item]
    if len(set(used)) != len(used) or not set(used) <= set(range(dimension)):
        raise ValueError(f"the sets name a coordinate twice, or one outside 0 ... {dimension - 1}")
    if any(not items or len({len(item) for item in items}) != 1 or not items[0] for items in sets):
        raise ValueError("the items of a set have the same number of coordinates, one at least")
    return sorted(set(range(dimension)) - set(used))


def symmetric_blocks(acting: ActingGroup) -> list[list[list[int]]] | None:
    """The sets whose items a group permutes in every way and that it leaves apart; None when it is no such group.

    Orbits on which the group acts alike (the same elements fix the same points) are the features of one set. Labels may
    move: `labels_of_sets` tells how.
    """
    if not acting.permutes or acting.group.order == 1:
        return None
    images = np.asarray(acting.x)
    fixes = images == np.arange(images.shape[1])  # fixes[g, i]: g leaves point i in place
    grouped: list[list[list[int]]] = []
    for orbit in _orbits(images):
        if len(orbit) == 1:
            continue
        for items in grouped:
            matched = _matched(fixes, [item[0] for item in items], orbit)
            if matched is not None:
                for item, point in zip(items, matched, strict=True):
                    item.append(point)
                break
        else:
            grouped.append([[point] for point in orbit])
    if acting.group.order != math.prod(math.factorial(len(items)) for items in grouped):
        return None
    return [[[acting.coordinates[i] for i in item] for item in items] for items in grouped]


def labels_of_sets(acting: ActingGroup, dimension: int) -> str | None:
    """How labels move while a group permutes the items of sets in every way, where networks on sets know it.

    trivial, or vector: as x (`dimension` coordinates) does. None for anything else.
    """
    if acting.y is None:
        return "trivial"
    outputs = acting.y.shape[1]
    if outputs == dimension:
        own = np.tile(np.eye(dimension), (acting.group.order, 1, 1))
        where = np.asarray(acting.coordinates)
        own[:, where[:, None], where] = acting.x_matrices()
        if np.allclose(acting.y, own):
            return "vector"
    return None


def _orbits(images: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> list[list[int]]:
    orbits: dict[tuple[int, ...], None] = {}
    for point in range(images.shape[1]):
        orbits[tuple(sorted({int(i) for i in images[:, point]}))] = None
    return [list(orbit) for orbit in orbits]


def _matched(
    fixes: np.ndarray[tuple[int, int], np.dtype[np.bool_]], points: Sequence[int], orbit: Sequence[int]
) -> list[int] | None:
    """For each point the one of the orbit that the same elements fix; None when there is none."""
    free, matched = list(orbit), []
    for point in points:
        alike = next((other for other in free if (fixes[:, other] == fixes[:, point]).all()), None)
        if alike is None:
            return None
        free.remove(alike)
        matched.append(alike)
    return matched if not free else None
