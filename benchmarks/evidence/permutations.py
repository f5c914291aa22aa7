"""Vectors with a permutation group planted: random waves averaged over the group, as a target or as two classes.

x: four standard normal items. For A4 the even and the odd part of the sum (under all of S4) are given equal variance:
the odd part of a smooth function is too small to see otherwise. A draw counts when every element outside the truth
changes at least 20 % (of the variance, or of the labels).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from benchmarks.evidence.kernels import kernels_alone
from benchmarks.evidence.runner import Array, Cell, Task
from models.groups.families import named_group
from models.groups.finite import generate

ITEMS = 4
MARGIN = 0.2
_CYCLE = {"group": "custom", "name": "D4 of the cycle", "generators": [[1, 2, 3, 0], [3, 2, 1, 0]]}
CANDIDATES: list[Any] = ["S4", "A4", "Z4", _CYCLE, "S2 x S2", {"group": "S3", "on": [0, 1, 2]}]
TRUTHS = ("E", "S4", "A4", "Z4", "D4 of the cycle", "S2 x S2", "S3")
_GENERATORS = {
    "E": [],
    "D4 of the cycle": [np.array([1, 2, 3, 0]), np.array([3, 2, 1, 0])],
    "S3": [np.array([1, 0, 2, 3]), np.array([1, 2, 0, 3])],
}
EVERY = np.array(list(permutations(range(ITEMS))))


def members(truth: str) -> Array:
    """The group's permutations, (order, 4)."""
    found = _GENERATORS.get(truth)
    if found is None:
        named = named_group(truth, ITEMS)
        found = [] if named is None else list(named.generators)
    return np.asarray(generate(found, ITEMS, 64).elements) if found else np.arange(ITEMS)[None]


def invariant(truth: str, rng: np.random.Generator) -> Callable[[Array], Array]:
    """A random function (n, 4) -> (n,) that is invariant to the truth."""
    weights, shift, size = rng.normal(0, 0.6, (30, ITEMS)), rng.uniform(0, 2 * np.pi, 30), rng.normal(0, 1, 30)

    def averaged(x: Array, group: Array, signs: Array) -> Array:
        return np.mean([s * (np.cos(x[:, p] @ weights.T + shift) @ size) for p, s in zip(group, signs, strict=True)], 0)

    group = members(truth)
    if truth != "A4":
        return lambda x: averaged(x, group, np.ones(len(group)))
    signs = np.array([np.linalg.det(np.eye(ITEMS)[p]).round() for p in EVERY])
    reference = rng.standard_normal((4000, ITEMS))
    parts = [np.ones(len(EVERY)), signs]
    scales = [float(averaged(reference, EVERY, s).std()) for s in parts]
    return lambda x: np.sum([averaged(x, EVERY, s) / scale for s, scale in zip(parts, scales, strict=True)], 0)


def planted(truth: str, seed: int, n: int, kind: str) -> Task:
    """`kind`: targets with noise of a tenth of their spread (`target`), or two classes (`class`)."""
    rng = np.random.default_rng([seed, TRUTHS.index(truth), n])
    group = {tuple(p) for p in members(truth)}
    foreign = [p for p in EVERY if tuple(p) not in group]
    for _ in range(200):
        function = invariant(truth, rng)
        x = rng.standard_normal((n, ITEMS))
        value = function(x)
        moved = [function(x[:, p]) for p in foreign]
        if kind == "class":
            y: Array = (value > np.median(value)).astype(np.int64)
            changes = [float(((m > np.median(value)) != y).mean()) for m in moved]
        else:
            y = (value - value.mean()) / value.std() + rng.normal(0, 0.1, n)
            changes = [float(((m - value) ** 2).mean() / (2 * value.var())) for m in moved]
        if min(changes, default=1.0) >= MARGIN:
            return Task(x.astype(np.float32), y, CANDIDATES, truth, subgroups=False, margin=min(changes, default=None))
    raise RuntimeError(f"no draw plants {truth} firmly enough")


CELLS = [
    Cell("targets, n = 300", TRUTHS, partial(planted, n=300, kind="target")),
    Cell("targets, n = 300, kernels alone", TRUTHS, partial(planted, n=300, kind="target"), kernels_alone),
    Cell("classes, n = 2000", TRUTHS, partial(planted, n=2000, kind="class")),
]
