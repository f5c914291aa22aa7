"""What two groups of a plan generate together, and which of its nodes lie above which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.groups.action import acting_group, from_spec, is_family
from models.groups.finite import FloatArray, GroupTooLarge, Map, permutation_matrix

Pair = tuple[tuple[int, ...], Map, FloatArray | None]


@dataclass(frozen=True)
class Join:
    """The group that two others generate: its order, None where it was not listed, and its node, None where there is
    none in the plan."""

    order: int | None
    node: int | None


def above(plan: dict[str, Any]) -> list[frozenset[int]]:
    """For each node of a plan the nodes that strictly contain it, from its `covers`."""
    upper: list[set[int]] = [set() for _ in plan["nodes"]]
    for low, high in plan["covers"]:
        upper[low].add(high)
    found: list[frozenset[int] | None] = [None] * len(upper)

    def climb(i: int) -> frozenset[int]:
        known = found[i]
        if known is None:
            known = frozenset(upper[i]).union(*(climb(j) for j in upper[i]))
            found[i] = known
        return known

    return [climb(i) for i in range(len(upper))]


def node_pairs(node: dict[str, Any]) -> list[Pair] | None:
    """The generators of a node that is listed; None for a family."""
    if is_family(node["spec"]):
        return None
    acting = from_spec(node["spec"])
    generators = acting.group.generators_of(frozenset(range(acting.group.order)))
    return [(acting.coordinates, acting.x[i], None if acting.y is None else acting.y[i]) for i in generators]


def join(plan: dict[str, Any], pairs: Sequence[Pair], translations: bool | None) -> Join:
    """The group that pairs (maps of x and y) generate, looked for among the listed nodes of the plan.

    Beyond `models.groups.families.MAX_ORDER` elements, or where no product comes back to the identity, it is not listed
    and has no node.
    """
    coordinates = tuple(sorted({c for pair in pairs for c in pair[0]}))
    x = [_on(coordinates, pair) for pair in pairs]
    moving = [pair[2] for pair in pairs if pair[2] is not None]
    y = [np.eye(len(moving[0])) if pair[2] is None else pair[2] for pair in pairs] if moving else None
    try:
        generated = acting_group(coordinates, x, y)
    except GroupTooLarge:
        return Join(None, None)
    keys = frozenset(generated.keys())
    for position, node in enumerate(plan["nodes"]):
        same = bool(node["translations"]) == bool(translations) and node["order"] == len(keys)
        if same and not is_family(node["spec"]) and frozenset(from_spec(node["spec"]).keys()) == keys:
            return Join(len(keys), position)
    return Join(len(keys), None)


def _on(coordinates: tuple[int, ...], pair: Pair) -> FloatArray:
    """A map of x as a matrix on more coordinates, the others left where they are."""
    own, x, _ = pair
    block = permutation_matrix(x) if x.dtype.kind == "i" else np.asarray(x, dtype=np.float64)
    where = np.asarray([coordinates.index(c) for c in own])
    matrix = np.eye(len(coordinates))
    matrix[np.ix_(where, where)] = block
    return matrix
