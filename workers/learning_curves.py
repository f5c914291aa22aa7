"""Learning curves inside a trial: the candidate's architecture trained from scratch on growing subsets.

The subsets are the same for every candidate of a search, nested, and made of whole clusters; the held-out rows are
those of the fold that the subset was taken from. The largest size is that of the networks which the trial has trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workers.evidence.utility import LearningCurve, code_length, draws_of, interval, means, resampling
from workers.fitting import FitOptions, Fitted, Report, batch_size, predict
from workers.folds import VALIDATION_SHARE, Array, IntArray, Split
from workers.samples import Samples
from workers.witnesses import bits, squared

PARTS = (16, 8, 4, 2, 1)  # the training part is divided by these; the last are the trial's own networks
_FIRST = (4, 2, 8, 16)  # in this order, so that a cut leaves the sizes that say most
_FAST_SHARE = 0.4  # of the work of the trial's own training
_FEWEST = 32  # samples
_VALIDATION = 20  # samples at least that choose the epoch, where that leaves two thirds to learn from
_STEP = 48  # samples whose work is that of a step itself
_TIMED = 256  # samples
PATIENCE = 12  # epochs: few validation samples say little, and a subset that stops too soon looks too hard
_FAST_STEPS = 10  # an epoch: subsets then see their samples about as often as the whole does
Train = Callable[[Samples, int, int, float, Report], Fitted]


@dataclass(frozen=True)
class _Losses:
    """Of one network on its fold's witness rows: bits, and 0 or 1 for right, or the squared error; (rows,)."""

    bits: Array
    quality: Array


def seeds_of(request: dict[str, Any]) -> int:
    """Networks for each size: `utility_seeds` (3) for `utility: full`, one for `fast`, none for `off`."""
    return {"full": int(request.get("utility_seeds") or 3), "fast": 1}.get(str(request.get("utility")), 0)


