"""Evidence of the second kind for images: what imposing a group does to read-outs of a witness's features.

The network that knows no symmetry was trained on the other folds. On held-out samples its features, averaged over the
copies that a group makes of a sample, serve as regressors of a Gaussian process; how well these explain the labels,
beside the features of the samples alone, speaks for the group or against it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from models.actions.samples import sham_samples, transform_samples
from models.feature_kernels import Copies, read_out_evidence
from models.groups.finite import FloatArray
from workers.fitting import Fitted, predict
from workers.folds import IntArray
from workers.kernel_evidence import centred, contrasts, drawn, numeric_targets
from workers.moved_groups import MovedGroup, moved_groups
from workers.samples import Samples, labels_move

_ROWS = 1000  # of one fold
_MOVED = 64_000  # copies of one fold's samples
_WEIGHTS = 1000  # of a read-out whose labels move, whose eigendecompositions then take a second or two
_ENTRIES = 20_000_000  # numbers in such a read-out's regressors on all samples of a fold


def feature_evidence(
    samples: Samples, fitted: Fitted, job: dict[str, Any], device: torch.device, deadline: float = math.inf
) -> dict[str, Any]:
    """{log2_evidence: for each node of the plan the bits for its group over none, or null; rows, elements, seconds,
    cut: whether the deadline (time.monotonic()) left no time, all are null then}.

    `fitted`: the networks of the node that the job names, which knows no symmetry. Null for the groups that
    `moved_groups` leaves out, among them label actions on so many classes that a read-out has more than 1,000 weights.
    Where elements move pixels off the grid, the group is compared with the shams of the same elements: samples moved
    and moved back.
    """
    started = time.monotonic()
    plan = job["plan"]
    side = (int(samples.x.shape[-2]), int(samples.x.shape[-1]))
    basis = contrasts(samples.outputs) if samples.classification else None
    y = numeric_targets(samples, basis)
    weights = y.shape[1] * _regressors(fitted, samples, device)
    moved = moved_groups(plan, job["position"], side, basis, weights <= _WEIGHTS)
    groups, actions = moved.groups, moved.actions
    moving = labels_move(plan)
    most = min(_ROWS, _MOVED // max(len(actions), 1))
    if moved.labels_move:
        most = min(most, _ENTRIES // (y.shape[1] * weights))
    seed = int(job["request"].get("seed") or 0)
    bits = np.zeros(len(groups))
    count, cut = 0, False
    for k, test in enumerate(samples.tests):
        rows = test[drawn(samples.cluster[test], most, seed)]
        count += len(rows)
        targets = centred(y[torch.from_numpy(rows)], moving)
        found = _fold(_networks(fitted, samples, k), samples, rows, targets, actions, groups, moving, device, deadline)
        cut = found is None
        if found is None:
            break
        bits += found
    return {
        "log2_evidence": [None if cut or g is None else float(b) for g, b in zip(groups, bits, strict=True)],
        "rows": count,
        "elements": len(actions),
        "cut": cut,
        "seconds": time.monotonic() - started,
    }


def _networks(fitted: Fitted, samples: Samples, fold: int) -> list[nn.Sequential]:
    """The networks of one fold, one for each seed."""
    seeds = len(fitted.networks) // len(samples.splits)
    return [cast(nn.Sequential, network) for network in fitted.networks[fold * seeds : (fold + 1) * seeds]]


def _regressors(fitted: Fitted, samples: Samples, device: torch.device) -> int:
    """Features, outputs and a constant of all seeds' networks."""
    parts = _seen(_networks(fitted, samples, 0), torch.from_numpy(samples.x[:1]).to(device))
    return sum(part.shape[1] for part in parts) + 1


def _fold(
    networks: Sequence[nn.Sequential],
    samples: Samples,
    rows: IntArray,
    targets: Tensor,
    actions: dict[bytes, dict[str, Any]],
    groups: Sequence[MovedGroup | None],
    moving: bool,
    device: torch.device,
    deadline: float,
) -> FloatArray | None:
    """Bits for every group over none on held-out `rows` of one fold, 0 where there is no group; None when late."""
    x = torch.from_numpy(samples.x[rows]).to(device)
    moved = {name: _seen(networks, transform_samples(x, a, "image2d")) for name, a in actions.items()}
    shams = {n: _seen(networks, sham_samples(x, a)) if a["interpolated"] else None for n, a in actions.items()}
    plain = _seen(networks, x)
    every = [*moved.values(), *(s for s in shams.values() if s is not None)]
    units = [_unit(torch.cat([one[part] for one in every])) for part in (0, 1)]

    def evidence(copies: Sequence[tuple[Tensor, Tensor]], rho: FloatArray | None) -> float:
        features, outputs = (
            torch.stack([(one[part] - units[part][0]) / units[part][1] for one in copies], 1) for part in (0, 1)
        )
        found = Copies(features, outputs, None if rho is None else torch.from_numpy(rho))
        return read_out_evidence(found, targets, shared=moving)

    alone = evidence([plain], None)
    bits = np.zeros(len(groups))
    for p, group in enumerate(groups):
        if time.monotonic() > deadline:
            return None
        if group is None:
            continue
        reference = alone
        if group.off_grid:
            reference = evidence([shams[m] or plain for m in group.members], None)
        bits[p] = (evidence([moved[m] for m in group.members], group.rho) - reference) / math.log(2.0)
    return bits


def _seen(networks: Sequence[nn.Sequential], x: Tensor) -> tuple[Tensor, Tensor]:
    """What the networks make of samples before and after their last layer, side by side, (n, d) and (n, q)."""
    features = [predict(network[:-1], x) for network in networks]
    outputs = [predict(network[-1:], f) for network, f in zip(networks, features, strict=True)]
    return torch.cat([f.flatten(1) for f in features], 1).double().cpu(), torch.cat(outputs, 1).double().cpu()


def _unit(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column; columns that hardly vary are left near zero."""
    spread = values.std(0, correction=0)
    return values.mean(0), spread + 1e-6 * spread.max() + 1e-12
