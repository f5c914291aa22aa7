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
from workers.intervals import cluster_moments, mean_and_error

LEVEL = 0.05
CROSS_FITTED = 2.0  # variance of a mean over folds, relative to what independent rows would have; see docs/evidence.md
_GATE = 3.0  # standard errors by which a witness must beat the best constant, were there many clusters
_ROUNDING = 1e-5  # share of the loss; outputs that are constant to the last bit may beat the constant everywhere
_NEAR_BEST = 0.85  # witnesses that learned at least this share of what the best one did testify


@dataclass(frozen=True)
class Witness:
    """One predictor's testimony: losses `base`, `constant` (rows,), `excess` (classes, rows), NaN where it is blind.

    `share`: what it learned of the best constant's loss on the validation samples of its training folds, which fixes
    its weight before any tested row is looked at; None for what keeps no such record (the held-out share then serves).
    `dependence`: variance of a mean over the rows relative to independent ones, 1 for a single split.
    """

    name: str
    base: Array
    constant: Array
    excess: Array
    cluster: Array
    share: float | None = None
    dependence: float = 1.0

    @cached_property
    def gain(self) -> float:
        """Learned share of the best constant's loss."""
        return float((self.constant - self.base).mean()) / max(float(self.constant.mean()), 1e-12)

    @cached_property
    def informed(self) -> bool:
        """Whether it beats the best constant clearly enough to be heard."""
        return beats_constant(self.constant - self.base, float(self.constant.mean()), self.cluster)

    @property
    def standing(self) -> float:
        """The learned share by which witnesses are chosen and weighed."""
        return self.gain if self.share is None else max(self.share, 1e-6)


def beats_constant(gains: Array, constant: float, cluster: Array) -> bool:
    """Whether gains over a constant's mean loss `constant` are clearly above zero: three standard errors with many
    clusters, as improbable by Student's law with few."""
    mean, error, freedom = mean_and_error(gains, cluster)
    if not np.isfinite(error) or mean <= _ROUNDING * constant:
        return False
    return bool(mean > float(stats.t.isf(stats.norm.sf(_GATE), freedom)) * error)


@dataclass(frozen=True)
class Defect:
    """The defect of an element class with its standard error; `learned` is the best witness's share, 0 when none.

    `freedom`: degrees of freedom of the error, fewer than clusters - 1 where a few clusters hold most rows. `skew`:
    third moment of the mean, in units of its standard error.
    """

    value: float
    error: float
    freedom: float
    learned: float
    witnesses: tuple[str, ...]
    skew: float = 0.0

    @property
    def known(self) -> bool:
        return bool(self.witnesses)

    def interval(self, level: float = 1 - LEVEL) -> tuple[float, float]:
        """Two-sided Student interval."""
        half = float(stats.t.ppf(0.5 + level / 2, self.freedom)) * self.error
        return self.value - half, self.value + half

    def upper(self, alpha: float) -> float:
        """One-sided upper bound at level alpha for this class alone."""
        return max(self.value, 0.0) + self._reach(float(stats.t.ppf(1 - alpha, self.freedom)))

    def bound(self, quantile: float) -> float:
        """Upper bound `quantile` standard errors above the value, never less than this class alone would need.

        An estimate below zero is chance and buys nothing.
        """
        return max(self.upper(LEVEL), max(self.value, 0.0) + self._reach(quantile))

    def to_certify(self, quantile: float, tolerance: float) -> float:
        """How many times the data would bring the bound below the tolerance; at least 1, maybe infinite.

        The defect is taken to be what it reads, or zero where it is within two errors of that: a reading just below the
        tolerance would otherwise ask for thousands of times the data.
        """
        reading = max(self.value, 0.0)
        room = tolerance - (reading if reading > 2 * self.error else 0.0)
        return max(1.0, _ratio(self.bound(quantile) - reading, room))

    def to_refute(self, quantile: float, tolerance: float) -> float:
        """How many times the data would refute the class if the defect is what it reads; at least 1, maybe infinite."""
        q = max(quantile, float(stats.t.ppf(1 - LEVEL, self.freedom)))
        return max(1.0, _ratio(skewed_t(q, -self.skew) * self.error, self.value - tolerance))

    def _reach(self, quantile: float) -> float:
        return skewed_t(quantile, self.skew) * self.error


