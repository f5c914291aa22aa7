"""From defects to a posterior over the lattice of groups."""

from __future__ import annotations

import numpy as np
from scipy import stats

from workers.evidence.orbits import Defect

CAP_FOR, CAP_AGAINST = 12.0, -60.0  # bits
_BLINDNESS = 0.1
_CLIP = 1.5
_TAIL = 0.2


def log2_bayes_factor(found: Defect, tolerance: float) -> float:
    """Bits for "the defect is zero" against "it is above the tolerance".

    H1 spreads the defect evenly over [tolerance, 1], with an exponential tail above 1 of weight 0.2; a defect that
    reads above 1.5 is clipped, its error in proportion. A violation may also hide in what the witnesses have not
    learned: with probability 0.1 (1 - learned share) H1 reads like H0, which bounds what silence can prove.
    """
    if not found.known:
        return 0.0
    value, error = found.value, found.error
    if value > _CLIP:
        value, error = _CLIP, error * _CLIP / value
    student = stats.t(found.freedom)
    log_null = float(student.logpdf(value / error) - np.log(error))
    body = float(student.cdf((value - tolerance) / error) - student.cdf((value - 1.0) / error)) / (1.0 - tolerance)
    above = np.linspace(1.0, 7.0, 400)
    tail = float(np.trapezoid(student.pdf((value - above) / error) / error * np.exp(1.0 - above), above))
    log_spread = float(np.log(max((1.0 - _TAIL) * body + _TAIL * tail, 1e-300)))
    hidden = _BLINDNESS * max(1.0 - found.learned, 1e-3)
    log_alternative = float(np.logaddexp(np.log1p(-hidden) + log_spread, np.log(hidden) + log_null))
    return float(np.clip((log_null - log_alternative) / np.log(2.0), CAP_AGAINST, CAP_FOR))


def posterior(scores_bits: list[float]) -> list[float]:
    """Probabilities in proportion to 2^score."""
    scores = np.asarray(scores_bits)
    weights = np.exp2(scores - scores.max())
    return [float(w) for w in weights / weights.sum()]


def confidence(probabilities: list[float]) -> float:
    """sqrt(p1 (p1 - p2)), as symmetry programs in crystallography print it; p1, p2 the two largest."""
    ranked = sorted(probabilities, reverse=True)
    second = ranked[1] if len(ranked) > 1 else 0.0
    return float(np.sqrt(ranked[0] * (ranked[0] - second)))
