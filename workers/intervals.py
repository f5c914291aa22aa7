"""Means with errors when samples come in clusters that are not independent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def cluster_totals(values: NDArray[Any], cluster: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of values over each cluster that occurs, (clusters,)."""
    _, codes = np.unique(cluster, return_inverse=True)
    return np.asarray(np.bincount(codes, weights=values), dtype=np.float64)


@dataclass(frozen=True)
class Moments:
    """Of a mean over clusters: standard error, degrees of freedom, skewness of the mean over its error, and the number
    of clusters of one size that would say as much (Kish 1965)."""

    mean: float
    error: float
    freedom: float
    skew: float
    clusters: float


def cluster_moments(values: NDArray[Any], cluster: NDArray[Any]) -> Moments:
    """The mean of values (rows,) with what is known of its error, robust to dependence within clusters.

    The variance is the jackknife's over clusters. Degrees of freedom by Satterthwaite, for cluster sums with the
    variance that the sizes and the intraclass correlation give them (Carter, Schnepel & Steigerwald 2017): m - 1 for m
    clusters of one size, next to none where one cluster decides the mean. A single cluster has an infinite error.
    """
    mean = float(np.mean(values))
    _, codes, counts = np.unique(cluster, return_inverse=True, return_counts=True)
    m = len(counts)
    if m < 2:
        return Moments(mean, float("inf"), 1.0, 0.0, 1.0)
    centred = np.asarray(values, dtype=np.float64) - mean
    share = counts / len(values)
    sums = np.bincount(codes, weights=centred)
    left_out = sums / (1.0 - share) / len(values)
    square = float((left_out**2).sum())
    skew = float((left_out**3).sum()) / square**1.5 if square > 0 else 0.0
    pairs, spread = float((counts * (counts - 1)).sum()), float((centred**2).mean())
    together = float((sums**2).sum() - (centred**2).sum())
    correlation = min(max(together / (pairs * spread), 0.0), 1.0) if pairs and spread > 0 else 1.0
    variances = share**2 * (correlation + (1.0 - correlation) / counts)
    freedom = max(1.0, float(variances.sum() ** 2 / (variances**2).sum()) - 1.0)
    return Moments(mean, float(np.sqrt(square * (m - 1) / m)), freedom, skew, 1.0 / float((share**2).sum()))


def mean_and_error(values: NDArray[Any], cluster: NDArray[Any]) -> tuple[float, float, float]:
    """(mean, standard error, degrees of freedom); the error is robust to dependence within clusters."""
    found = cluster_moments(values, cluster)
    return found.mean, found.error, found.freedom


def mean_interval(
    values: NDArray[Any],
    cluster: NDArray[Any],
    level: float = 0.95,
    *,
    least: float = -np.inf,
    most: float = np.inf,
) -> dict[str, float | None]:
    """{mean, low, high}: the mean with its two-sided Student interval, cut off where no mean of such values can lie.

    One cluster alone says nothing of how clusters differ: low and high are None.
    """
    mean, error, freedom = mean_and_error(values, cluster)
    if not np.isfinite(error):
        return {"mean": mean, "low": None, "high": None}
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return {"mean": mean, "low": max(mean - half, least), "high": min(mean + half, most)}
