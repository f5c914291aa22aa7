"""What every network of a search sees where some tested element does not map the pixel grid to itself.

A mild low-pass and a smooth disc: what an interpolated turn or scaling would lose is taken away beforehand, from the
training samples as from the tested ones, so that the move itself is all that the test sees.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.finite import FloatArray

_PASS, _STOP = 0.5, 0.85  # of the grid's highest frequency: kept in full below, gone above
_REACH = 5  # pixels of the low-pass on either side
_FADE_PIXELS, _FADE_SHARE = 3.5, 0.35  # the rim on which the disc fades out


class DiscView(nn.Module):
    """Images (n, c, h, w) -> the same shape, low-passed and faded out beyond the largest disc in the frame.

    Both are symmetric under every turn about the centre as nearly as a grid allows, exactly under the grid's own.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        kernel = torch.from_numpy(_low_pass()).float()
        self.kernel: Tensor
        self.disc: Tensor
        self.rows: Tensor
        self.columns: Tensor
        for name, side in (("rows", height), ("columns", width)):  # the edge repeated: filters reach over it
            self.register_buffer(name, torch.arange(-_REACH, side + _REACH).clamp(0, side - 1), persistent=False)
        self.register_buffer("kernel", kernel.expand(channels, 1, *kernel.shape).clone(), persistent=False)
        self.register_buffer("disc", torch.from_numpy(_disc(height, width)).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.index_select(-2, self.rows).index_select(-1, self.columns)
        return F.conv2d(wide, self.kernel, groups=len(self.kernel)) * self.disc


def _low_pass() -> FloatArray:
    """The filter whose response falls from 1 at _PASS to 0 at _STOP by a raised cosine in the radius, cut at _REACH."""
    n = 64
    frequency = np.abs(np.fft.fftfreq(n)) * 2.0
    radius = np.hypot(frequency[:, None], frequency[None])
    response = np.cos(0.5 * np.pi * np.clip((radius - _PASS) / (_STOP - _PASS), 0.0, 1.0)) ** 2
    taps = np.roll(np.real(np.fft.ifft2(response)), (_REACH, _REACH), axis=(0, 1))[: 2 * _REACH + 1, : 2 * _REACH + 1]
    offsets = np.arange(-_REACH, _REACH + 1)
    away = np.hypot(offsets[:, None], offsets[None]) / (_REACH + 1)
    taps = taps * np.where(away < 1, np.cos(0.5 * np.pi * away) ** 2, 0.0)
    taps = np.sum([np.rot90(t, k) for t in (taps, taps.T) for k in range(4)], axis=0)
    return np.asarray(taps / taps.sum())


def _disc(height: int, width: int) -> FloatArray:
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in (height, width))
    outer = min(height, width) / 2
    fade = max(_FADE_PIXELS, _FADE_SHARE * outer)
    inside = np.clip((outer - np.hypot(rows[:, None], columns[None])) / fade, 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * inside) ** 2)
