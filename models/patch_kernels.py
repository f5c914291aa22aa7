"""Gaussian processes that see an image by its patches, averaged over a group.

f(x) is a sum over the patches of x of h(patch), h a random function (convolutional Gaussian processes, van der Wilk et
al., 2017, arXiv:1709.01894): what textures, edges and small shapes can tell, learned from few samples. The covariance
of h is the sum of the arc-cosine kernels of orders one and two (Cho and Saul, 2009), by random filters: relu(v . patch)
and its square are features. Nothing is fitted to labels, so all samples can be weighed. Averaging over a group G makes
f symmetric under it, as in `models.feature_kernels`.

Besides "f is symmetric under H" stands "f is nearly symmetric under a larger group G": f = f_G + sqrt(e) f_H.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.kernels import NOISES, noise_scores, ridge_scores

SIZES = (3, 5, 7)  # sides of patches, in pixels
BREAKS = (0.02, 0.06, 0.2)  # e: prior variance of what breaks a symmetry, beside that of what keeps it
FILTERS = 1000
_COMPONENTS = 500  # of the features of all copies: what is left out has next to no variance
_SIDE = 20  # pixels; larger images are seen as coarsely
_FLAT = 1e-6  # spread of a channel, beside its largest value, below which it is taken for constant
_WINDOW = 0.5  # of half the side of the image: how far a filter that knows positions looks
_VALUES = 4_000_000  # responses computed at once


class PatchFeatures:
    """psi(x) (n, 2 filters) of images (n, c, h, w): the mean over positions of relu(v . patch), and of its square.

    `everywhere`: all positions count alike, so that translations are taken for granted; else each filter looks through
    a window of its own at a random place. Filters come in orthogonal sets, which follow the kernel more closely.
    """

    def __init__(self, channels: int, side: tuple[int, int], size: int, everywhere: bool, filters: int = FILTERS):
        rng = torch.Generator().manual_seed(size)
        d = channels * size * size
        sets = torch.randn(-(-filters // d), d, min(d, filters), generator=rng)
        turns, upper = torch.linalg.qr(sets)
        turns = turns * upper.diagonal(dim1=1, dim2=2).sign()[:, None]  # so that turns are uniform
        directions = turns.transpose(1, 2).flatten(0, 1)[:filters]
        self.filters = math.sqrt(d) / size * directions.T  # (d, filters)
        self.size, self.windows = size, None
        if not everywhere:
            h, w = (s - size + 1 for s in side)
            y, x = torch.linspace(-1.0, 1.0, h)[:, None, None], torch.linspace(-1.0, 1.0, w)[:, None]
            where = 2.0 * torch.rand(2, filters, generator=rng) - 1.0
            windows = torch.exp(-((y - where[0]) ** 2 + (x - where[1]) ** 2) / (2.0 * _WINDOW**2)).flatten(0, 1)
            self.windows = windows / windows.mean(0)  # (positions, filters)

    def __call__(self, x: Tensor) -> Tensor:
        parts = []
        for image in x.split(max(1, _VALUES // (x[0, 0].numel() * self.filters.shape[1]))):
            response = (F.unfold(image, self.size).transpose(1, 2) @ self.filters.to(x.device)).relu_()
            seen = response if self.windows is None else response * self.windows.to(x.device)
            parts.append(torch.cat([seen.mean(1), (seen * response).mean(1)], 1))
        return torch.cat(parts)


def seen_side(side: tuple[int, int]) -> tuple[int, int]:
    """The size at which images are seen."""
    return min(side[0], _SIDE), min(side[1], _SIDE)


def as_seen(x: Tensor) -> Tensor:
    """Images (n, c, h, w) at the size at which they are seen, each channel of mean 0 and variance 1, or all zeros where
    it does not vary or is no number; moves that keep to the grid commute with it."""
    side = seen_side((int(x.shape[-2]), int(x.shape[-1])))
    x = torch.cat([F.adaptive_avg_pool2d(part.double(), side) for part in x.split(100)])
    spread = x.std((0, 2, 3), correction=0, keepdim=True)
    varies = spread > _FLAT * x.abs().amax((0, 2, 3), keepdim=True)
    x = torch.where(varies, (x - x.mean((0, 2, 3), keepdim=True)) / spread.clamp_min(1e-300), 0.0)
    return x.float()


def compressed(features: Sequence[Tensor]) -> list[Tensor]:
    """The features (n, d) of every moved copy, standardised, on the axes along which they vary most, alike for all
    copies; float64, of total variance one at most (randomised subspace iteration; Halko et al., arXiv:0909.4061)."""
    every = torch.cat(list(features))
    shift, spread = every.mean(0), every.std(0, correction=0)
    every.sub_(shift).div_((spread + 1e-6 * spread.max() + 1e-12) * math.sqrt(every.shape[1]))
    start = torch.randn(every.shape[1], _COMPONENTS, generator=torch.Generator().manual_seed(0))
    axes = torch.linalg.qr(every.T @ (every @ start)).Q
    return [part.double() for part in (every @ axes).split([len(f) for f in features])]


def linear_scores(design: Tensor, columns: Tensor, shared: bool, noises: Tensor = NOISES) -> Tensor:
    """Log marginal likelihoods (nats) at `noises` of columns (m, p) under a linear kernel on regressors (m, r).

    By whichever is smaller, the covariance of the rows or that of the weights.
    """
    if len(design) > design.shape[1]:
        return ridge_scores(design.T @ design, design.T @ columns, columns, shared, noises)
    values, vectors = torch.linalg.eigh(design @ design.T)
    squares = (vectors.T @ columns) ** 2
    nothing = torch.zeros_like(squares[0])
    return noise_scores(values.clamp_min(0.0), squares, nothing, len(columns), shared, noises=noises)


def predicted_without(design: Tensor, columns: Tensor, noise: float) -> Tensor:
    """What the same process at this noise makes of each of the columns' rows from all the others, (m, p)."""
    inverse = torch.linalg.inv(design.T @ design + noise * torch.eye(design.shape[1]).double())
    reach = design @ inverse
    fitted, own = reach @ (design.T @ columns), (reach * design).sum(1, keepdim=True)
    without: Tensor = columns - (columns - fitted) / (1.0 - own).clamp_min(1e-9)
    return without
