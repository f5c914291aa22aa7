"""Is the law of the samples symmetric? An exact randomisation test by the maximum mean discrepancy.

If g x has the law of x for every g of a group, then of several copies of a sample, moved by elements drawn uniformly,
nothing tells which one was the sample. Chiu and Bloem-Reddy (2023, arXiv:2307.15834) compare the samples with their
moved copies by the MMD and draw replicates in which every sample is moved anew. Here the replicates are drawn from one
pool of copies per sample, so that the kernel, its bandwidth and the reference depend on the pool alone and the p-value
is exact at every n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from models.actions.powers import action_power, cyclic_order, draw_exponents, moved_copies
from models.actions.samples import transform_labels
from models.actions.scaling import filled, spreads
from workers.folds import Array, IntArray
from workers.samples import Samples

_REPLICATES = 999
_COPIES = 6
_POOL = 1200  # rows of the kernel matrix


def invariance_test(kernel: Array, cluster: IntArray, rng: np.random.Generator, replicates: int) -> dict[str, float]:
    """{statistic, p_value} of "which copy is the sample cannot be told", by randomising over the copies.

    kernel: (copies * n, copies * n), row k * n + i for copy k of sample i, copy 0 the sample itself. cluster: (n,);
    samples of one cluster were moved by the same elements and are exchanged together. The statistic is the squared
    MMD between one copy of every sample and all copies; the p-value (1 + #{replicates at least as large}) / (1 +
    replicates).
    """
    n = len(cluster)
    copies = len(kernel) // n
    means = kernel.mean(0)
    centred = kernel - means[:, None] - means + means.mean()
    _, codes = np.unique(cluster, return_inverse=True)
    chosen = rng.integers(0, copies, (replicates, codes.max() + 1))[:, codes]
    chosen = np.concatenate([np.zeros((1, n), dtype=np.int64), chosen])
    members = np.zeros((len(chosen), len(kernel)), dtype=np.float32)
    members[np.arange(len(chosen))[:, None], chosen * n + np.arange(n)] = 1.0
    values = ((members @ centred.astype(np.float32)) * members).sum(1, dtype=np.float64) / n**2
    as_large = int((values[1:] >= values[0] - 1e-7).sum())  # closer than that is a tie, rounded
    return {"statistic": float(values[0]), "p_value": (1 + as_large) / (1 + replicates)}


def gaussian_kernel(points: Array) -> Array:
    """exp(-|a - b|^2 / (2 s^2)) for points (m, d), s the median distance between them; all ones if they coincide."""
    values = points - points.mean(0)
    squares = (values**2).sum(1)
    distances = np.maximum(squares[:, None] + squares - 2.0 * values @ values.T, 0.0)
    step = max(1, len(points) // 500)
    some = distances[::step, ::step]
    width = float(np.median(some[~np.eye(len(some), dtype=bool)]))
    return np.asarray(np.exp(-distances / (2.0 * width)) if width > 0.0 else np.ones_like(distances))


def element_invariance(
    samples: Samples, action: dict[str, Any], order: int | None, domain: str, seed: int = 0
) -> dict[str, Any]:
    """{statistic, p_value, joint_p_value, rows} for the cyclic group that one element generates.

    `p_value` is about p(x); `joint_p_value` about p(x, y), with the product of a kernel on x and one on the labels.
    About 1,200 copies are compared; whole clusters are moved together. All None where the element generates no
    compact group, which has no uniform distribution to draw from.
    """
    size = cyclic_order(action, order, samples.x.shape)
    if size is None or size < 2:
        return {"statistic": None, "p_value": None, "joint_p_value": None, "rows": 0}
    rng = np.random.default_rng([seed, 3])
    copies = min(size, _COPIES)
    rows = _whole_clusters(samples.cluster, _POOL // copies, rng)
    _, codes = np.unique(samples.cluster[rows], return_inverse=True)
    exponents = draw_exponents(size, copies, int(codes.max()) + 1, rng)[:, codes]
    moved = moved_copies(torch.from_numpy(samples.x[rows]), action, exponents, domain).numpy()
    pool = moved.reshape(copies * len(rows), -1).astype(np.float64)
    if domain == "vector":
        pool /= filled(spreads(pool))
    kernel = gaussian_kernel(pool)
    found = invariance_test(kernel, codes, rng, _REPLICATES)
    labels = _moved_labels(samples.y[rows], action, exponents)
    joint = invariance_test(kernel * _label_kernel(labels, samples.classification), codes, rng, _REPLICATES)
    return {**found, "joint_p_value": joint["p_value"], "rows": len(rows)}


def _moved_labels(y: Array, action: dict[str, Any], exponents: IntArray) -> Array:
    """Labels of all copies, (copies * n, ...)."""
    labels = np.broadcast_to(y, (len(exponents), *y.shape)).copy()
    if action["labels"] is not None:
        for exponent in np.unique(exponents):
            moved, there = action_power(action, int(exponent)), exponents == exponent
            labels[there] = transform_labels(torch.from_numpy(labels[there]), moved).numpy()
    return np.asarray(labels.reshape(-1, *y.shape[1:]))


def _label_kernel(labels: Array, classification: bool) -> Array:
    if classification:
        return np.asarray(labels[:, None] == labels, dtype=np.float64)
    return gaussian_kernel(labels.astype(np.float64))


def _whole_clusters(cluster: IntArray, limit: int, rng: np.random.Generator) -> IntArray:
    """Rows of randomly drawn whole clusters, about `limit` of them, and of at least two clusters."""
    _, codes, sizes = np.unique(cluster, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    count = max(2, int(np.searchsorted(np.cumsum(sizes[order]), limit, side="right")))
    kept = np.zeros(len(sizes), dtype=bool)
    kept[order[:count]] = True
    return np.asarray(np.flatnonzero(kept[codes])[: 4 * limit], dtype=np.int64)
