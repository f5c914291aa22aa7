"""Turning and scaling images off the grid, with as little loss as band-limited interpolation allows.

A turn is an exact quarter turn of a padded square frame and three shears by Fourier shifts of rows and columns (Unser,
Thevenaz & Yaroslavsky 1995, IEEE Trans. Image Process. 4(10), doi:10.1109/83.469963); what is left for the shears is at
most 45 degrees. A scaling is a separable windowed sinc whose band shrinks with the picture, so that nothing folds over.
Coordinates are (x right, y down) about the centre of the image; (g.x)(p) = x(g^-1 p).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.groups.finite import FloatArray, Map

_FRAME = 1.5  # side of the padded frame over the larger side of the image: room for the corners of sheared rows
_TAPS = 6  # zero crossings of the sinc on either side
_CHUNK = 512  # samples that are worked on at once


@dataclass(frozen=True)
class Similarity:
    """A map of the plane taken apart: mirror x -> -x first (or not), then a scaling, a quarter turn times `quarters`,
    and a turn by `degrees` in (-45, 45]."""

    mirrored: bool
    factor: float
    quarters: int
    degrees: float


def similarity(matrix: Map) -> Similarity:
    """The parts of a 2 x 2 similarity. Raises ValueError for any other matrix."""
    m = np.asarray(matrix, dtype=np.float64)
    determinant = float(np.linalg.det(m))
    factor = math.sqrt(abs(determinant))
    if factor < 1e-9 or not np.allclose(m @ m.T, factor**2 * np.eye(2), atol=1e-6 * factor**2):
        raise ValueError("only turns, mirrors, scalings and their products act on images")
    mirrored = determinant < 0
    turn = (m @ np.diag([-1.0, 1.0]) if mirrored else m) / factor
    degrees = math.degrees(math.atan2(turn[1, 0], turn[0, 0]))
    quarters = math.ceil((degrees - 45.0 - 1e-9) / 90.0)
    rest = degrees - 90.0 * quarters
    return Similarity(mirrored, 1.0 if abs(factor - 1.0) < 1e-9 else factor, quarters % 4, _tidy(rest))


def move(x: Tensor, parts: Similarity) -> Tensor:
    """The moved images, (..., h, w), of the same shape: what leaves the frame is lost, what enters is zero."""
    return _by_chunks(x, lambda part: _move(part, parts))


def move_and_return(x: Tensor, parts: Similarity) -> Tensor:
    """The sham: every interpolation of `move` and then its inverse, so that the loss is there and the move is not."""

    def there_and_back(part: Tensor) -> Tensor:
        for angle in (parts.degrees, -parts.degrees):
            part = turn(part, 0, angle)
        if parts.factor != 1.0:
            part = scale(scale(part, parts.factor), 1.0 / parts.factor)
        return part

    return _by_chunks(x, there_and_back)


def _move(x: Tensor, parts: Similarity) -> Tensor:
    if parts.mirrored:
        x = x.flip(-1)
    if parts.factor != 1.0:
        x = scale(x, parts.factor)
    return turn(x, parts.quarters, parts.degrees)


def turn(x: Tensor, quarters: int, degrees: float) -> Tensor:
    """Images (..., h, w) turned by `quarters` right angles and then by `degrees`, from x towards y (down)."""
    if quarters == 0 and degrees == 0.0:
        return x
    h, w = x.shape[-2:]
    side = math.ceil(_FRAME * max(h, w))
    side += (side - h) % 2
    top, left = (side - h) // 2, (side - w) // 2
    frame = F.pad(x, (left, side - w - left, top, side - h - top))
    row, column = top + (h - 1) / 2, left + (w - 1) / 2  # the centre of the image in the frame
    if quarters:
        frame = torch.rot90(frame, -quarters, dims=(-2, -1))  # towards y, which points down
        # The frame has turned about its own centre; where that is not the image's, it moves back by the difference.
        off = np.array([column, row]) - (side - 1) / 2
        c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters % 4]
        back = off - np.array([[c, -s], [s, c]]) @ off
        if back[0]:
            frame = _shift(frame, torch.full((side,), float(back[0]), dtype=x.dtype, device=x.device))
        if back[1]:
            frame = _shift(frame.mT, torch.full((side,), float(back[1]), dtype=x.dtype, device=x.device)).mT
    if degrees:
        places = torch.arange(side, dtype=x.dtype, device=x.device)
        angle = math.radians(degrees)
        along_x = -math.tan(angle / 2) * (places - row)
        along_y = math.sin(angle) * (places - column)
        frame = _shift(frame, along_x)
        frame = _shift(frame.mT, along_y).mT
        frame = _shift(frame, along_x)
    return frame[..., top : top + h, left : left + w].contiguous()


def _shift(frame: Tensor, by: Tensor) -> Tensor:
    """Move row i of (..., rows, n) by by[i] pixels to the right, periodically, as band-limited functions."""
    n = frame.shape[-1]
    frequencies = torch.fft.rfftfreq(n, dtype=frame.dtype, device=frame.device)
    angle = -2.0 * math.pi * by[:, None] * frequencies
    moved: Tensor = torch.fft.irfft(torch.fft.rfft(frame) * torch.polar(torch.ones_like(angle), angle), n=n)
    return moved


def scale(x: Tensor, factor: float) -> Tensor:
    """Images (..., h, w) made `factor` times as large about their centre, on the same grid."""
    rows, columns = (torch.from_numpy(_resampling(n, factor)).to(dtype=x.dtype, device=x.device) for n in x.shape[-2:])
    return torch.matmul(rows @ x, columns.T)


def _resampling(n: int, factor: float) -> FloatArray:
    """(n, n): row p holds the weights of the old samples in the new sample p."""
    centre = (n - 1) / 2
    band = min(1.0, factor)
    away = (np.arange(n)[:, None] - centre) / factor + centre - np.arange(n)[None]
    window = np.where(np.abs(away) * band < _TAPS, np.cos(0.5 * np.pi * away * band / _TAPS) ** 2, 0.0)
    return np.asarray(band * np.sinc(band * away) * window)


def _by_chunks(x: Tensor, work: Callable[[Tensor], Tensor]) -> Tensor:
    if x.ndim < 4 or len(x) <= _CHUNK:
        return work(x)
    return torch.cat([work(part) for part in x.split(_CHUNK)])


def _tidy(degrees: float) -> float:
    return 0.0 if abs(degrees) < 1e-7 else degrees
