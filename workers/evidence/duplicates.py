"""Near copies among the samples, which must not lie on both sides of a split.

Two samples are near copies when they are far closer than samples are by chance. Around a sample, the number of others
within a radius grows like its m-th power, m the intrinsic dimension (Levina & Bickel 2004); so the chance that any of
n samples lies within r times the distance of the K-th of a reference is about K (n / reference) r^m. A pair is called
near when fewer than .05 such pairs are expected in the whole data set. In few dimensions, or where samples lie on a
grid, next to nothing is that close by chance or otherwise; in pictures a slightly changed copy is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from models.actions.scaling import filled, spreads
from workers.evidence.axes import principal_axes
from workers.folds import Array, IntArray, row_hashes

_EXPECTED = 0.05  # near pairs by chance in the whole data set
_NEIGHBOUR = 12
_REFERENCE = 1500
_COMPONENTS = 24
_NEAREST = 0.5  # of the neighbour's distance, whatever the dimension
_FEWEST = 40
_FEW_VALUES = 16  # boards and other discrete data, where copies are natural
_AGREEING = 0.9
_CHUNK = 1024  # samples


class NearCopies:
    """The distances within which samples of a data set are near copies; deterministic."""

    def __init__(self, x: Array, standardise: bool) -> None:
        """x: (n, ...), different rows. `standardise`: coordinates have units of their own."""
        self._flat = flat = _flat(x)
        rng = np.random.default_rng(0)
        chosen = np.sort(rng.permutation(len(flat))[:_REFERENCE])
        reference = flat[chosen].astype(np.float64)
        self._mean = reference.mean(0)
        self._scale = filled(spreads(reference)) if standardise else np.ones(flat.shape[1])
        self._axes: Array | None = None
        if flat.shape[1] > _COMPONENTS:
            centred = (reference - self._mean) / self._scale
            self._axes = principal_axes(centred, _COMPONENTS)
        self._points = self._view(x)
        distances = cKDTree(self._points[chosen]).query(self._points, k=_NEIGHBOUR + 1)[0]
        inside = np.isin(np.arange(len(flat)), chosen)  # these find themselves first
        ordered = np.where(inside[:, None], distances[:, 1:], distances[:, :-1])
        self.dimension = _dimension(ordered)
        expected = _NEIGHBOUR * len(flat) / len(chosen)
        ratio = (_EXPECTED / (len(flat) * expected)) ** (1.0 / self.dimension)
        self._radius = ordered[:, -1] * min(ratio, _NEAREST)
        self._tree = cKDTree(self._points)
        # The scale of all samples: what the reference does not show would seem to have a unit of its own.
        columns = np.array_split(flat, max(1, flat.shape[1] // _COMPONENTS), axis=1)
        self._unit = filled(np.concatenate([spreads(c) for c in columns])) if standardise else np.ones(flat.shape[1])
        some, others = rng.integers(0, len(flat), (2, _REFERENCE))
        self._apart = float(np.median(self._distances(flat, some[some != others], others[some != others])))

    def pairs(self, moved: Array | None = None) -> IntArray:
        """(2, pairs) of i, j with x_i (or moved_i) a near copy of x_j, i and j different."""
        points = self._points if moved is None else self._view(moved)
        found = self._tree.query_ball_point(points, self._radius)
        i = np.repeat(np.arange(len(points)), [len(f) for f in found])
        j = np.fromiter((k for f in found for k in f), dtype=np.int64, count=len(i))
        close = np.linalg.norm(points[i] - self._points[j], axis=1) <= np.minimum(self._radius[i], self._radius[j])
        kept = close & ((i < j) if moved is None else (i != j))
        i, j = i[kept], j[kept]
        if self._axes is not None:
            # Samples that differ only in what the components leave out, as sparse ones do, are no copies.
            whole = self._distances(self._flat if moved is None else _flat(moved), i, j)
            i, j = i[whole <= _NEAREST * self._apart], j[whole <= _NEAREST * self._apart]
        return np.stack([i, j])

    def _distances(self, flat: Array, i: IntArray, j: IntArray) -> Array:
        """Distances of rows i of `flat` from samples j, in all coordinates."""
        parts = np.array_split(np.arange(len(i)), max(1, len(i) // _CHUNK))
        gaps = ((flat[i[part]] - self._flat[j[part]]) / self._unit for part in parts)
        return np.concatenate([np.linalg.norm(gap, axis=1) for gap in gaps])

    def _view(self, x: Array) -> Array:
        parts = np.array_split(_flat(x), max(1, len(x) // _CHUNK))  # in double precision only a part at a time
        centred = ((part - self._mean) / self._scale for part in parts)
        return np.concatenate([part if self._axes is None else part @ self._axes for part in centred])


def near_links(
    x: Array, y: Array, moved: Iterable[tuple[Array, Array]], *, standardise: bool, classification: bool
) -> tuple[list[IntArray], list[IntArray], dict[str, Any]]:
    """(pairs of near copies, pairs of samples with near copies of their moved selves, report).

    `moved` yields (g.x, g.y) as in `workers.folds.orbit_links`; elements whose pairs disagree about the label are left
    out: the data contradicts them. The report counts samples (`equal`, `near`, `moved`) and pairs whose labels
    disagree, gives two indices as an example, and says whether x takes few values (`discrete`). Nothing is looked for
    among fewer than 40 different samples.
    """
    _, first, codes = np.unique(row_hashes(x), return_index=True, return_inverse=True)
    equal = np.stack([np.arange(len(x)), first[codes]])
    equal = equal[:, equal[0] != equal[1]]
    report: dict[str, Any] = {"equal": len(np.unique(equal)), "near": 0, "moved": 0, "example": None}
    report["discrete"] = len(np.unique(x[:_REFERENCE])) <= _FEW_VALUES
    near: list[IntArray] = []
    turned: list[IntArray] = []
    if len(first) >= _FEWEST:
        copies = NearCopies(x[first], standardise)
        near = [first[copies.pairs()]]
        for other, labels in moved:
            found = first[copies.pairs(other[first])]
            if found.size and _agreement(labels[found[0]], y[found[1]], classification) >= _AGREEING:
                turned.append(found)
    pairs = np.concatenate([equal, *near], axis=1)
    report["pairs"] = pairs.shape[1]
    report["disagreeing"] = int((y[pairs[0]] != y[pairs[1]]).sum()) if classification else 0
    report["near"] = len(np.unique(near))
    if turned:
        report["moved"] = len(np.setdiff1d(np.concatenate(turned, axis=1), near))
    for links in near + turned:
        if links.size and report["example"] is None:
            report["example"] = sorted(int(v) for v in links[:, 0])
    return near, turned, report


def _agreement(here: Array, there: Array, classification: bool) -> float:
    return float((here == there).mean()) if classification else 1.0 - 0.5 * float(((here - there) ** 2).mean())


def duplicate_warnings(report: dict[str, Any] | None) -> list[str]:
    """What a person should know of the copies in the data, in sentences; `report` as `Samples.duplicates` holds it."""
    if not report:
        return []
    warnings = []
    many = report["near"] + report["moved"]
    example = " and ".join(str(i) for i in report["example"] or [])
    if report["chained"]:
        warnings.append(
            f"{many} samples have near copies (such as {example}), which would join more than a quarter of all samples "
            "into one cluster; they were not kept together: name what belongs together in a `groups` column"
        )
    elif many and report.get("discrete"):
        warnings.append(
            f"{many} samples are copies of others, or nearly, maybe after a move that is tested (such as {example}), "
            "as is natural where x takes few values; copies share a fold, so nothing leaks from training into tests"
        )
    elif many:
        also = f", {report['moved']} of them after a move that is tested" if report["moved"] else ""
        warnings.append(f"{many} samples have near copies{also} (such as {example}); they were kept in one fold")
    if report.get("unsearched"):
        warnings.append(
            f"copies after a move were not looked for under {report['unsearched']} of the elements, for so many "
            "samples: name what belongs together in a `groups` column"
        )
    if report["split"]:
        warnings.append(
            f"{report['split']} test samples have copies or relatives in the training part of the split, which makes "
            "every network look better than it is"
        )
    if report["disagreeing"]:
        warnings.append(
            f"{report['disagreeing']} of {report['pairs']} pairs of copies disagree about the label: some labels are "
            "wrong, or x does not decide them"
        )
    return warnings


def chained(cluster: IntArray) -> bool:
    """Whether links have joined more than a quarter of the samples into one cluster."""
    return bool(np.bincount(cluster).max() > max(len(cluster) // 4, 1))


def across_split(cluster: IntArray, split: Array | None) -> int:
    """Test samples (split 1) whose cluster has samples in the training part (split 0)."""
    if split is None:
        return 0
    return int(np.isin(cluster[split == 1], cluster[split == 0]).sum())


def _dimension(distances: Array) -> float:
    """Intrinsic dimension from the upper half of sorted neighbour distances (n, K): a lower quartile over samples.

    -log(d_j / d_K) is 1 / m times an exponential order statistic. The nearest ones, which copies take, are left out.
    """
    k = distances.shape[1]
    ranks = np.arange(k // 2, k)  # d_(k/2) ... d_(k-1), counted from one
    mean = sum(sum(1.0 / rank for rank in range(j, k)) for j in ranks)
    last = np.maximum(distances[:, -1:], 1e-300)
    logs = -np.log(np.maximum(distances[:, ranks - 1], 1e-300) / last).sum(1)
    return float(np.clip(np.quantile(mean / np.maximum(logs, 1e-9), 0.25), 0.5, 50.0))


def _flat(x: Array) -> Array:
    return x.reshape(len(x), -1)
