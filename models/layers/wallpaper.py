"""Convolutions of scalar fields whose weights a crystal symmetry ties together, without lifting.

A wallpaper group repeats with a cell of pixels, so its kernels may differ from pixel to pixel of the cell:
y(p) = b(p) + sum_d K(p, d) x(p + d), with K constant on the orbits of pairs (p, d) and b on those of pixels p. Turns,
mirrors and glides all act; images are periodic and hold whole cells, pixel (0, 0) being the origin of the group.
Where the cell is one pixel, what is left is the point group: p4m leaves 3 of the 9 weights of a 3 x 3 kernel.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.actions.grid import grid_source
from models.groups.action import ActingGroup
from models.groups.planar import planar_name
from models.groups.wallpaper import pair_orbits
from models.layers.folding import plain_conv2d


class WallpaperConv2d(nn.Module):
    """(batch, in, h, w) -> (batch, out, h, w), periodic: commutes with every element of a wallpaper group.

    `name`: one of the seventeen; `cell`: (width, height) in pixels; offsets reach `radius` pixels along each axis (for
    hexagonal groups, whose pixels are in axial coordinates, `radius` steps). Raises ValueError for a cell that the
    group does not fit, and in `forward` for an image that does not hold whole cells.
    """

    def __init__(self, name: str, cell: tuple[int, int], in_channels: int, out_channels: int, radius: int) -> None:
        super().__init__()
        pairs = torch.from_numpy(pair_orbits(name, cell, radius))  # (height, width, 2r + 1, 2r + 1)
        self.radius, (self.width, self.height) = radius, cell
        self.title = f"{name}, cell {self.width}x{self.height}: {in_channels} -> {out_channels}, radius {radius}"
        orbits = int(pairs.max()) + 1
        side = 2 * radius + 1
        reads = (pairs >= 0).sum((-2, -1)).max().item()
        self.weight = nn.Parameter(
            torch.randn(out_channels, in_channels, orbits) * math.sqrt(2.0 / (in_channels * reads))
        )
        points = torch.unique(pairs[:, :, radius, radius], return_inverse=True)[1]  # pairs (p, 0) are pixels
        self.bias = nn.Parameter(torch.zeros(out_channels, int(points.max()) + 1))
        # One strided convolution per pixel of the cell, all in one window: (height, width, height + 2r, width + 2r).
        index = torch.full((self.height, self.width, self.height + 2 * radius, self.width + 2 * radius), orbits)
        for y in range(self.height):
            for x in range(self.width):
                own = pairs[y, x]
                index[y, x, y : y + side, x : x + side] = torch.where(own < 0, orbits, own)
        self.index: Tensor
        self.points: Tensor
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("points", points.flatten(), persistent=False)

    def kernel(self) -> tuple[Tensor, Tensor]:
        """Kernel (out * cell, in, height + 2r, width + 2r) of a convolution strided by the cell, and its bias."""
        padded = F.pad(self.weight, (0, 1))  # the last column, zero, fills what a pixel does not read
        bank = padded[:, :, self.index].permute(0, 2, 3, 1, 4, 5)  # (out, y, x, in, rows, columns)
        return bank.flatten(0, 2), self.bias[:, self.points].flatten()

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        if h % self.height or w % self.width:
            raise ValueError(f"an image of {w} x {h} pixels does not hold whole cells of {self.width} x {self.height}")
        kernel, bias = self.kernel()
        wrapped = F.pad(x, (self.radius,) * 4, mode="circular")
        y = F.conv2d(wrapped, kernel, bias, stride=(self.height, self.width))
        return _cells_to_pixels(y, self.height, self.width)

    def fold(self) -> nn.Module:
        """The same map as an ordinary strided convolution between circular padding and a reordering of pixels."""
        kernel, bias = self.kernel()
        conv = plain_conv2d(kernel, bias, stride=(self.height, self.width))
        return nn.Sequential(nn.CircularPad2d(self.radius), conv, CellsToPixels(self.height, self.width))

    def extra_repr(self) -> str:
        return self.title


class CellsToPixels(nn.Module):
    """(batch, channels * height * width, rows, columns) -> (batch, channels, rows * height, columns * width)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Tensor) -> Tensor:
        return _cells_to_pixels(x, self.height, self.width)


class IsotropicConv2d(nn.Module):
    """(batch, in, h, w) -> (batch, out, h, w): an ordinary convolution whose kernels a point group leaves unchanged.

    Commutes with the group about the image's centre and with translations; D4 leaves 3 of the 9 weights of a 3 x 3
    kernel. Raises ValueError for even sizes and for elements that do not map the pixel grid to itself.
    """

    def __init__(
        self, acting: ActingGroup, in_channels: int, out_channels: int, size: int, *, bias: bool = True
    ) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"a centred kernel has an odd size, not {size}")
        self.size = size
        sources = np.stack([grid_source(size, size, m) for m in acting.x_matrices()])
        orbits, index = np.unique(sources.min(0), return_inverse=True)  # an orbit is known by its first pixel
        self.title = f"{planar_name(acting.x_matrices())}: {in_channels} -> {out_channels}, {size}x{size}"
        scale = math.sqrt(2.0 / (in_channels * size * size))
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, len(orbits)) * scale)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.index: Tensor
        self.register_buffer("index", torch.from_numpy(index).view(size, size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight[:, :, self.index], self.bias, padding=self.size // 2)

    def fold(self) -> nn.Module:
        """The same map as an ordinary convolution."""
        return plain_conv2d(self.weight[:, :, self.index], self.bias, padding=self.size // 2)

    def extra_repr(self) -> str:
        return self.title


def _cells_to_pixels(x: Tensor, height: int, width: int) -> Tensor:
    batch, channels, rows, columns = x.shape
    kept = channels // (height * width)
    split = x.reshape(batch, kept, height, width, rows, columns).permute(0, 1, 4, 2, 5, 3)
    return split.reshape(batch, kept, rows * height, columns * width)
