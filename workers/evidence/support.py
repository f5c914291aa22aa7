"""Does the data show the moved poses at all? Comparisons of x and g.x, without labels.

Two of them, because each is blind where the other sees. The distance to the nearest sample tells in few dimensions
whether a moved sample lies in empty space; in many dimensions all distances are alike, and a classifier that tells
moved samples from samples says how often the data shows what it is given.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import stats
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.special import expit

from models.actions.samples import sham_samples, transform_samples
from models.actions.scaling import filled, spreads
from workers.evidence.axes import principal_axes
from workers.folds import Array, IntArray
from workers.samples import Samples

_REFERENCE = 2000
_TRAINED = 500
_PROBES = 400
_COMPONENTS = 32
_RARE = 0.05  # a pose seen less than this often, relative to how often the element leads there, is not shown
_RIDGE = 3e-4
_WIDTH = 0.3  # of the median squared distance
SHOWN = 0.6
NOT_SHOWN = 0.3


def supports(
    samples: Samples, actions: Sequence[dict[str, Any]], domain: str, deadline: float = math.inf
) -> list[dict[str, Any]]:
    """{status, p_value, overlap, coverage} of samples moved by each action, in the data.

    `overlap`: the share of moved samples as near to the data as 95 % of samples are. `coverage`: the share of moved
    samples where, by a classifier's calibrated odds, the data has at least a twentieth of the density of moved samples.
    `status` goes by the smaller one: `shown` from 60 % on, `not_shown` below 30 %, else `unclear`. The p-value
    (Wilcoxon over clusters, one-sided) is for "moved samples lie no farther from the data than samples do"; a small
    one where the poses are shown says that they are not seen equally often. What is compared was never fitted to:
    reference and probes are different clusters. Where moving interpolates, the sham (moved and moved back) stands for
    the samples. Elements that the deadline (time.monotonic()) leaves no time for are `unclear`, without numbers.
    """
    reference, probes = _parts(samples.cluster)
    trained = np.random.default_rng(2).permutation(reference)[:_TRAINED]
    view = _View(_flat(samples.x[reference]), domain)
    tree = cKDTree(view(_flat(samples.x[reference])))
    _, codes = np.unique(samples.cluster[probes], return_inverse=True)
    found: list[dict[str, Any]] = []
    for action in actions:
        if time.monotonic() > deadline:
            found.append({"status": "unclear", "p_value": None, "overlap": None, "coverage": None})
            continue
        fit, fit_moved, probe, probe_moved = (
            view(_flat(change(samples.x[rows], action, domain)))
            for rows in (trained, probes)
            for change in (_sham, _moved)
        )
        near, far = np.asarray(tree.query(probe)[0]), np.asarray(tree.query(probe_moved)[0])
        overlap = float((far <= np.quantile(near, 0.95) + 1e-9).mean())
        difference = np.bincount(codes, far - near) / np.bincount(codes)
        p_value = 1.0
        if np.abs(difference).max() > 1e-12:
            p_value = float(stats.wilcoxon(difference, alternative="greater").pvalue)
        shown = coverage(fit, fit_moved, probe, probe_moved)
        found.append({"status": status(overlap, shown), "p_value": p_value, "overlap": overlap, "coverage": shown})
    return found


def support(samples: Samples, action: dict[str, Any], domain: str) -> dict[str, Any]:
    """`supports` of one action."""
    return supports(samples, [action], domain)[0]


def status(overlap: float, shown: float) -> str:
    """`shown`, `unclear` or `not_shown`, by the smaller of the two shares."""
    least = min(overlap, shown)
    return "shown" if least >= SHOWN else "not_shown" if least < NOT_SHOWN else "unclear"


def coverage(samples: Array, moved: Array, held: Array, held_moved: Array) -> float:
    """Share of `held_moved` where p(x) is at least 1/20 of the density of moved samples.

    A kernel ridge classifier (Gaussian and linear kernel) is fitted to `samples` (n, d) against `moved` (n, d); its
    scores on the held-out rows are turned into odds by a logistic fit, which also forgives what it overfitted.
    """
    fitted = np.concatenate([samples, moved])
    target = np.repeat([1.0, -1.0], [len(samples), len(moved)])
    unit = float(np.median(((fitted - fitted[::-1]) ** 2).sum(1))) or 1.0

    def kernel(points: Array) -> Array:
        squares = (points**2).sum(1)[:, None] + (fitted**2).sum(1) - 2.0 * points @ fitted.T
        return np.asarray(np.exp(-np.maximum(squares, 0.0) / (_WIDTH * unit)) + points @ fitted.T / unit)

    gram = kernel(fitted)
    gram[np.diag_indices(len(fitted))] += _RIDGE * len(fitted)
    weights = cho_solve(cho_factor(gram, overwrite_a=True), target)
    scores = kernel(np.concatenate([held, held_moved])) @ weights
    seen = np.repeat([True, False], [len(held), len(held_moved)])
    slope, shift = _logistic(scores, seen)
    odds = expit(slope * scores[~seen] + shift)
    return float((odds >= _RARE / (1.0 + _RARE)).mean())


def _logistic(scores: Array, seen: Array) -> tuple[float, float]:
    """(slope, intercept) of P(seen) = expit(slope * score + intercept), slope >= 0, pulled a little towards zero.

    Targets are Platt's (1999), short of 0 and 1, so that separable scores have a finite fit.
    """
    count = int(seen.sum())
    low, high = 1.0 / (len(seen) - count + 2.0), (count + 1.0) / (count + 2.0)
    target = np.where(seen, high, low)

    def loss(parameters: Array) -> tuple[float, Array]:
        z = parameters[0] * scores + parameters[1]
        gap = expit(z) - target
        return float((np.logaddexp(0.0, z) - target * z).mean()), np.array([(gap * scores).mean(), gap.mean()])

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def _parts(cluster: IntArray) -> tuple[IntArray, IntArray]:
    """(reference rows, probe rows): whole clusters on either side, about one probe to four of the reference."""
    _, codes, sizes = np.unique(cluster, return_inverse=True, return_counts=True)
    order = np.random.default_rng(0).permutation(len(sizes))
    goal = min(_PROBES, max(1, len(cluster) // 4))
    count = int(np.clip(np.searchsorted(np.cumsum(sizes[order]), goal) + 1, 1, max(1, len(sizes) - 1)))
    probing = np.zeros(len(sizes), dtype=bool)
    probing[order[:count]] = True
    rng = np.random.default_rng(1)
    parts = []
    for rows, limit in ((np.flatnonzero(~probing[codes]), _REFERENCE), (np.flatnonzero(probing[codes]), _PROBES)):
        parts.append(np.sort(rng.permutation(rows if len(rows) else np.arange(len(cluster)))[:limit]))
    return parts[0], parts[1]


class _View:
    """Coordinates in which samples are compared: standardised ones of vectors; many are reduced to principal
    components of the reference and the length of what those leave out."""

    def __init__(self, reference: Array, domain: str) -> None:
        self.mean = reference.mean(0)
        # Pixels have one unit, coordinates of vectors each their own.
        self.scale = filled(spreads(reference if domain == "vector" else reference.reshape(-1, 1)))
        self.axes: Array | None = None
        if reference.shape[1] > _COMPONENTS:
            centred = (reference - self.mean) / self.scale
            self.axes = principal_axes(centred, _COMPONENTS)

    def __call__(self, x: Array) -> Array:
        centred = (x - self.mean) / self.scale
        if self.axes is None:
            return np.asarray(centred)
        inside = centred @ self.axes
        left = np.sqrt(np.maximum((centred**2).sum(1) - (inside**2).sum(1), 0.0))
        return np.concatenate([inside, left[:, None]], axis=1)


def _flat(x: Array) -> Array:
    return np.asarray(x.reshape(len(x), -1).astype(np.float64))


def _moved(x: Array, action: dict[str, Any], domain: str) -> Array:
    return np.asarray(transform_samples(torch.from_numpy(x), action, domain).numpy())


def _sham(x: Array, action: dict[str, Any], _domain: str) -> Array:
    return np.asarray(sham_samples(torch.from_numpy(x), action).numpy())
