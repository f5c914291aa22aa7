"""Where the nodes of a Hasse diagram stand: larger groups above, neighbours near each other."""

from __future__ import annotations

from collections.abc import Sequence

SWEEPS = 8
WIDEST = 16  # nodes side by side; a level of more takes several rows


def arrange(size: int, covers: Sequence[Sequence[int]]) -> list[tuple[float, int]]:
    """(place, row) of each node: its place in its row, 0 in the middle, and the row, 0 at the bottom.

    covers: `[lower, upper]` pairs of indices. A node's level is the longest chain of covers below it; levels are
    ordered by a few sweeps of the barycentre rule.
    """
    below: list[list[int]] = [[] for _ in range(size)]
    above: list[list[int]] = [[] for _ in range(size)]
    for lower, upper in covers:
        below[upper].append(lower)
        above[lower].append(upper)
    level, before = [0] * size, [-1] * size
    while level != before:
        level, before = [1 + max((level[b] for b in under), default=-1) for under in below], level
    levels = [[node for node in range(size) if level[node] == k] for k in range(max(level, default=-1) + 1)]
    place = [0.0] * size
    for nodes in levels:
        _settle(nodes, place)
    for sweep in range(SWEEPS):
        for nodes in levels if sweep % 2 else reversed(levels):
            near = {node: [place[other] for other in below[node] + above[node]] for node in nodes}
            nodes.sort(key=lambda node: sum(near[node]) / len(near[node]) if near[node] else place[node])
            _settle(nodes, place)
    row = [0] * size
    top = 0
    for nodes in levels:
        count = -(-len(nodes) // WIDEST)
        for k in range(count):
            part = nodes[k::count]
            _settle(part, place)
            for node in part:
                row[node] = top + k
        top += count
    return list(zip(place, row, strict=True))


def _settle(nodes: Sequence[int], place: list[float]) -> None:
    for index, node in enumerate(nodes):
        place[node] = index - (len(nodes) - 1) / 2
