"""Gaussian processes on a network's features, averaged over a group: how well symmetric read-outs explain labels.

A read-out f(x) = w . psi(x) of features psi, w normal, becomes equivariant by averaging: mean over g of
rho(g)^T w . psi(g x). Its covariance is that of a linear kernel on features averaged over the turned copies, so the
evidence costs no more than least squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.kernels import nothing_scores, regressor_scores

# Prior variance of the weights of features beside that of the network's own outputs, which the training chose.
_SHARES = (0.0, 1.0 / 16.0, 0.25, 1.0)
_SMALL = 1e-9  # of the largest eigenvalue: below it the noise decides


@dataclass(frozen=True)
class Copies:
    """What a network makes of the moved copies of n samples: `features` (n, order, d), `outputs` (n, order, q), both
    float64 and standardised alike for all groups that are compared; `rho` (order, p, p): the orthogonal action of
    the same elements on targets, None where all stay put."""

    features: Tensor
    outputs: Tensor
    rho: Tensor | None = None


def read_out_evidence(copies: Copies, y: Tensor, *, shared: bool) -> float:
    """Log marginal likelihood (nats) of targets y (n, p) under symmetric read-outs.

    Averaged over the noise and over how much the features count beside the outputs, or that nothing is explained at
    all, without which read-outs of small variance, as large groups have, would be the best of what does not help;
    amplitudes as in `models.kernels.evidence`.
    """
    design, free = _design(copies)
    columns = y if copies.rho is None else y.reshape(-1, 1)
    gram, met = design.T @ design, design.T @ columns
    scores = [nothing_scores(columns, shared)]
    for share in _SHARES:
        scale = torch.where(free, math.sqrt(share), 1.0).double()
        scaled = scale[:, None] * gram * scale
        scores.append(regressor_scores(scaled, scale[:, None] * met, columns, _SMALL, shared))
    grid = torch.stack(scores)
    return float(torch.logsumexp(grid.flatten(), 0)) - math.log(grid.numel())


def _design(copies: Copies) -> tuple[Tensor, Tensor]:
    """The averaged regressors, (n, r), and which of them are features, (r,); where labels move (n p, p r) and (p r,), a
    column for each weight of each target."""
    features, outputs = copies.features, copies.outputs
    parts = [outputs / math.sqrt(outputs.shape[2]), torch.ones_like(outputs[..., :1])]
    psi = torch.cat([*parts, features / math.sqrt(features.shape[2])], 2)
    free = torch.arange(psi.shape[2]) > outputs.shape[2]
    return averaged(psi, copies.rho), free if copies.rho is None else free.repeat(copies.rho.shape[1])


def averaged(psi: Tensor, rho: Tensor | None) -> Tensor:
    """The regressors of equivariant read-outs, from what becomes of copies of samples, psi (n, order, r): (n, r), or
    where labels move, rho (order, p, p), (n p, p r), a column for each weight of each target."""
    if rho is None:
        return psi.mean(1)
    n, order, r = psi.shape
    p = rho.shape[1]
    return torch.einsum("igc,gba->iabc", psi, rho).reshape(n * p, p * r) / order
