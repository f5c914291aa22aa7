"""Gaussian processes whose kernel is averaged over a group: exact evidence for vectors and few samples.

K_G(x, x') = mean over g of k(x, g x'), k the squared exponential, is the covariance of the group average of a random
function, so its marginal likelihood weighs fit and simplicity of "the function is G-invariant" in one number
(van der Wilk et al., 2018, arXiv:1808.05563).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.actions.scaling import embedded_maps, invariant_scaling
from models.groups.action import ActingGroup

LENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times sqrt(d), in standard deviations
NOISES = torch.logspace(-5, 0.5, 12, dtype=torch.float64)  # noise variance over signal variance


@dataclass(frozen=True)
class Evidence:
    """`log_evidence` in nats, averaged over the grid of lengths and noises; the grid point of greatest likelihood."""

    log_evidence: float
    length: float
    noise: float


class InvariantKernel:
    """The group-averaged kernel on vectors (n, d) float64, after a scaling of x that commutes with the group."""

    def __init__(self, acting: ActingGroup, x: Tensor) -> None:
        shift, scale = invariant_scaling(x.numpy(), acting)
        self.shift, self.scale = torch.from_numpy(shift), torch.from_numpy(scale)
        self.maps = torch.from_numpy(embedded_maps(acting, x.shape[1]))

    def gram(self, a: Tensor, b: Tensor, length: float) -> Tensor:
        """K_G(a_i, b_j), (len(a), len(b))."""
        a, b = (a - self.shift) @ self.scale.T, (b - self.shift) @ self.scale.T
        width = length * math.sqrt(a.shape[1])
        total = torch.zeros(len(a), len(b), dtype=torch.float64)
        for g in self.maps:
            moved = b @ g.T
            squares = (a**2).sum(1)[:, None] + (moved**2).sum(1)[None] - 2.0 * a @ moved.T
            total += torch.exp(squares.clamp_min(0.0) / (-2.0 * width**2))
        return total / len(self.maps)


def evidence(kernel: InvariantKernel, x: Tensor, y: Tensor) -> Evidence:
    """Log marginal likelihood of targets y (n, p), centred, under the kernel; the amplitude is profiled out."""
    n, p = y.shape
    scores = []
    for length in LENGTHS:
        values, vectors = torch.linalg.eigh(kernel.gram(x, x, length))
        spectra = values.clamp_min(0.0)[None] + NOISES[:, None]  # (noises, n)
        amplitude = ((1.0 / spectra) @ (vectors.T @ y) ** 2 / n).clamp_min(1e-300)  # (noises, p)
        fit = -0.5 * n * torch.log(2.0 * torch.pi * amplitude) - 0.5 * n
        scores.append(fit.sum(1) - 0.5 * p * torch.log(spectra).sum(1))
    grid = torch.stack(scores)
    best = int(grid.argmax())
    average = float(torch.logsumexp(grid.flatten(), 0)) - math.log(grid.numel())
    return Evidence(average, LENGTHS[best // len(NOISES)], float(NOISES[best % len(NOISES)]))


class Regressor:
    """The posterior mean of the process, fitted at the grid point of greatest likelihood."""

    def __init__(self, acting: ActingGroup, x: Tensor, y: Tensor) -> None:
        self.kernel = InvariantKernel(acting, x)
        self.x, self.mean = x, y.mean(0)
        self.found = evidence(self.kernel, x, y - self.mean)
        gram = self.kernel.gram(x, x, self.found.length)
        factor = torch.linalg.cholesky(gram + (self.found.noise + 1e-9) * torch.eye(len(x), dtype=torch.float64))
        self.weights = torch.cholesky_solve(y - self.mean, factor)

    def __call__(self, x: Tensor) -> Tensor:
        """Predicted targets, (n, p)."""
        return self.kernel.gram(x, self.x, self.found.length) @ self.weights + self.mean
