"""Evidence of the second kind for images, without a network: Gaussian processes that see patches, under each group.

They learn textures and small shapes from fewer samples than a network does, and are fitted to none, so all samples
count. Each group is weighed alone, and as what is left of a larger group that holds nearly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.actions.samples import transform_samples
from models.groups.finite import FloatArray
from models.groups.joins import above
from models.kernels import NOISES
from models.patch_kernels import (
    BREAKS,
    FILTERS,
    SIZES,
    PatchFeatures,
    compressed,
    linear_scores,
    nothing_score,
    predicted_without,
    seen_side,
)
from workers.folds import IntArray
from workers.kernel_evidence import centred, contrasts, free_rows, log_chances, numeric_targets
from workers.moved_groups import MovedGroup, moved_groups
from workers.samples import Samples, constant_loss, labels_move
from workers.witnesses import bits, squared

_ROWS = 4000
_COPIES = 24_000  # of samples by all elements
_WORK = 1_000_000_000_000  # multiplications for patches of one size
_LABELS = 1  # component of labels that may move
_PAIRS = 150  # of a group and a larger one that holds nearly, with one break
_NEAR = 2  # steps of the noise, for these
_LARGER = 2  # groups for each, those that fit best


def patch_evidence(
    samples: Samples, job: dict[str, Any], device: torch.device, deadline: float = math.inf
) -> dict[str, Any]:
    """For each node of the plan, or null: `log2_evidence`, bits for its group over none, and `nearly`, for what is left
    of larger groups; `share` of the best constant's loss that the best of all explains of samples left out, `rows`,
    `seconds`, `cut`: whether the deadline (time.monotonic()) left no time, all are null then.

    Null for the groups that `moved_groups` leaves out, among them those that move labels of more than one component,
    and for all where an element moves pixels off the grid: what that blurs, patches are the first to miss.
    """
    started = time.monotonic()
    plan, position = job["plan"], job["position"]
    channels, h, w = (int(s) for s in samples.x.shape[1:])
    basis = contrasts(samples.outputs) if samples.classification else None
    y = numeric_targets(samples, basis)
    moved = moved_groups(plan, position, (h, w), basis, y.shape[1] <= _LABELS)
    sizes = [size for size in SIZES if size <= min(seen_side((h, w)))]
    none: list[float | None] = [None] * len(moved.groups)
    found: dict[str, Any] = {"log2_evidence": none, "nearly": none, "share": None, "rows": 0, "cut": False}
    if sizes and not any(g is not None and g.off_grid for g in moved.groups):
        copies = min(_COPIES, _affordable(channels, (h, w)))
        rows = free_rows(samples, min(_ROWS, copies // len(moved.actions)), int(job["request"].get("seed") or 0))
        moving = labels_move(plan)
        targets = centred(y[torch.from_numpy(rows)], moving)
        x = torch.from_numpy(samples.x[rows]).to(device)
        x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.std((0, 2, 3), correction=0, keepdim=True) + 1e-12)
        everywhere = bool(plan["nodes"][position]["spec"]["translations"])

        def seen(size: int) -> Seen:
            psi = PatchFeatures(channels, (h, w), size, everywhere)
            copies = compressed([psi(transform_samples(x, a, "image2d")).cpu() for a in moved.actions.values()])
            return Seen(dict(zip(moved.actions, copies, strict=True)), moved.groups, targets, moving)

        said = weighed(seen, sizes, above(plan), position, deadline)
        if said is None:
            found["cut"] = True
        else:
            found["log2_evidence"] = [said.alone.get(p) for p in range(len(none))]
            found["nearly"] = [said.nearly.get(p) for p in range(len(none))]
            found["share"] = _share(samples, rows, said.predicted + (y[torch.from_numpy(rows)] - targets), basis)
        found["rows"] = len(rows)
    return {**found, "seconds": time.monotonic() - started}


def _affordable(channels: int, side: tuple[int, int]) -> int:
    """Copies of images whose patches can be looked at."""
    h, w = seen_side(side)
    return int(_WORK / (FILTERS * h * w * (channels * max(SIZES) ** 2 + 20)))


def _share(samples: Samples, rows: IntArray, predicted: Tensor, basis: FloatArray | None) -> float:
    """The share of the best constant's loss that predictions (n, p) for rows that they were not fitted to explain."""
    y = torch.from_numpy(samples.y[rows])
    lost = squared(predicted, y.double()) if basis is None else bits(log_chances(predicted, basis), y)
    constant = constant_loss(samples, rows, rows)
    return float(1.0 - lost.mean() / max(float(constant.mean()), 1e-12))


