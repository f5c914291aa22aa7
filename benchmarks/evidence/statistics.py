"""Shares with their intervals, and calibration: does a posterior of p come true in a share p of the searches?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[Any]


def wilson(hits: int, runs: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share; (0, 1) without runs."""
    if runs == 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = hits / runs
    centre = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z * float(np.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))) / (1 + z * z / runs)
    return max(0.0, centre - half), min(1.0, centre + half)


def clopper_pearson(hits: int, runs: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share; (0, 1) without runs."""
    alpha = 1 - level
    low = float(stats.beta.ppf(alpha / 2, hits, runs - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(1 - alpha / 2, hits + 1, runs - hits)) if hits < runs else 1.0
    return low, high


def reliability(posterior: Sequence[float], right: Sequence[bool], bins: int = 10) -> list[dict[str, float]]:
    """For each bin of equal width that is not empty: its edges, searches, mean posterior, share that is right."""
    p, hit = np.asarray(posterior, float), np.asarray(right, float)
    place = np.minimum((p * bins).astype(int), bins - 1)
    return [
        {
            "low": b / bins,
            "high": (b + 1) / bins,
            "searches": int((place == b).sum()),
            "posterior": float(p[place == b].mean()),
            "right": float(hit[place == b].mean()),
        }
        for b in range(bins)
        if (place == b).any()
    ]


def expected_calibration_error(posterior: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Mean over searches of |mean posterior - share right| of their bin (Naeini, Cooper and Hauskrecht 2015)."""
    table = reliability(posterior, right, bins)
    total = sum(b["searches"] for b in table)
    return sum(b["searches"] * abs(b["posterior"] - b["right"]) for b in table) / total


def calibration_interval(
    posterior: Sequence[float], right: Sequence[bool], *, seed: int = 0, draws: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap of the expected calibration error over searches; it leans upwards where bins are thin."""
    p, hit = np.asarray(posterior, float), np.asarray(right, bool)
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(draws):
        rows = rng.integers(0, len(p), len(p))
        errors.append(expected_calibration_error(p[rows].tolist(), hit[rows].tolist()))
    low, high = np.quantile(errors, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
