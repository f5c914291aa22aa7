"""Which samples train a network and which testify against it.

Samples that are not independent (same value of the `groups` column, equal x, or copies of one another under a tested
element that keeps the labels) form a *cluster* and never lie on both sides of a split.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Array = NDArray[Any]
IntArray = NDArray[np.int64]
VALIDATION_SHARE = 0.15
_AGREEMENT = 0.99


@dataclass(frozen=True)
class Split:
    """Index arrays of one network: gradient steps, choice of the epoch, held-out test."""

    train: IntArray
    validation: IntArray
    test: IntArray


def row_hashes(x: Array) -> Array:
    """One comparable value per row of x (n, ...): equal rows give equal values."""
    rows = np.ascontiguousarray(x.reshape(len(x), -1))
    if rows.dtype.kind == "f":
        rows = rows + rows.dtype.type(0)  # -0.0 and 0.0 are the same number
    return rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()


def orbit_links(x: Array, y: Array, moved: Iterable[tuple[Array, Array]], classification: bool) -> Iterator[IntArray]:
    """Pairs of samples that a tested element maps onto one another, (2, pairs) for each element.

    `moved` yields (g.x, g.y) for each element, y (n,) classes or (n, p) targets of unit variance. Elements whose pairs
    disagree about the label are left out: the data contradicts them, and their pairs are not copies of one another.
    """
    own = {value.tobytes(): i for i, value in enumerate(row_hashes(x))}
    for other, labels in moved:
        targets = np.asarray([own.get(value.tobytes(), -1) for value in row_hashes(other.astype(x.dtype, copy=False))])
        hit = np.flatnonzero((targets >= 0) & (targets != np.arange(len(x))))  # a fixed point says nothing
        if len(hit) == 0:
            continue
        here, there = labels[hit], y[targets[hit]]
        agreement = (here == there).mean() if classification else 1.0 - 0.5 * float(((here - there) ** 2).mean())
        if agreement >= _AGREEMENT:
            yield np.stack([hit, targets[hit]])


def clusters(x: Array, groups: IntArray | None, links: Iterable[IntArray]) -> IntArray:
    """Cluster number of every sample, (n,): equal x, equal value of `groups`, or joined by `links` (2, pairs)."""
    n = len(x)
    _, codes = np.unique(row_hashes(x), return_inverse=True)
    edges = [np.stack([np.arange(n), n + codes])]
    offset = n + int(codes.max()) + 1
    if groups is not None:
        _, group_codes = np.unique(groups, return_inverse=True)
        edges.append(np.stack([np.arange(n), offset + group_codes]))
        offset += int(group_codes.max()) + 1
    rows, columns = np.concatenate([*edges, *links], axis=1)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(offset, offset))
    _, labels = connected_components(graph, directed=False)
    _, result = np.unique(labels[:n], return_inverse=True)
    return np.asarray(result, dtype=np.int64)


def cross_fit(cluster: IntArray, y: Array | None, folds: int, seed: int, split: Array | None) -> list[Split]:
    """One Split per fold (a single one when the data set brings its own train/test `split`).

    `y` holds class indices to spread over the folds, None for a regression. Raises ValueError when there are fewer
    clusters than folds.
    """
    rng = np.random.default_rng([seed, 1])
    everything = np.arange(len(cluster))
    if split is not None:
        return [_inner(everything[split == 0], everything[split == 1], cluster, rng)]
    fold = _assign(cluster, y, folds, rng)
    return [_inner(everything[fold != k], everything[fold == k], cluster, rng) for k in range(folds)]


def _assign(cluster: IntArray, y: Array | None, folds: int, rng: np.random.Generator) -> IntArray:
    """Fold of every sample: whole clusters, largest first, each to the fold with least of its first sample's class."""
    sizes = np.bincount(cluster)
    if len(sizes) < folds:
        raise ValueError(f"only {len(sizes)} independent clusters of samples for {folds} folds; ask for fewer folds")
    labels = np.zeros(len(cluster), dtype=np.int64) if y is None else y.astype(np.int64)
    first = np.zeros(len(sizes), dtype=np.int64)
    first[cluster[::-1]] = labels[::-1]
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    load = np.zeros((folds, int(labels.max()) + 1))
    total = np.zeros(folds)
    chosen = np.zeros(len(sizes), dtype=np.int64)
    for c in order:
        k = int(np.lexsort((total, load[:, first[c]]))[0])
        chosen[c] = k
        load[k, first[c]] += sizes[c]
        total[k] += sizes[c]
    return np.asarray(chosen[cluster])


def _inner(rest: IntArray, test: IntArray, cluster: IntArray, rng: np.random.Generator) -> Split:
    """Set whole clusters aside for validation until they hold VALIDATION_SHARE of the samples.

    Clusters that hold more than that by themselves come last: one of them could leave next to nothing to train on.
    """
    sizes = np.bincount(cluster[rest], minlength=int(cluster.max()) + 1)
    present = np.flatnonzero(sizes)
    goal = VALIDATION_SHARE * len(rest)
    order = rng.permutation(present)
    order = order[np.argsort(sizes[order] > goal, kind="stable")]
    count = int(np.searchsorted(np.cumsum(sizes[order]), goal)) + 1
    held = np.zeros(len(sizes), dtype=bool)
    held[order[: min(count, len(order) - 1)]] = True
    aside = held[cluster[rest]]
    return Split(rest[~aside], rest[aside], test)
