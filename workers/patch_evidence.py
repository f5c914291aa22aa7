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
from models.feature_kernels import averaged
from models.groups.finite import FloatArray
from models.groups.joins import above
from models.kernels import NOISES, nothing_scores
from models.patch_kernels import (
    BREAKS,
    FILTERS,
    SIZES,
    PatchFeatures,
    as_seen,
    compressed,
    linear_scores,
    predicted_without,
    seen_side,
)
from workers.folds import IntArray
from workers.kernel_evidence import centred, contrasts, free_rows, log_chances, numeric_targets
from workers.moved_groups import MovedGroup, MovedGroups, moved_groups
from workers.samples import Samples, constant_loss, labels_move
from workers.witnesses import bits, squared, validation_share

_ROWS = 4000
_COPIES = 24_000  # of samples by all elements
_FEWEST = 50  # samples that say anything
_RESPONSES = 3_000_000_000  # of filters to patches of one size
_LABELS = 1  # component of labels that may move
_PAIRS = 150  # of a group and a larger one that holds nearly, with one break
_NEAR = 2  # steps of the noise, for these
_LARGER = 2  # groups for each, those that fit best


def patch_evidence(
    samples: Samples, job: dict[str, Any], device: torch.device, deadline: float = math.inf
) -> dict[str, Any]:
    """For each node of the plan, or null: `log2_evidence`, bits for its group over none, and `broken`, pairs [position
    of a larger group, bits for what is left of it]; `share` of the best constant's loss that the best of all explains
    of samples left out, `rows`, `seconds`, `cut`: whether the deadline (time.monotonic()) left no time, all are null
    then.

    All are null where a group is left out by `moved_groups` or moves labels of more than one component, where fewer
    than 50 samples count, and where an element moves pixels off the grid: what that blurs, patches miss first.
    """
    started = time.monotonic()
    plan, position = job["plan"], job["position"]
    basis = contrasts(samples.outputs) if samples.classification else None
    y = numeric_targets(samples, basis)
    channels, *side = (int(s) for s in samples.x.shape[1:])
    moved = moved_groups(plan, position, (side[0], side[1]), basis, y.shape[1] <= _LABELS)
    most = _most_rows(channels, (side[0], side[1]), len(moved.actions))
    rows = free_rows(samples, most, int(job["request"].get("seed") or 0))
    none: list[float | None] = [None] * len(moved.groups)
    found: dict[str, Any] = {"log2_evidence": none, "broken": none, "share": None, "rows": len(rows), "cut": False}
    if len(rows) >= _FEWEST and _comparable(plan, position, moved):
        x = as_seen(torch.from_numpy(samples.x[rows]).to(device))
        targets = centred(y[torch.from_numpy(rows)], labels_move(plan))
        said = _said(x, targets, moved, plan, position, deadline)
        found["cut"] = said is None
        if said is not None:
            found["log2_evidence"] = [said.alone.get(p) for p in range(len(none))]
            broken = [said.broken.get(p, {}) for p in range(len(none))]
            found["broken"] = [[[q, bits] for q, bits in more.items()] or None for more in broken]
            found["share"] = _share(samples, rows, said.predicted + (y[torch.from_numpy(rows)] - targets), basis)
    return {**found, "seconds": time.monotonic() - started}