@dataclass(frozen=True)
class Seen:
    """What patches of one size make of the copies of samples, (n, r) for each name of a move, and of `targets`."""

    copies: dict[bytes, Tensor]
    groups: Sequence[MovedGroup | None]
    targets: Tensor
    moving: bool

    def _terms(self, positions: Sequence[int], variances: Sequence[float]) -> tuple[list[Tensor], list[Tensor | None]]:
        chosen = [g for p in positions if (g := self.groups[p]) is not None]
        parts = [torch.stack([self.copies[m] for m in g.members], 1) for g in chosen]
        scaled = [math.sqrt(v) * part for v, part in zip(variances, parts, strict=True)]
        return scaled, [None if g.rho is None else torch.from_numpy(g.rho) for g in chosen]

    def scores(self, positions: Sequence[int], variances: Sequence[float], noises: Tensor = NOISES) -> FloatArray:
        """Log evidence at each noise of the sum of one function for each of some groups, of these variances."""
        parts, rho = self._terms(positions, variances)
        return np.asarray(linear_scores(parts, rho, self.targets, shared=self.moving, noises=noises).numpy())

    def predicted(self, position: int, noise: float) -> Tensor:
        """Targets of samples left out, under one group."""
        return predicted_without(*self._terms([position], [1.0]), self.targets, noise)


@dataclass(frozen=True)
class Weighed:
    """Bits for groups over the trivial one, by position, `alone` and as what is left of larger ones (`nearly`); the
    targets `predicted` of samples left out, under the group and with the patches of greatest evidence."""

    alone: dict[int, float]
    nearly: dict[int, float]
    predicted: Tensor


def weighed(
    seen: Callable[[int], Seen], sizes: Sequence[int], upper: Sequence[Collection[int]], trivial: int, deadline: float
) -> Weighed | None:
    """Weigh every group; None when late.

    Nothing at all being explained has half of every group's prior, as without it groups would gain by what they smooth
    where nothing helps. For each group the larger ones are the two of greatest evidence, at the size of patches that
    explains most.
    """
    alone: dict[int, list[float]] = {}
    best: tuple[float, Seen, int, int] | None = None
    for size in sizes:
        now = seen(size)
        for p, group in enumerate(now.groups):
            if group is None:
                continue
            if time.monotonic() > deadline:
                return None
            scores = now.scores([p], [1.0])
            alone.setdefault(p, []).append(_mean(scores))
            if best is None or scores.max() > best[0]:
                best = (float(scores.max()), now, p, int(scores.argmax()))
    if best is None:
        return None
    _, now, winner, place = best
    near = NOISES[max(place - _NEAR, 0) : place + _NEAR + 1]
    nothing = nothing_score(now.targets, shared=now.moving)
    each = max(1, _PAIRS // len(alone))
    nearly: dict[int, list[float]] = {}
    for p in alone:
        larger = sorted((q for q in upper[p] if q in alone), key=lambda q: -max(alone[q]))[:_LARGER]
        for q, e in [(q, e) for e in BREAKS for q in larger][:each]:
            if time.monotonic() > deadline:
                return None
            # Other sizes explain less, and noises far from the best one next to nothing.
            scores = now.scores([q, p], [1.0, e], near)
            nearly.setdefault(p, []).append(float(np.logaddexp.reduce(scores)) - math.log(len(NOISES) * len(sizes)))

    def over_nothing(scores: Sequence[float]) -> float:
        return float(np.logaddexp(nothing, _mean(np.array(scores)))) / math.log(2.0)

    first = over_nothing(alone[trivial])
    return Weighed(
        {p: over_nothing(s) - first for p, s in alone.items()},
        {p: over_nothing(s) - first for p, s in nearly.items()},
        now.predicted(winner, float(NOISES[place])),
    )


def _mean(logs: FloatArray) -> float:
    """The log of the mean of what has these logs."""
    return float(np.logaddexp.reduce(logs)) - math.log(len(logs))