def subset(split: Split, cluster: IntArray, part: int, order: Array) -> Split:
    """The first 1/part of the training part of a split, in whole clusters by their place in `order` (clusters,).

    15 % of them choose the epoch, as in the whole, and 20 at least where that leaves two thirds to learn from.
    """
    labels = (len(split.train) + len(split.validation)) // part
    held = max(round(VALIDATION_SHARE * labels), min(_VALIDATION, labels // 3))
    validation = _prefix(split.validation, cluster, held, order)
    train = _prefix(split.train, cluster, labels - len(validation), order)
    return Split(train, validation, split.test)


def _prefix(rows: IntArray, cluster: IntArray, count: int, order: Array) -> IntArray:
    """The first rows in the order of their clusters: as many whole clusters as `count` holds, one at least."""
    ordered = rows[np.lexsort((rows, order[cluster[rows]]))]
    ends = np.flatnonzero(np.diff(cluster[ordered], append=-1)) + 1
    fit = int(np.searchsorted(ends, count, side="right"))
    return ordered[: ends[max(fit, 1) - 1]]


def planned_parts(samples: Samples, request: dict[str, Any]) -> tuple[int, ...]:
    """Which parts are trained, most telling first: all for `full`, for `fast` what costs at most 40 % of the training.

    Work is counted in samples seen for as many epochs as the trial's own networks, so it is the same for every
    candidate. Parts of fewer than 32 samples are left out.
    """
    labels = min(len(s.train) + len(s.validation) for s in samples.splits)
    parts = [part for part in _FIRST if labels // part >= _FEWEST]
    if request.get("utility") == "full":
        return tuple(parts)
    whole = len(samples.splits) * int(request.get("seeds") or 1) * _work(labels, FitOptions.min_steps)
    chosen: list[int] = []
    for part in parts:
        if sum(_work(labels // p, _FAST_STEPS) for p in [*chosen, part]) <= _FAST_SHARE * whole:
            chosen.append(part)
    return tuple(chosen or parts[:1])


def _work(labels: int, min_steps: int) -> int:
    train = max(1, round((1 - VALIDATION_SHARE) * labels))
    size = min(batch_size(train), train)
    return max(train // size, min_steps) * (size + _STEP)


def learning_curve(
    train: Train,
    fitted: Fitted,
    samples: Samples,
    request: dict[str, Any],
    constant: Array,
    deadline: float,
    out_dir: Path,
    report: Report,
) -> dict[str, Any]:
    """Train on growing subsets; returns what `metrics["curve"]` holds, and writes `curve_bits.npy` (seeds, sizes, rows;
    NaN where untested) and `curve_whole.npy` (rows,), losses in bits of the networks that the trial has trained.

    `train(samples, epochs, min_steps, deadline, report)` fits one network to each split of samples. Curves that are to
    be fast take as many epochs as the trial's own networks, of half as many steps where samples are few; full ones have
    all the epochs of the search. Seed s takes its subsets, and its held-out rows, from fold s modulo the folds.
    Past `deadline` (time.monotonic()) the sizes that are left are cut.
    """
    began = time.monotonic()
    seeds = seeds_of(request)
    folds = [s % len(samples.splits) for s in range(seeds)]
    starts = np.concatenate([[0], np.cumsum([len(t) for t in samples.tests])])
    per_fold = len(fitted.networks) // len(samples.splits)
    rng = np.random.default_rng([int(request.get("seed") or 0), 3])
    orders = [rng.permutation(int(samples.cluster.max()) + 1) for _ in folds]
    found = np.full((2, seeds, len(PARTS), starts[-1]), np.nan)
    labels = np.full(len(PARTS), np.nan)

    whole = [_losses(fitted, k, k // per_fold, samples, constant, starts) for k in range(len(fitted.networks))]
    for s, fold in enumerate(folds):
        one = whole[fold * per_fold + (s // len(samples.splits)) % per_fold]
        found[:, s, -1, starts[fold] : starts[fold + 1]] = one.bits, one.quality
    labels[-1] = np.mean([len(samples.splits[f].train) + len(samples.splits[f].validation) for f in folds])
    own = [np.mean([w.bits for w in whole[f * per_fold : (f + 1) * per_fold]], axis=0) for f in range(len(starts) - 1)]

    allowed = int((request.get("budget") or {}).get("max_epochs") or fitted.epochs)
    fast = request.get("utility") == "fast"
    epochs, steps = (fitted.epochs, _FAST_STEPS) if fast else (allowed, FitOptions.min_steps)
    parts, trained = planned_parts(samples, request), []
    for number, part in enumerate(parts):
        if fitted.out_of_time or time.monotonic() > deadline:
            break
        splits = [subset(samples.splits[f], samples.cluster, part, o) for f, o in zip(folds, orders, strict=True)]

        def told(fraction: float, message: str, number: int = number, part: int = part) -> None:
            report((number + fraction) / len(parts), f"1/{part} of the labels, {message}")

        small = train(replace(samples, splits=splits), epochs, steps, deadline, told)
        if small.out_of_time:
            break
        j = PARTS.index(part)
        labels[j] = np.mean([len(s.train) + len(s.validation) for s in splits])
        for s, fold in enumerate(folds):
            one = _losses(small, s, fold, samples, constant, starts)
            found[:, s, j, starts[fold] : starts[fold + 1]] = one.bits, one.quality
        trained.append(part)
    np.save(out_dir / "curve_bits.npy", found[0].astype(np.float32))
    np.save(out_dir / "curve_whole.npy", np.concatenate(own).astype(np.float32))
    return {
        **_summary(labels, found, samples, constant),
        "seeds": seeds,
        "labels": [None if np.isnan(m) else float(m) for m in labels],
        "cut": _cut(parts, trained),
        "seconds": time.monotonic() - began,
        "inference_seconds": _inference_seconds(fitted, samples),
    }


def first_bits(samples: Samples) -> float:
    """Bits a sample of the code before anything is learned: a uniform code's, or for targets the best constant's."""
    return float(np.log2(samples.outputs)) if samples.classification else 0.0


def _cut(planned: tuple[int, ...], trained: list[int]) -> str | None:
    if not planned:
        return f"fewer than {2 * _FEWEST} samples to train on: no smaller sizes"
    missing = [f"1/{part}" for part in planned if part not in trained]
    if not missing:
        return None
    return f"the budget of seconds was spent: no networks for {', '.join(missing)} of the labels"


@torch.no_grad()
def _losses(fitted: Fitted, k: int, fold: int, samples: Samples, constant: Array, starts: IntArray) -> _Losses:
    """Losses of network k on the witness rows of a fold.

    Targets: bits of a Gaussian code with one width, half the outputs times log2(1 - R2) in the mean; the rows carry
    their share of it to first order (influence function), so that intervals of the mean are right.
    """
    device = next(fitted.networks[k].parameters()).device
    rows = samples.tests[fold]
    x, y = torch.from_numpy(samples.x[rows]).to(device), torch.from_numpy(samples.y[rows]).to(device)
    outputs = fitted.predict(k, x)
    if samples.classification:
        right = (outputs.argmax(-1) == y).double().cpu().numpy()
        return _Losses(bits(outputs, y).double().cpu().numpy(), right)
    error = squared(outputs, y).double().cpu().numpy()
    mean, total = max(float(error.mean()), 1e-12), float(constant[starts[fold] : starts[fold + 1]].mean())
    code = np.log2(mean / max(total, 1e-12)) + (error / mean - 1.0) / np.log(2.0)
    return _Losses(0.5 * samples.outputs * code, error)


def _summary(labels: Array, found: Array, samples: Samples, constant: Array) -> dict[str, Any]:
    """Sizes, losses, accuracy or R2 with intervals, and the prequential code length of one candidate."""
    known = ~np.isnan(labels)
    curve = LearningCurve(labels[known], found[0][:, known])
    again = resampling(samples.cluster[np.concatenate(samples.tests)], 0)
    middle, drawn = means(curve.bits), draws_of(curve.bits, again, 0)
    if samples.classification:
        name, quality = "accuracy", found[1][:, known]
    else:
        tested = ~np.isnan(found[1]).all((0, 1))
        name, quality = "r2", 1.0 - found[1][:, known] / float(constant[tested].mean())
    level, spread = means(quality), draws_of(quality, again, 0)
    total = float(code_length(curve.labels, middle, first_bits(samples)))
    length = {"total": total, "per_sample": total / float(labels[-1])} if known.sum() > 1 else None
    return {
        "sizes": [round(float(m)) for m in curve.labels],
        "loss_bits": [interval(m, drawn[:, k]) for k, m in enumerate(middle)],
        name: [interval(m, spread[:, k]) for k, m in enumerate(level)],
        "code_length_bits": length,
        "first_bits": first_bits(samples),
    }


@torch.no_grad()
def _inference_seconds(fitted: Fitted, samples: Samples) -> float:
    """Seconds a sample, the best of three passes of one network over up to 256 samples."""
    network = fitted.networks[0]
    x = torch.from_numpy(samples.x[:_TIMED]).to(next(network.parameters()).device)
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        predict(network, x).cpu()
        seconds.append(time.perf_counter() - began)
    return min(seconds) / len(x)
