"""What a symmetry is worth: labels saved, bits of code, and what imposing it costs, from paired learning curves.

A learning curve holds the held-out loss of networks that were trained on nested subsets of the same samples. Every
candidate of a search is trained on the same subsets and tested on the same rows, so candidates are compared row by row.
Nothing here enters the posterior or a verdict: what a symmetry is worth does not say whether it is true.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.folds import Array, IntArray

DRAWS = 1000
_TAIL = 2.5  # per cent on either side of an interval
_EDGE = 1e-9


@dataclass(frozen=True)
class LearningCurve:
    """Held-out losses of one candidate.

    `labels` (sizes,): samples that the networks of each size learned from, rising. `bits` (seeds, sizes, rows): loss of
    each row in bits, NaN where a seed's network was not tested on the row, or its size was not trained.
    """

    labels: Array
    bits: Array


@dataclass(frozen=True)
class Resampling:
    """`weights` (draws, clusters): how often each cluster counts in each draw; `codes` (rows,): cluster of a row."""

    weights: Array
    codes: IntArray


def resampling(cluster: Array, seed: int, draws: int = DRAWS) -> Resampling:
    """A bootstrap of whole clusters (multinomial weights); the same for all that it is compared with."""
    _, codes = np.unique(cluster, return_inverse=True)
    m = int(codes.max()) + 1
    rng = np.random.default_rng([seed, 11])
    weights = rng.multinomial(m, np.full(m, 1.0 / m), size=draws).astype(np.float32)
    return Resampling(weights, np.asarray(codes, dtype=np.int64))


def both(first: LearningCurve, second: LearningCurve) -> tuple[Array, Array]:
    """The sizes at which two curves have losses, and these losses: (sizes,), (2, seeds, sizes, rows).

    Rows and seeds that one of the two lacks are left out of both, so that what remains is paired.
    """
    bits = np.stack([first.bits, second.bits])
    bits = np.where(np.isnan(bits).any(0), np.nan, bits)
    known = ~np.isnan(bits[0]).all((0, 2))
    return second.labels[known], bits[:, :, known]


def means(bits: Array) -> Array:
    """Mean over rows of the mean over seeds, (..., seeds, sizes, rows) -> (..., sizes)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rows that no seed was tested on
        rows = np.nanmean(bits, axis=-3)
        found: Array = np.nanmean(rows, axis=-1)
    return found


