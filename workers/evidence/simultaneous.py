"""Inference at once over all element classes of a search, which share the term -loss(f(x)) and so are correlated.

Sums over clusters are given random signs; what the largest studentised mean does under the signs is what it would do by
chance. Westfall & Young 1993 (step-down); Romano & Wolf 2005. For an element of order two the excess is symmetric about
zero under the null hypothesis, because (x, g x) and (g x, x) have one law: there random signs are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workers.evidence.orbits import LEVEL, Contrast, Defect, plain_t
from workers.folds import Array
from workers.intervals import cluster_totals

FLIPS = 2000
_CHUNK = 250


@dataclass(frozen=True)
class Flips:
    """Signed sums of the classes' contrasts, (flips, classes), and the sums of every cluster, (clusters, classes).

    A contrast at defect D is excess - D * gain, so one pass of signs serves every D.
    """

    signed_excess: Array
    signed_gain: Array
    excess: Array
    gain: Array

    def only(self, columns: list[int]) -> Flips:
        """The same signs for some of the classes."""
        return Flips(*(a[:, columns] for a in (self.signed_excess, self.signed_gain, self.excess, self.gain)))

    def studentised(self, at: Array) -> Array:
        """Studentised signed means of excess - at * gain, `at` (classes,); (flips, classes)."""
        m = len(self.excess)
        contrast = self.excess - at * self.gain
        root = np.sqrt((contrast**2).sum(0))
        s = (self.signed_excess - at * self.signed_gain) / np.where(root > 0, root, 1.0)
        # After signs the mean square is what it was; only the mean itself has to be taken off again.
        return np.asarray(s * np.sqrt((m - 1) / np.maximum(m - s**2, 1e-9 * m)))


def flips(contrasts: list[Contrast], seed: int = 0) -> Flips:
    """FLIPS random signs for the clusters, the same for every class. Contrasts share their clusters; at least one."""
    excess = np.stack([cluster_totals(c.excess, c.cluster) for c in contrasts], axis=1)
    gain = np.stack([cluster_totals(c.gain, c.cluster) for c in contrasts], axis=1)
    scale = np.abs(gain.sum(0))  # every class in its own unit, so that single precision is enough
    both = np.concatenate([excess / scale, gain / scale], axis=1)
    narrow = both.astype(np.float32)
    rng = np.random.default_rng(seed)
    signed = []
    for start in range(0, FLIPS, _CHUNK):
        signs = rng.integers(0, 2, (min(_CHUNK, FLIPS - start), len(both)), dtype=np.int8)
        signed.append((2 * signs - 1).astype(np.float32) @ narrow)
    sums = np.concatenate(signed).astype(np.float64)
    k = len(contrasts)
    return Flips(sums[:, :k], sums[:, k:], both[:, :k], both[:, k:])


def critical_value(chance: Flips, defects: list[Defect], level: float = LEVEL) -> float:
    """q such that bounds value + q error hold for all classes at once with probability 1 - level."""
    largest = chance.studentised(np.asarray([d.value for d in defects])).max(1)
    return float(np.quantile(largest, 1 - level, method="higher"))


def adjusted_p_values(chance: Flips, contrasts: list[Contrast], tolerance: float) -> list[float]:
    """Step-down p-values for "the defect is at most the tolerance", familywise over all classes; never below a single
    class's own Student p-value."""
    tests = [c.test(tolerance) for c in contrasts]
    statistics = np.asarray([plain_t(t.statistic, -t.skew) for t in tests])
    single = np.asarray([float(stats.t.sf(s, t.freedom)) for s, t in zip(statistics, tests, strict=True)])
    signed = chance.studentised(np.full(len(contrasts), tolerance))
    order = np.argsort(-statistics, kind="stable")
    # Row r: the largest among the hypotheses that are left when those with larger statistics are rejected.
    largest = np.maximum.accumulate(signed[:, order[::-1]], axis=1)[:, ::-1]
    exceed = (1 + (largest >= statistics[order] - 1e-9).sum(0)) / (len(signed) + 1)
    stepped = np.maximum.accumulate(np.maximum(exceed, single[order]))
    adjusted = np.empty(len(contrasts))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(p) for p in adjusted]
