"""Striding and nonlinearities that alias little: a low-pass before the stride, a finer grid under the ReLU.

Both are matrix products along rows and columns, symmetric about the centre, so that grid symmetries stay exact.
Low-pass before a stride: Zhang (2019, arXiv:1904.11486); nonlinearities on a finer grid: Karras et al. (2021,
arXiv:2106.12423).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FloatArray = NDArray[np.float64]

_CROSSINGS = 6  # zeros of the interpolating sinc on either side
_GAUSSIAN = 0.5  # standard deviation in pixels of the low-pass after the nonlinearity


class BlurPool2d(nn.Module):
    """(..., height, width) -> (..., ceil(height / 2), ceil(width / 2)): a binomial low-pass, then every second value.

    Kept values lie symmetric about the centre when a side and the number of taps are both odd or both even; without
    `taps` each side takes the one of 5 and 6 that fits. Beyond the border the weights of what is there are scaled up to
    sum 1. Raises ValueError for taps that do not fit.
    """

    def __init__(self, height: int, width: int, taps: int | None = None) -> None:
        super().__init__()
        if taps is not None and (taps < 2 or any((side - taps) % 2 for side in (height, width))):
            raise ValueError(
                f"a low-pass of {taps} taps and stride 2 would break right angles on {height} x {width} pixels: it "
                f"fits sides that are both {'odd' if taps % 2 else 'even'}, as {height + (height - taps) % 2} x "
                f"{width + (width - taps) % 2}; without `taps` every size works"
            )
        each = [taps or 6 - side % 2 for side in (height, width)]
        self.title = f"{height}x{width}, binomial of {each[0]}x{each[1]} taps"
        self.rows: Tensor
        self.columns: Tensor
        self.register_buffer("rows", _tensor(_blurred(height, each[0])), persistent=False)
        self.register_buffer("columns", _tensor(_blurred(width, each[1]).T), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.rows @ (x @ self.columns)

    def fold(self) -> nn.Module:
        """Two matrix products already."""
        return self

    def extra_repr(self) -> str:
        return self.title


class OversampledReLU(nn.Module):
    """(..., height, width) -> the same shape: ReLU between the grid's points as well, so that less of it aliases.

    Interpolates to twice as fine a grid, applies `pointwise` there (the ReLU unless given; it may act on channels), and
    comes back through a Gaussian of half a pixel: of all low-passes along rows and columns the one that treats every
    direction alike. A sharper one keeps the corners of the spectrum, which no turn keeps.
    """

    def __init__(self, height: int, width: int, pointwise: nn.Module | None = None) -> None:
        super().__init__()
        self.title = f"{height}x{width}"
        self.pointwise = pointwise or nn.ReLU()
        up = [_finer(side) for side in (height, width)]
        down = [_coarser(side) for side in (height, width)]
        self.rows_up: Tensor
        self.columns_up: Tensor
        self.rows_down: Tensor
        self.columns_down: Tensor
        self.register_buffer("rows_up", _tensor(up[0]), persistent=False)
        self.register_buffer("columns_up", _tensor(up[1].T), persistent=False)
        self.register_buffer("rows_down", _tensor(down[0]), persistent=False)
        self.register_buffer("columns_down", _tensor(down[1].T), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        fine: Tensor = self.pointwise(self.rows_up @ (x @ self.columns_up))
        return self.rows_down @ (fine @ self.columns_down)

    def fold(self) -> nn.Module:
        """Matrix products around a ReLU already."""
        return self

    def extra_repr(self) -> str:
        return self.title


def _blurred(side: int, taps: int) -> FloatArray:
    """(ceil(side / 2), side): binomial weights about every second place, symmetric about the centre, rows of sum 1."""
    binomial = np.array([math.comb(taps - 1, t) for t in range(taps)], dtype=np.float64)
    count = (side + 1) // 2
    first = -((taps - 1) // 2)
    matrix = np.zeros((count, side))
    for row in range(count):
        for t, weight in enumerate(binomial):
            place = first + 2 * row + t
            if 0 <= place < side:
                matrix[row, place] = weight
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def _finer(side: int) -> FloatArray:
    """(2 side, side): a windowed sinc read a quarter of a pixel to either side of each point."""

    def sinc(away: FloatArray) -> FloatArray:
        return np.asarray(np.sinc(away) * np.cos(0.5 * np.pi * away / _CROSSINGS) ** 2)

    return _weights(np.asarray((np.arange(2 * side) - 0.5) / 2.0), side, _CROSSINGS, sinc)


def _coarser(side: int) -> FloatArray:
    """(side, 2 side): a Gaussian about each point, over the points of the finer grid."""

    def gaussian(away: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-0.5 * (away / (2.0 * _GAUSSIAN)) ** 2))

    return _weights(np.asarray(2.0 * np.arange(side) + 0.5), 2 * side, 12.0 * _GAUSSIAN, gaussian)


def _weights(
    places: FloatArray, points: int, reach: float, of_distance: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """(places, points): weights by the distance to points 0, 1, ..., mirrored at both ends; rows of sum 1."""
    matrix = np.zeros((len(places), points))
    for source in range(-math.ceil(reach), points + math.ceil(reach)):
        away = places - source
        inside = source % (2 * points)
        matrix[:, min(inside, 2 * points - 1 - inside)] += np.where(np.abs(away) < reach, of_distance(away), 0.0)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def _tensor(matrix: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(matrix)).to(torch.get_default_dtype())