def draws_of(bits: Array, again: Resampling, seed: int, *, retrained: bool = True) -> Array:
    """Draws of `means(bits)` as other samples and other trainings might have given them; (draws, ..., sizes).

    Rows: a bootstrap of whole clusters. Trainings: deviations of the seeds' means, with normal multipliers over the
    root of a chi-square, so that the mean over few seeds gets its Student interval. With one seed the rows alone vary:
    what another training would have given is then not known. Where seeds are tested on different rows the second part
    holds some of the first again: intervals err to the wide side. Not `retrained`: the rows alone vary.
    """
    seeds = bits.shape[-3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        rows = np.nanmean(bits, axis=-3)
        each = np.nanmean(bits, axis=-1)  # (..., seeds, sizes)
    flat = rows.reshape(-1, rows.shape[-1])
    known = ~np.isnan(flat)
    m = again.weights.shape[1]
    sums = np.stack([np.bincount(again.codes[k], weights=r[k], minlength=m) for r, k in zip(flat, known, strict=True)])
    counts = np.stack([np.bincount(again.codes[k], minlength=m) for k in known])
    total, number = again.weights @ sums.T.astype(np.float32), again.weights @ counts.T.astype(np.float32)
    middle = means(bits)
    drawn = np.where(number > 0, total / np.maximum(number, 1.0), middle.reshape(-1))
    found = drawn.reshape(len(drawn), *rows.shape[:-1]).astype(float)
    if retrained and seeds > 1:
        rng = np.random.default_rng([seed, 12])
        multipliers = rng.normal(size=(len(found), seeds))
        multipliers /= np.sqrt(rng.chisquare(seeds - 1, len(found)) / (seeds - 1))[:, None]
        deviations = np.nan_to_num(each - np.nanmean(each, axis=-2, keepdims=True))
        found = found + np.einsum("bs,...sk->b...k", multipliers, deviations) / np.sqrt(seeds * (seeds - 1))
    return found


def interval(value: float, drawn: Array) -> dict[str, float]:
    """{mean, low, high}: an estimate with the 95 % percentile interval of its draws."""
    low, high = np.percentile(drawn, [_TAIL, 100 - _TAIL])
    return {"mean": float(value), "low": float(low), "high": float(high)}


def code_length(labels: Array, losses: Array, first: float) -> Array:
    """Expected prequential code length of all labels in bits: losses (..., sizes) -> (...).

    The first block costs `first` bits a sample (a uniform code, or the best constant's); each further block is coded
    with the network trained on all blocks before it, at the loss which that network has on held-out samples. Blier &
    Ollivier, The description length of deep learning models, 2018.
    """
    blocks = np.diff(labels)
    total: Array = labels[0] * first + (losses[..., :-1] * blocks).sum(-1)
    return total


def labels_needed(labels: Array, losses: Array, level: Array) -> Array:
    """log2 of the labels at which a curve (..., sizes) first reaches a level (...): linear in log2 labels.

    The running minimum is taken for the curve. log2 of the smallest size where that is enough; NaN where none is.
    """
    falling = np.minimum.accumulate(losses, axis=-1)
    reached = falling <= level[..., None]
    k = np.argmax(reached, axis=-1)
    before = np.maximum(k - 1, 0)
    above = np.take_along_axis(falling, before[..., None], -1)[..., 0]
    below = np.take_along_axis(falling, k[..., None], -1)[..., 0]
    share = np.where(k > 0, (above - level) / np.maximum(above - below, 1e-300), 0.0)
    logs = np.log2(labels)
    found = logs[before] + share * (logs[k] - logs[before])
    return np.asarray(np.where(reached.any(-1), found, np.nan), dtype=np.float64)


def log2_saved(labels: Array, base: Array, own: Array) -> Array:
    """log2 of the factor of labels saved: losses of the reference `base` and of a candidate, (..., sizes) -> (...).

    Where the candidate reaches what the reference reaches with all labels: all labels over those that it needs. Else
    minus the log2 of all labels over those with which the reference reaches what the candidate reaches at best.
    """
    base_best, own_best = base.min(-1), own.min(-1)
    most = np.log2(labels[-1])
    gained = most - labels_needed(labels, own, base_best)
    lost = labels_needed(labels, base, own_best) - most
    return np.asarray(np.where(own_best <= base_best, gained, lost), dtype=np.float64)


def labels_saved(
    labels: Array, base: Array, own: Array, base_drawn: Array, own_drawn: Array, fallen: float
) -> dict[str, Any]:
    """{factor, low, high, bound, reason}: how many times its labels the reference would need.

    Curves are (sizes,), draws (draws, sizes). `fallen`: by how much the reference's loss falls from the smallest
    size to the largest, at the least that its rows allow. `bound` is at_least where the smallest size is enough
    already, at_most where the reference's smallest size does what the candidate does with all; low or high is None
    where more than 2.5 % of the draws leave the range of sizes on that side. factor is None, with the reason, where
    nothing can be read.
    """
    nothing = {"factor": None, "low": None, "high": None, "bound": None}
    if len(labels) < 2:
        return nothing | {"reason": "the curves have fewer than two sizes in common"}
    if fallen <= 0:
        return nothing | {"reason": "the reference does not clearly improve with more labels"}
    limit = float(np.log2(labels[-1] / labels[0]))
    value = float(log2_saved(labels, base, own))
    low, high = np.percentile(log2_saved(labels, base_drawn, own_drawn), [_TAIL, 100 - _TAIL])
    bound = "at_least" if value >= limit - _EDGE else "at_most" if value <= -limit + _EDGE else None
    return {
        "factor": float(2.0**value),
        "low": None if low <= -limit + _EDGE else float(2.0**low),
        "high": None if high >= limit - _EDGE else float(2.0**high),
        "bound": bound,
        "reason": None,
    }


def compare(own: LearningCurve, base: LearningCurve, again: Resampling, first: float, seed: int) -> dict[str, Any]:
    """{bits_saved_against_trivial, labels_saved} of a candidate against the reference, from what both were tested on.

    `first`: bits a sample of the code for the first block. Bits saved are those of the whole prequential code; None
    where fewer than two sizes were trained for both.
    """
    labels, bits = both(base, own)
    if len(labels) == 0:
        reason = "the two have no size in common"
        none = {"factor": None, "low": None, "high": None, "bound": None, "reason": reason}
        return {"bits_saved_against_trivial": None, "labels_saved": none}
    middle, drawn = means(bits), draws_of(bits, again, seed)
    saved = None
    if len(labels) > 1:
        lengths = code_length(labels, middle, first)
        spread = code_length(labels, drawn, first)
        saved = interval(lengths[0] - lengths[1], spread[:, 0] - spread[:, 1])
    given = draws_of(bits[0], again, seed, retrained=False)
    fallen = float(np.percentile(given[:, 0] - given[:, -1], _TAIL))
    return {
        "bits_saved_against_trivial": saved,
        "labels_saved": labels_saved(labels, middle[0], middle[1], drawn[:, 0], drawn[:, 1], fallen),
    }
