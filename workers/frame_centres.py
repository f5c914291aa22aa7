"""Is an image group about the centre one about another place? What half turns or mirrors about shifted centres cost.

A half turn or mirror about a centre c moves whole pixels where 2 c is whole. What comes from outside the frame is not
known, so picture and moved picture are both shown on the part W of the frame that the map takes to itself, with the
mean picture's level elsewhere: both lose the same crop. W is symmetric, and so is the law of what is seen on it where
the law of whole pictures is; then the paired excess loss has mean zero for any predictor. Cropping costs information,
so the defect is a share of what the predictor still knows on W; where that is less than half of what it knew, nothing
is said of c.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.actions.samples import transform_labels, transform_samples
from workers.folds import Array, IntArray
from workers.samples import Samples, constant_losses, interpolates
from workers.witnesses import LossFunction, Predictor

_FARTHEST = 4  # pixels of 2 c either way that are all tried; beyond, every other one, and the neighbours of the best
_STILL_KNOWN = 0.5
_ROWS = 800


@dataclass(frozen=True)
class Centres:
    """`offsets` (points, 2): centres from the middle of the frame, pixels to the right and down, the middle first;
    `excess` (points, rows), as if all that is known in the whole frame were known on the crop, NaN where it was not
    measured; `known` (points,): the share that is still known there."""

    offsets: Array
    excess: Array
    known: Array


def frame_element(plan: dict[str, Any]) -> dict[str, Any] | None:
    """The planned class that centres are looked for with: a half turn about the centre, or else a mirror."""
    about = [n for n in plan["nodes"] if n["spec"].get("translations") is False]
    if plan.get("scout") or interpolates(plan) or not about:
        return None
    found = [plan["classes"][c] for c in sorted({c for n in about for c in n["classes"]})]
    whole = [c for c in found if c.get("matrix") and "shift" not in c["action"]]
    maps = [(np.asarray(c["action"]["matrix"]), c) for c in whole]
    twofold = [(m, c) for m, c in maps if m.shape == (2, 2) and np.allclose(m @ m, np.eye(2))]
    return min(twofold, key=lambda one: float(np.trace(one[0])), default=(None, None))[1]


def frame_centres(
    planned: dict[str, Any],
    samples: Samples,
    predictors: Sequence[Predictor],
    loss: LossFunction,
    rows: IntArray,
    device: torch.device,
    deadline: float,
) -> Centres | None:
    """What the element costs about centres near the middle of the frame; `rows`: places among the rows that testify.

    No points where the predictors know nothing; None past the deadline (time.monotonic()).
    """
    action = planned["action"]
    chosen = np.sort(np.random.default_rng(3).permutation(len(rows))[:_ROWS])
    every = np.concatenate(samples.tests)[rows[chosen]]
    fold = np.repeat(np.arange(len(samples.tests)), [len(t) for t in samples.tests])[rows[chosen]]
    parts = [(np.flatnonzero(fold == k), predictor) for k, predictor in enumerate(predictors) if (fold == k).any()]
    x, y = torch.from_numpy(samples.x[every]).to(device), torch.from_numpy(samples.y[every]).to(device)
    level = x.mean((0, 2, 3), keepdim=True)
    constant = constant_losses(samples)[rows[chosen]]
    moved, moved_labels = transform_samples(x, action, "image2d"), transform_labels(y, action)

    def losses(pictures: Tensor, labels: Tensor) -> Array:
        out = np.zeros(len(chosen))
        for places, predictor in parts:
            out[places] = loss(predictor(pictures[places]), labels[places]).double().cpu().numpy()
        return out

    whole = float((constant - losses(x, y)).mean())
    if not whole > 0.0:
        return Centres(np.zeros((0, 2)), np.zeros((0, len(rows))), np.zeros(0))
    done: dict[tuple[int, int], tuple[Array, float]] = {}

    def visit(shifts: Sequence[tuple[int, int]]) -> bool:
        for shift in shifts:
            if time.monotonic() > deadline:
                return False
            if shift in done or not is_involution(action, shift, x.shape[-2:]):
                continue
            seen = common(shift, x.shape[-2:]).to(device)
            plain = losses(torch.where(seen, x, level), y)
            known = float((constant - plain).mean()) / whole
            if known < _STILL_KNOWN:
                continue
            turned = torch.roll(moved, shift, (-2, -1))
            done[shift] = (losses(torch.where(seen, turned, level), moved_labels) - plain) / known, known
        return True

    reach = min(int(min(x.shape[-2:])) // 4, 2 * _FARTHEST)
    step = 1 if reach <= _FARTHEST else 2
    ends = range(-(reach // step) * step, reach + 1, step)
    if not visit([(0, 0)]) or not visit([(a, b) for a in ends for b in ends]):
        return None
    if step > 1:
        best = min(done, key=lambda s: float(done[s][0].mean()))
        if not visit([(best[0] + a, best[1] + b) for a in (-1, 0, 1) for b in (-1, 0, 1)]):
            return None
    shifts = sorted(done, key=lambda s: (s[0] ** 2 + s[1] ** 2, s))
    excess = np.full((len(shifts), len(rows)), np.nan)
    excess[:, chosen] = np.stack([done[s][0] for s in shifts])
    offsets = np.array([(s[1] / 2, s[0] / 2) for s in shifts])
    return Centres(offsets, excess, np.array([done[s][1] for s in shifts]))


def is_involution(action: dict[str, Any], shift: tuple[int, int], side: tuple[int, ...]) -> bool:
    """Whether moving by the action and then by `shift` (down, right), twice, leaves pixels where they were."""
    places = torch.arange(1, side[0] * side[1] + 1, dtype=torch.float32).reshape(1, 1, *side)
    seen = common(shift, side)
    once = torch.roll(transform_samples(places, action, "image2d"), shift, (-2, -1)) * seen
    twice = torch.roll(transform_samples(once, action, "image2d"), shift, (-2, -1)) * seen
    return bool((twice == places * seen).all() and (seen.any()))


def common(shift: tuple[int, int], side: tuple[int, ...]) -> Tensor:
    """The pixels whose content came from inside the frame, which a shift follows upon: (h, w)."""
    rows, columns = torch.arange(side[0]), torch.arange(side[1])
    inside = (rows - shift[0] >= 0) & (rows - shift[0] < side[0])
    across = (columns - shift[1] >= 0) & (columns - shift[1] < side[1])
    return inside[:, None] & across
