"""Gaussian processes whose kernel is averaged over a group: exact evidence for vectors and few samples.

K_G(x, x') = mean over g of k(x, g x'), k the squared exponential, is the covariance of the group average of a random
function, so its marginal likelihood weighs fit and simplicity of "the function is G-invariant" in one number
(van der Wilk et al., 2018, arXiv:1808.05563).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.special import logsumexp

from models.actions.scaling import embedded_maps, invariant_scaling
from models.groups.action import ActingGroup
from models.groups.finite import FloatArray

LENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times sqrt(d), in standard deviations
NOISES = tuple(float(v) for v in np.logspace(-5, 0.5, 12))  # noise variance over signal variance


@dataclass(frozen=True)
class Evidence:
    """`log_evidence` in nats, averaged over the grid of lengths and noises; the grid point of greatest likelihood."""

    log_evidence: float
    length: float
    noise: float


class InvariantKernel:
    """The group-averaged kernel on vectors (n, d), after a scaling of x that commutes with the group."""

    def __init__(self, acting: ActingGroup, x: FloatArray) -> None:
        self.shift, self.scale = invariant_scaling(x, acting)
        self.maps = embedded_maps(acting, x.shape[1])

    def gram(self, a: FloatArray, b: FloatArray, length: float) -> FloatArray:
        """K_G(a_i, b_j), (len(a), len(b))."""
        a = (a - self.shift) @ self.scale.T
        b = (b - self.shift) @ self.scale.T
        width = length * np.sqrt(a.shape[1])
        total = np.zeros((len(a), len(b)))
        for g in self.maps:
            moved = b @ g.T
            squares = (a**2).sum(1)[:, None] + (moved**2).sum(1)[None] - 2.0 * a @ moved.T
            total += np.exp(np.maximum(squares, 0.0) / (-2.0 * width**2))
        return np.asarray(total / len(self.maps))


def evidence(kernel: InvariantKernel, x: FloatArray, y: FloatArray) -> Evidence:
    """Log marginal likelihood of targets y (n, p), centred, under the kernel; the amplitude is profiled out."""
    n, p = y.shape
    scores, points = [], []
    for length in LENGTHS:
        values, vectors = eigh(kernel.gram(x, x, length), driver="evd", overwrite_a=True, check_finite=False)
        rotated = (vectors.T @ y) ** 2
        for noise in NOISES:
            spectrum = np.maximum(values, 0.0) + noise
            amplitude = np.maximum((rotated / spectrum[:, None]).sum(0) / n, 1e-300)
            fit = -0.5 * n * np.log(2.0 * np.pi * amplitude) - 0.5 * n
            scores.append(float(fit.sum() - 0.5 * p * np.log(spectrum).sum()))
            points.append((length, noise))
    best = points[int(np.argmax(scores))]
    return Evidence(float(logsumexp(scores) - np.log(len(scores))), *best)


class Regressor:
    """The posterior mean of the process, fitted at the grid point of greatest likelihood."""

    def __init__(self, acting: ActingGroup, x: FloatArray, y: FloatArray) -> None:
        self.kernel = InvariantKernel(acting, x)
        self.x, self.mean = x, y.mean(0)
        self.found = evidence(self.kernel, x, y - self.mean)
        gram = self.kernel.gram(x, x, self.found.length)
        factor = cho_factor(gram + (self.found.noise + 1e-9) * np.eye(len(x)))
        self.weights = cho_solve(factor, y - self.mean)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Predicted targets, (n, p)."""
        return np.asarray(self.kernel.gram(x, self.x, self.found.length) @ self.weights + self.mean)
