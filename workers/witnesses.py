"""What one predictor says: its held-out losses, and how much worse it does on moved samples.

A witness is a list of predictors, one per fold, each mapping samples to outputs. Element classes that the predictor is
invariant to by construction are left out (NaN): it cannot testify about them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.actions.samples import sham_samples, transform_labels, transform_samples
from workers.fitting import Fitted, sample_losses
from workers.folds import Array
from workers.samples import Samples, class_actions

Predictor = Callable[[Tensor], Tensor]
LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Testimony:
    """`base`: loss of each witness row; `excess`: (classes, rows), loss on moved samples minus base, mean over g, g^-1.

    `constant`: the best constant's loss in the same unit. `share`: what it learned on validation samples inside its
    training folds, which fixes its weight; None where none were kept. `bounded`: the excess again, of losses cut off at
    `bound`.
    """

    name: str
    base: Array
    excess: Array
    constant: Array
    bounded: Array
    bound: float
    share: float | None = None


def bits(outputs: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy in bits."""
    return sample_losses(outputs, y, True) / float(np.log(2.0))


def squared(outputs: Tensor, y: Tensor) -> Tensor:
    """Squared error, mean over targets."""
    return sample_losses(outputs, y, False)


def testimony(
    name: str,
    predictors: Sequence[Predictor],
    samples: Samples,
    targets: Tensor,
    loss: LossFunction,
    job: dict[str, Any],
    blind: set[int],
    constant: Array,
    device: torch.device,
) -> Testimony:
    """Let `predictors[k]` testify on the witness rows of fold k about every class outside `blind`.

    Where moving x interpolates, the loss is compared with that on the sham: x moved and moved back.
    """
    domain = job["dataset"]["domain"]
    bound = loss_bound(samples)
    base, excess, bounded = [], [], []
    for predictor, rows in zip(predictors, samples.tests, strict=True):
        x = torch.from_numpy(samples.x[rows]).to(device)
        y = targets[torch.from_numpy(rows)].to(device)
        plain = loss(predictor(x), y)
        base.append(plain.double().cpu().numpy())
        moved = np.full((2, len(job["plan"]["classes"]), len(rows)), np.nan)
        for c, actions in enumerate(class_actions(job["plan"])):
            if c in blind:
                continue
            turned = []
            for a in actions:
                unmoved = loss(predictor(sham_samples(x, a)), y) if a.get("interpolated") else plain
                lost = loss(predictor(transform_samples(x, a, domain)), transform_labels(y, a))
                turned.append(torch.stack([lost - unmoved, lost.clamp(max=bound) - unmoved.clamp(max=bound)]))
            moved[:, c] = torch.stack(turned).mean(0).double().cpu().numpy()
        excess.append(moved[0])
        bounded.append(moved[1])
    together = [np.concatenate(parts, axis=1) for parts in (excess, bounded)]
    return Testimony(name, np.concatenate(base), together[0], constant, together[1], bound)


def loss_bound(samples: Samples) -> float:
    """Where bounded losses are cut off: twice the bits of a uniform guess; four times the variance of the targets."""
    return 2.0 * float(np.log2(samples.outputs)) if samples.classification else 4.0


def fold_predictors(fitted: Fitted, samples: Samples) -> list[Predictor]:
    """One predictor per fold: the networks come fold by fold, the seeds of one next to each other."""
    seeds = len(fitted.networks) // len(samples.splits)
    return [_mean_predictor(fitted, range(k * seeds, (k + 1) * seeds)) for k in range(len(samples.splits))]


def validation_share(losses: Sequence[Tensor]) -> float:
    """The share of the best constant's loss that a witness learned, on validation samples, less one standard error.

    `losses`: of the witness and of the constant, (2, samples) for each network or fold. A few samples that happen to be
    easy must not put a witness before the others. 0 where there are none, as in folds of a single cluster.
    """
    own, constant = torch.cat(list(losses), dim=1).double()
    gain = constant - own
    if not len(gain):
        return 0.0
    error = float(gain.std()) / math.sqrt(len(gain)) if len(gain) > 1 else math.inf
    return max((float(gain.mean()) - error) / max(float(constant.mean()), 1e-12), 0.0)


def _mean_predictor(fitted: Fitted, members: Sequence[int]) -> Predictor:
    """The mean of several networks' calibrated outputs."""

    def call(x: Tensor) -> Tensor:
        outputs = [fitted.predict(k, x) for k in members]
        return torch.stack(outputs).mean(0)

    return call