UNKNOWN = Defect(0.0, float("inf"), 1, 0.0, ())


@dataclass(frozen=True)
class Test:
    """A one-sided test of a mean: its studentised value, degrees of freedom and skewness."""

    statistic: float
    freedom: float
    skew: float


@dataclass(frozen=True)
class Contrast:
    """What the witnesses together lose on moved samples, and what they had gained over a constant; (rows,) each."""

    excess: Array
    gain: Array
    cluster: Array
    learned: float
    witnesses: tuple[str, ...]
    dependence: float

    def defect(self) -> Defect:
        """mean excess / mean gain; the error is that of the ratio, by its influence function, robust to clusters."""
        gained = float(self.gain.mean())
        value = float(self.excess.mean()) / gained
        error, freedom, skew = self._moments((self.excess - value * self.gain) / gained)
        return Defect(value, error, freedom, self.learned, self.witnesses, skew)

    def test(self, tolerance: float) -> Test:
        """Of "the defect is at most the tolerance": the mean of excess - tolerance * gain, where no ratio is left."""
        contrast = (self.excess - tolerance * self.gain) / float(self.gain.mean())
        error, freedom, skew = self._moments(contrast)
        return Test(float(contrast.mean()) / error, freedom, skew)

    def p_value(self, tolerance: float) -> float:
        """For "the defect is at most the tolerance"; one-sided, for this class alone."""
        found = self.test(tolerance)
        return float(stats.t.sf(plain_t(found.statistic, -found.skew), found.freedom))

    def _moments(self, values: Array) -> tuple[float, float, float]:
        """(error, degrees of freedom, skewness) of a mean in units of the defect.

        To the variance comes that of one more cluster that would lose all that was learned: where no cluster shows a
        loss, one among as many again might.
        """
        found = cluster_moments(values, self.cluster)
        error = float(np.sqrt(self.dependence * found.error**2 + 1.0 / found.clusters**2))
        return error, found.freedom, found.skew


def contrast(witnesses: list[Witness], position: int) -> Contrast | None:
    """The joint testimony on class `position` of the witnesses that are not blind to it and learned nearly as much as
    the best, weighed by squared learned share; None when no witness beats the constant predictor."""
    able = [w for w in witnesses if w.informed and not np.isnan(w.excess[position]).any()]
    if not able:
        return None
    best = max(w.standing for w in able)
    chosen = [w for w in able if w.standing >= _NEAR_BEST * best]
    total = sum(w.standing**2 for w in chosen)
    weights = [w.standing**2 / total for w in chosen]
    return Contrast(
        excess=np.asarray(sum(a * w.excess[position] for a, w in zip(weights, chosen, strict=True))),
        gain=np.asarray(sum(a * (w.constant - w.base) for a, w in zip(weights, chosen, strict=True))),
        cluster=chosen[0].cluster,
        learned=max(w.gain for w in able),
        witnesses=tuple(w.name for w in chosen),
        dependence=max(w.dependence for w in chosen),
    )


def defect(witnesses: list[Witness], position: int) -> Defect:
    """The defect of class `position`; UNKNOWN when no witness that is not blind to it beats the constant predictor."""
    found = contrast(witnesses, position)
    return UNKNOWN if found is None else found.defect()


def _ratio(reach: float, room: float) -> float:
    """How many times the data would bring `reach`, which shrinks with the root of the samples, within `room`."""
    ratio = reach / room if room > 0 else float("inf")
    return ratio * ratio  # infinite where ** would raise OverflowError


def skewed_t(quantile: float, skew: float) -> float:
    """The distance, in standard errors, that a bound needs where a mean has positive `skew` and Student's `quantile`.

    Twice the first term of the Cornish-Fisher expansion of the studentised mean (Johnson 1978): a sample that is skewed
    shows less skewness than its law has. Negative skew is not rewarded.
    """
    k = max(skew, 0.0) / 3.0
    return quantile + k * (2.0 * quantile**2 + 1.0)


def plain_t(distance: float, skew: float) -> float:
    """The Student quantile of which `distance` is the skewed one; undoes `skewed_t` above `skew`/3."""
    k = max(skew, 0.0) / 3.0
    if k < 1e-9 or distance <= k:
        return distance - k
    return float((np.sqrt(1.0 + 8.0 * k * (distance - k)) - 1.0) / (4.0 * k))
