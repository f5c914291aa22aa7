"""Means with errors when samples come in clusters that are not independent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def cluster_sums(values: NDArray[Any], cluster: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of values over each cluster that occurs, (clusters,)."""
    _, codes = np.unique(cluster, return_inverse=True)
    return np.asarray(np.bincount(codes, weights=values), dtype=np.float64)


def mean_and_error(values: NDArray[Any], cluster: NDArray[Any]) -> tuple[float, float, int]:
    """(mean, standard error, degrees of freedom); the error is robust to dependence within clusters."""
    mean = float(np.mean(values))
    sums = cluster_sums(np.asarray(values, dtype=np.float64) - mean, cluster)
    m = len(sums)
    if m < 2:
        return mean, float("inf"), 1
    error = float(np.sqrt((sums**2).sum() * m / (m - 1))) / len(values)
    return mean, error, m - 1


def mean_interval(values: NDArray[Any], cluster: NDArray[Any], level: float = 0.95) -> dict[str, float]:
    """{mean, low, high}: the mean with its two-sided Student interval."""
    mean, error, freedom = mean_and_error(values, cluster)
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error if np.isfinite(error) else 0.0
    return {"mean": mean, "low": mean - half, "high": mean + half}
