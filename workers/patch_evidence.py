"""Evidence of the second kind for images, without a network: Gaussian processes that see patches, under each group.

They learn textures and small shapes from fewer samples than a network does, and are fitted to none, so all samples
count. Each group is weighed alone, and as what is left of a larger group that holds nearly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from models.actions.samples import transform_samples
from models.groups.joins import above
from models.patch_kernels import (
    BREAKS,
    FILTERS,
    SIZES,
    PatchFeatures,
    compressed,
    linear_scores,
    mean_of,
    nothing_score,
    seen_side,
)
from workers.kernel_evidence import centred, contrasts, free_rows, numeric_targets
from workers.moved_groups import MovedGroup, moved_groups
from workers.samples import Samples, labels_move

_ROWS = 4000
_COPIES = 24_000  # of samples by all elements
_WORK = 1_000_000_000_000  # multiplications for patches of one size
_LABELS = 2  # components of labels that may move
_PAIRS = 150  # of a group and a larger one that holds nearly, with one break
_LARGER = 2  # groups for each, those that fit best

Fit = Callable[..., Tensor]  # log evidence at each noise, of positions of groups and the variances of their functions


def patch_evidence(
    samples: Samples, job: dict[str, Any], device: torch.device, deadline: float = math.inf
) -> dict[str, Any]:
    """For each node of the plan, or null: `log2_evidence`, bits for its group over none, and `nearly`, for what is left
    of larger groups; `size` of the patches that explain most, `rows`, `seconds`, `cut`: whether the deadline
    (time.monotonic()) left no time, all are null then.

    Null for the groups that `moved_groups` leaves out, among them those that move labels of more than two components,
    and for all where an element moves pixels off the grid: what that blurs, patches are the first to miss.
    """
    started = time.monotonic()
    plan, position = job["plan"], job["position"]
    channels, h, w = (int(s) for s in samples.x.shape[1:])
    basis = contrasts(samples.outputs) if samples.classification else None
    y = numeric_targets(samples, basis)
    moved = moved_groups(plan, position, (h, w), basis, y.shape[1] <= _LABELS)
    sizes = [size for size in SIZES if size <= min(seen_side((h, w)))]
    found = {"log2_evidence": [None] * len(moved.groups), "nearly": [None] * len(moved.groups), "rows": 0, "cut": False}
    if sizes and not any(g is not None and g.off_grid for g in moved.groups):
        copies = min(_COPIES, _affordable(channels, (h, w)))
        rows = free_rows(samples, min(_ROWS, copies // len(moved.actions)), int(job["request"].get("seed") or 0))
        moving = labels_move(plan)
        targets = centred(y[torch.from_numpy(rows)], moving)
        x = torch.from_numpy(samples.x[rows]).to(device)
        x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.std((0, 2, 3), keepdim=True) + 1e-12)
        everywhere = bool(plan["nodes"][position]["spec"]["translations"])

        def fits(size: int) -> Fit:
            psi = PatchFeatures(channels, (h, w), size, everywhere)
            seen = compressed([psi(transform_samples(x, a, "image2d")).cpu() for a in moved.actions.values()])
            return _fits(dict(zip(moved.actions, seen, strict=True)), moved.groups, targets, moving)

        nothing = nothing_score(targets, shared=moving)
        known = [p for p, g in enumerate(moved.groups) if g is not None]
        bits = _weighed(fits, sizes, known, above(plan), position, nothing, deadline)
        found |= {"cut": True} if bits is None else _by_node(bits, len(moved.groups))
        found["rows"] = len(rows)
    return {**found, "seconds": time.monotonic() - started}


def _affordable(channels: int, side: tuple[int, int]) -> int:
    """Copies of images whose patches can be looked at."""
    h, w = seen_side(side)
    return int(_WORK / (FILTERS * h * w * (channels * max(SIZES) ** 2 + 20)))


def _fits(
    seen: dict[bytes, Tensor], groups: Sequence[MovedGroup | None], targets: Tensor, moving: bool
) -> Fit:
    """Scores of the sum of one function for each of some groups, of these variances."""

    def fit(positions: Sequence[int], variances: Sequence[float]) -> Tensor:
        chosen = [g for p in positions if (g := groups[p]) is not None]
        parts = [torch.stack([seen[m] for m in g.members], 1) for g in chosen]
        scaled = [math.sqrt(v) * part for v, part in zip(variances, parts, strict=True)]
        rho = [None if g.rho is None else torch.from_numpy(g.rho) for g in chosen]
        return linear_scores(scaled, rho, targets, shared=moving)

    return fit


def _weighed(
    fits: Callable[[int], Fit],
    sizes: Sequence[int],
    known: Sequence[int],
    upper: Sequence[Collection[int]],
    trivial: int,
    nothing: float,
    deadline: float,
) -> tuple[dict[int, float], dict[int, float]] | None:
    """Bits for each of the `known` groups over the trivial one, alone and as what is left of larger ones; None when late.

    Nothing at all being explained has half of every group's prior, as in `models.feature_kernels`. The larger groups
    are the two of greatest evidence at the size of patches that explains most, which alone is looked at there.
    """
    scores: dict[int, list[float]] = {p: [] for p in known}
    most, best = -math.inf, None
    for size in sizes:
        fit = fits(size)
        for p in known:
            if time.monotonic() > deadline:
                return None
            scores[p].append(mean_of(fit([p], [1.0])))
        top = max(s[-1] for s in scores.values())
        if top > most:
            most, best = top, fit
    assert best is not None
    place = max(range(len(sizes)), key=lambda k: max(s[k] for s in scores.values()))

    def bits(values: Sequence[float]) -> float:
        return float(torch.logaddexp(torch.tensor(nothing), torch.tensor(mean_of(torch.tensor(values))))) / math.log(2.0)

    alone = {p: bits(s) for p, s in scores.items()}
    each = max(1, _PAIRS // len(known))
    nearly: dict[int, list[float]] = {}
    for p in known:
        larger = sorted((q for q in upper[p] if q in scores), key=lambda q: -scores[q][place])[:_LARGER]
        for q, e in [(q, e) for e in BREAKS for q in larger][:each]:
            if time.monotonic() > deadline:
                return None
            nearly.setdefault(p, []).append(mean_of(best([q, p], [1.0, e])) - math.log(len(sizes)))
    first = alone[trivial]
    return {p: b - first for p, b in alone.items()}, {p: bits(s) - first for p, s in nearly.items()}


def _by_node(bits: tuple[dict[int, float], dict[int, float]], nodes: int) -> dict[str, list[float | None]]:
    alone, nearly = bits
    return {
        "log2_evidence": [alone.get(p) for p in range(nodes)],
        "nearly": [nearly.get(p) for p in range(nodes)],
    }
