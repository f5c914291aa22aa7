"""The paired orbit-loss test: what moving held-out samples costs predictors that never saw them.

If g is a symmetry of the joint law of (x, y), then for any fixed predictor the excess loss(f(g x), g y) - loss(f(x), y)
has mean zero. The defect of g is that mean as a share of what the predictor has learned, H - L.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from workers.folds import Array
from workers.intervals import mean_and_error

LEVEL = 0.05
_GATE = 3.0  # standard errors by which a witness must beat the best constant
_NEAR_BEST = 0.85  # witnesses that learned at least this share of what the best one did testify


@dataclass(frozen=True)
class Witness:
    """One predictor's testimony: losses `base`, `constant` (rows,), `excess` (classes, rows), NaN where it is blind."""

    name: str
    base: Array
    constant: Array
    excess: Array
    cluster: Array

    @cached_property
    def gain(self) -> tuple[float, float]:
        """(learned share of the best constant's loss, its distance from zero in standard errors)."""
        mean, error, _ = mean_and_error(self.constant - self.base, self.cluster)
        return mean / max(float(self.constant.mean()), 1e-12), mean / max(error, 1e-12)

    @property
    def informed(self) -> bool:
        """Whether it beats the best constant clearly enough to be heard."""
        return self.gain[1] > _GATE


@dataclass(frozen=True)
class Defect:
    """The defect of an element class with its standard error; `learned` is the best witness's share, 0 when none."""

    value: float
    error: float
    freedom: int
    learned: float
    witnesses: tuple[str, ...]

    @property
    def known(self) -> bool:
        return bool(self.witnesses)

    def interval(self, level: float = 1 - LEVEL) -> tuple[float, float]:
        """Two-sided Student interval."""
        half = float(stats.t.ppf(0.5 + level / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    def upper(self, alpha: float) -> float:
        """One-sided upper bound at level alpha; an estimate below zero is chance and buys nothing."""
        return max(self.value, 0.0) + float(stats.t.ppf(1 - alpha, self.freedom)) * self.error

    def p_value(self, tolerance: float) -> float:
        """For "the defect is at most the tolerance"; one-sided."""
        return float(stats.t.sf((self.value - tolerance) / max(self.error, 1e-12), self.freedom))


UNKNOWN = Defect(0.0, float("inf"), 1, 0.0, ())


def defect(witnesses: list[Witness], position: int) -> Defect:
    """The defect of class `position` by the witnesses that are not blind to it and learned nearly as much as the best.

    D = sum_w a_w mean(e_w) / mean(gain_w), weights a_w by squared learned share; the error is that of the ratio, by its
    influence function, robust to clusters. UNKNOWN when no witness beats the constant predictor.
    """
    able = [(w.gain[0], w) for w in witnesses if w.informed and not np.isnan(w.excess[position]).any()]
    if not able:
        return UNKNOWN
    best = max(learned for learned, _ in able)
    chosen = [(learned, w) for learned, w in able if learned >= _NEAR_BEST * best]
    total = sum(learned**2 for learned, _ in chosen)
    value = 0.0
    influence = np.zeros(len(chosen[0][1].base))
    for learned, w in chosen:
        weight = learned**2 / total
        gains = w.constant - w.base
        ratio = float(w.excess[position].mean() / gains.mean())
        value += weight * ratio
        influence += weight * (w.excess[position] - ratio * gains) / gains.mean()
    _, error, freedom = mean_and_error(influence, chosen[0][1].cluster)
    # Data closed under g give exactly zero; an error of zero would claim more than n samples can.
    error = max(error, 0.5 / len(influence))
    return Defect(value, error, freedom, best, tuple(w.name for _, w in chosen))


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given."""
    m = len(p_values)
    order = sorted(range(m), key=lambda i: p_values[i])
    adjusted = [1.0] * m
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (m - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted
