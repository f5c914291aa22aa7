"""Anytime-valid evidence: e-values by which a search may stop testing an element as soon as it is settled.

A p-value that is looked at after every trained network is too small too often. An e-value is a nonnegative number whose
expectation under the hypothesis is at most 1, so that it exceeds 1 / alpha with probability at most alpha (Markov), and
averages of e-values are e-values. Here each witness bets on every held-out cluster (Waudby-Smith and Ramdas, 2024,
doi:10.1093/jrsssb/qkad009): with a bounded loss l, z is the bounded excess l(f(g x), g y) - l(f(x), y) less the
tolerance's share of the bounded gain, u = z / (largest |z|), and

    E = mean over stakes s of prod over clusters of (1 + s u)

has expectation at most 1 when the defect of g, measured in the bounded loss, is at most the tolerance; so has it with
1 - s u when the defect is at least the tolerance. A predictor that does worse than the constant has no defect, but z
would be positive where nothing is broken. So a fold's e-value is the smaller one of E and of the same bet against "the
gain is at most zero", which is valid for both. Predictors differ between folds: the folds' e-values are averaged.
Every witness has a share of the whole that was fixed before it was heard, and the shares sum to at most 1: what has
been gathered then only grows, and its last value has expectation at most 1, so it may be looked at after every witness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.folds import Array

STAKES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7)


@dataclass(frozen=True)
class Bets:
    """One witness's bounded losses: `gain` (rows,), constant's less its own; `excess` (classes, rows), NaN where blind.

    `bound`: the largest loss; `cluster`, `fold`: (rows,); `share`: of the whole, see above.
    """

    share: float
    gain: Array
    excess: Array
    bound: float
    cluster: Array
    fold: Array


def log_e_values(z: Array, fold: Array, cluster: Array, largest: float) -> Array:
    """Natural logarithms of each fold's e-value against "the mean of z is at most 0"; z (rows,) in [-largest, largest].

    A cluster bets once, with the mean of its rows.
    """
    logs = []
    for k in np.unique(fold):
        rows = fold == k
        _, codes = np.unique(cluster[rows], return_inverse=True)
        means = np.bincount(codes, weights=z[rows]) / np.bincount(codes)
        u = np.clip(means / largest, -1.0, 1.0)
        logs.append(_log_mean(np.asarray([float(np.log1p(stake * u).sum()) for stake in STAKES])))
    return np.asarray(logs)


def totals(heard: Sequence[Bets], tolerance: float) -> Array:
    """Natural logarithms of what all witnesses bet for "broken" and for "kept", (classes, 2); -inf where none could."""
    found = np.full((len(heard[0].excess) if heard else 0, 2), -np.inf)
    for bets in heard:
        learned = log_e_values(bets.gain, bets.fold, bets.cluster, bets.bound)
        for c in np.flatnonzero(~np.isnan(bets.excess).any(1)):
            z = bets.excess[c] - tolerance * bets.gain
            largest = (1.0 + tolerance) * bets.bound
            for k, sign in enumerate((1.0, -1.0)):
                each = np.minimum(log_e_values(sign * z, bets.fold, bets.cluster, largest), learned)
                found[c, k] = np.logaddexp(found[c, k], _log_mean(each) + np.log(bets.share))
    return found


def settled(total: Array, alpha: float) -> list[str | None]:
    """For each class "broken", "kept" or None, all of them right at once with probability 1 - alpha, at any time.

    `total`: (classes, 2), as `totals` gives it.
    """
    limit = np.log(2.0 * max(len(total), 1) / alpha)
    return ["broken" if broken >= limit else "kept" if kept >= limit else None for broken, kept in total]


def _log_mean(logs: Array) -> float:
    top = float(logs.max())
    return top + float(np.log(np.exp(logs - top).mean()))
