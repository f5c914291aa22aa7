"""Where to draw the nodes of a lattice: larger groups above, neighbours near each other."""

from __future__ import annotations

from collections.abc import Sequence

SWEEPS = 8


def arrange(size: int, covers: Sequence[Sequence[int]]) -> list[tuple[float, int]]:
    """(place, level) of each node: its place in its row, 0 in the middle, and the longest chain of covers below it.

    covers: `[lower, upper]` pairs of indices. Rows are ordered by a few sweeps of the barycentre rule.
    """
    below: list[list[int]] = [[] for _ in range(size)]
    above: list[list[int]] = [[] for _ in range(size)]
    for lower, upper in covers:
        below[upper].append(lower)
        above[lower].append(upper)
    level = [0] * size
    for _ in range(size):  # a chain has at most `size` nodes
        level = [1 + max((level[b] for b in under), default=-1) for under in below]
    rows = [[node for node in range(size) if level[node] == k] for k in range(max(level, default=-1) + 1)]
    place = [0.0] * size
    _settle(rows, place)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 else reversed(rows):
            near = {node: [place[other] for other in below[node] + above[node]] for node in row}
            row.sort(key=lambda node: sum(near[node]) / len(near[node]) if near[node] else place[node])
            _settle([row], place)
    return list(zip(place, level, strict=True))


def _settle(rows: Sequence[Sequence[int]], place: list[float]) -> None:
    for row in rows:
        for index, node in enumerate(row):
            place[node] = index - (len(row) - 1) / 2