def _most_rows(channels: int, side: tuple[int, int], elements: int) -> int:
    """Samples whose copies can be looked at."""
    h, w = seen_side(side)
    work = FILTERS * h * w * (1.0 + channels * max(SIZES) ** 2 / 200.0)
    return min(_ROWS, min(_COPIES, int(_RESPONSES / work)) // elements)


def _comparable(plan: dict[str, Any], position: int, moved: MovedGroups) -> bool:
    """Whether all groups that take the same translations for granted are known, and keep to the grid."""
    over = plan["nodes"][position]["spec"]["translations"]
    alike = [g for g, n in zip(moved.groups, plan["nodes"], strict=True) if n["spec"]["translations"] == over]
    return all(g is not None and not g.off_grid for g in alike)


def _said(
    x: Tensor, targets: Tensor, moved: MovedGroups, plan: dict[str, Any], position: int, deadline: float
) -> Weighed | None:
    everywhere = bool(plan["nodes"][position]["spec"]["translations"])
    channels, *side = x.shape[1:]

    def seen(size: int) -> Seen | None:
        psi = PatchFeatures(channels, (side[0], side[1]), size, everywhere)
        features = []
        for action in moved.actions.values():
            if time.monotonic() > deadline:
                return None
            features.append(psi(transform_samples(x, action, "image2d")).cpu())
        copies = dict(zip(moved.actions, compressed(features), strict=True))
        return Seen(copies, moved.groups, targets, labels_move(plan))

    sizes = [size for size in SIZES if size <= min(side)]
    return weighed(seen, sizes, above(plan), position, deadline)


def _share(samples: Samples, rows: IntArray, predicted: Tensor, basis: FloatArray | None) -> float:
    """The share of the best constant's loss that predictions (n, p), each from the other samples, explain."""
    y = torch.from_numpy(samples.y[rows])
    lost = squared(predicted, y.double()) if basis is None else bits(log_chances(predicted, basis), y)
    return validation_share([torch.stack([lost, torch.from_numpy(constant_loss(samples, rows, rows))])])


@dataclass(frozen=True)
class Seen:
    """What patches of one size make of the copies of samples, (n, r) for each name of a move, and of `targets`."""

    copies: dict[bytes, Tensor]
    groups: Sequence[MovedGroup | None]
    targets: Tensor
    moving: bool

    @property
    def columns(self) -> Tensor:
        """The targets, or where labels move one column of all their components."""
        return self.targets.reshape(-1, 1) if self.moving else self.targets

    def regressors(self, position: int) -> Tensor:
        """What a group leaves of the features and of a constant, a row for each row of `columns`."""
        group = self.groups[position]
        if group is None:
            raise ValueError("only groups that are known are weighed")
        rho = None if group.rho is None else torch.from_numpy(group.rho)
        if rho is None and self.moving:
            rho = torch.eye(self.targets.shape[1]).double().expand(len(group.members), -1, -1)
        copies = torch.stack([self.copies[m] for m in group.members], 1)
        return averaged(torch.cat([copies, torch.ones_like(copies[..., :1])], 2), rho)

    def scores(self, design: Tensor, noises: Tensor = NOISES) -> FloatArray:
        """Log evidence at each noise under regressors."""
        return np.asarray(linear_scores(design, self.columns, self.moving, noises).numpy())


@dataclass(frozen=True)
class Weighed:
    """Bits for groups over the trivial one, by position, `alone` and as what is left of each larger one (`broken`); the
    targets `predicted` of samples left out, under the group and with the patches of greatest evidence."""

    alone: dict[int, float]
    broken: dict[int, dict[int, float]]
    predicted: Tensor


def weighed(
    seen: Callable[[int], Seen | None],
    sizes: Sequence[int],
    upper: Sequence[Collection[int]],
    trivial: int,
    deadline: float,
) -> Weighed | None:
    """Weigh every group; None when it is too late for that. What is left of larger ones is found for all or none.

    Nothing at all being explained has half of every group's prior, as without it groups would gain by what they smooth
    where nothing helps. For each group the larger ones are the two of greatest evidence, at the size of patches that
    explains most.
    """
    alone: dict[int, list[float]] = {}
    best: tuple[float, Seen, int, int] | None = None
    for size in sizes:
        now = seen(size)
        if now is None:
            return None
        for p, group in enumerate(now.groups):
            if group is None:
                continue
            if time.monotonic() > deadline:
                return None
            scores = now.scores(now.regressors(p))
            alone.setdefault(p, []).append(_mean(scores))
            if best is None or scores.max() > best[0]:
                best = (float(scores.max()), now, p, int(scores.argmax()))
    if best is None:
        return None
    _, now, winner, place = best
    near = NOISES[max(place - _NEAR, 0) : place + _NEAR + 1]
    nothing = float(nothing_scores(now.columns, now.moving)[0])
    breaks = BREAKS[: _PAIRS // (len(alone) * _LARGER)]
    broken: dict[int, dict[int, list[float]]] = {}
    for p in alone:
        if time.monotonic() > deadline:
            broken = {}  # some groups alone would gain by theirs
            break
        larger = sorted((q for q in upper[p] if q in alone), key=lambda q: -max(alone[q]))[:_LARGER] if breaks else []
        designs = {g: now.regressors(g) for g in (p, *larger)} if larger else {}
        for q, e in [(q, e) for e in breaks for q in larger]:
            # Other sizes explain less, and noises far from the best one next to nothing.
            scores = now.scores(torch.cat([designs[q], math.sqrt(e) * designs[p]], 1), near)
            score = float(np.logaddexp.reduce(scores)) - math.log(len(NOISES) * len(sizes))
            broken.setdefault(p, {}).setdefault(q, []).append(score)

    def over_nothing(scores: Sequence[float]) -> float:
        return float(np.logaddexp(nothing, _mean(np.array(scores)))) / math.log(2.0)

    first = over_nothing(alone[trivial])
    return Weighed(
        {p: over_nothing(s) - first for p, s in alone.items()},
        {p: {q: over_nothing(s) - first for q, s in more.items()} for p, more in broken.items()},
        predicted_without(now.regressors(winner), now.columns, float(NOISES[place])).view_as(now.targets),
    )


def _mean(logs: FloatArray) -> float:
    """The log of the mean of what has these logs."""
    return float(np.logaddexp.reduce(logs)) - math.log(len(logs))
