"""The subgroups of a finite group, and order by inclusion."""

from __future__ import annotations

from collections.abc import Sequence

from models.groups.finite import FiniteGroup


class TooManySubgroups(ValueError):
    """The group has more subgroups than the limit allows."""


def cyclic_subgroups(group: FiniteGroup) -> list[frozenset[int]]:
    """Every cyclic subgroup, the trivial one first, each as a set of element indices."""
    found: dict[frozenset[int], None] = {}
    for i in range(group.order):
        found.setdefault(frozenset(group.powers(i)), None)
    return list(found)


def subgroups(group: FiniteGroup, limit: int) -> list[frozenset[int]]:
    """Every subgroup, smallest first: joins of cyclic subgroups until nothing new appears.

    Raises TooManySubgroups as soon as more than `limit` are found.
    """
    cyclic = cyclic_subgroups(group)
    found: dict[frozenset[int], None] = dict.fromkeys(cyclic)
    frontier = list(cyclic)
    while frontier:
        if len(found) > limit:
            raise TooManySubgroups(f"more than {limit} subgroups")
        fresh = []
        for subgroup in frontier:
            for c in cyclic:
                if c <= subgroup:
                    continue
                join = group.closure(sorted(subgroup | c))
                if join not in found:
                    found[join] = None
                    fresh.append(join)
                    if len(found) > limit:
                        raise TooManySubgroups(f"more than {limit} subgroups")
        frontier = fresh
    return sorted(found, key=lambda s: (len(s), sorted(s)))


def covers(below: Sequence[Sequence[bool]]) -> list[tuple[int, int]]:
    """The pairs (i, j) of the Hasse diagram of a strict partial order given as `below[i][j]`."""
    n = len(below)
    return [
        (i, j)
        for i in range(n)
        for j in range(n)
        if below[i][j] and not any(below[i][k] and below[k][j] for k in range(n))
    ]
