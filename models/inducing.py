"""Gaussian processes under groups on many samples: a lower bound of the evidence, from inducing points.

With Z some of the samples and Q = K_xz K_zz^-1 K_zx, the covariance of what values on Z tell of those on x,

    log p(y) >= log N(y | 0, Q + noise) - sum over i of log(1 + (K - Q)_ii / noise) / 2

(Titsias 2025, arXiv:2502.08730, and Bui et al. 2025, arXiv:2502.04750; tighter than Titsias 2009, which has t for
log(1 + t)). GPyTorch has the bound of 2009 for one noise and amplitude at a time; to give it these kernels, several
targets, and amplitudes that are integrated out would take more lines than are here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.kernels import LENGTHS, Evidence, Kernel, over_grid, regressor_scores

# Those of the exact evidence and greater ones. Many samples show signals that few do not; where the grid ends too soon
# for these, groups gain, whose averaged functions are smaller.
NOISES = torch.logspace(-5, 3, 17, dtype=torch.float64)
_CHUNK = 400_000  # covariances held at once
_SMALL = 1e-11  # of the largest eigenvalue: smaller ones are left out, which lowers the bound


@dataclass(frozen=True)
class Bound(Evidence):
    """A lower bound of the evidence. `lost`: nats of it, at the best grid point, for what Z does not tell."""

    lost: float


def evidence_bound(kernel: Kernel, x: Tensor, y: Tensor, z: Tensor, *, shared: bool = False) -> Bound:
    """The bound for targets y (n, p) of samples x (n, d) from inducing points z (m, d); else as `kernels.evidence`.

    Memory grows with m squared, not with n m.
    """
    columns = y if kernel.width == 1 else y.reshape(-1, 1)
    prepared = kernel.prepare(z)
    scores, losses = [], []
    for length in LENGTHS:
        values, vectors = torch.linalg.eigh(kernel.between(z, prepared, length))
        kept = values > _SMALL * values[-1:]
        root = vectors[:, kept] / values[kept].sqrt()
        gram, met = (
            torch.zeros(root.shape[1], root.shape[1]).double(),
            torch.zeros(root.shape[1], columns.shape[1]).double(),
        )
        lost = torch.zeros_like(NOISES)
        rows = max(1, _CHUNK // (len(root) * kernel.width))
        for part, told in zip(x.split(rows), columns.split(rows * kernel.width), strict=True):
            features = kernel.between(part, prepared, length) @ root  # Q = features features^T
            gram += features.T @ features
            met += features.T @ told
            rest = (kernel.diagonal(part, length) - features.square().sum(1)).clamp_min(0.0)
            lost += 0.5 * torch.log1p(rest / NOISES[:, None]).sum(1)
        scores.append(regressor_scores(gram, met, columns, _SMALL, shared, noises=NOISES, lost=lost))
        losses.append(lost)
    grid = torch.stack(scores)
    found = over_grid(grid, NOISES)
    lost = torch.stack(losses).flatten()[int(grid.argmax())]
    return Bound(found.log_evidence, found.length, found.noise, float(lost) * columns.shape[1])
