"""Convolutions over the plane and a group of grid symmetries: features (batch, fields * |G|, h, w).

The group acts on a feature f(g, p), p a pixel, by (h.f)(g, p) = f(h^-1 g, h^-1 p); channels run over fields, then over
elements.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.actions.grid import grid_source
from models.groups.action import ActingGroup
from models.layers.regular import convolution_index


def turned_pixels(acting: ActingGroup, height: int, width: int) -> Tensor:
    """sources[g, p]: the pixel that g.x takes at p from x, (|G|, height * width)."""
    return torch.from_numpy(np.stack([grid_source(height, width, m) for m in acting.x_matrices()]))


class LiftingConv2d(nn.Module):
    """(batch, in, h, w) -> (batch, out * |G|, h, w): correlation with every turned copy of each filter."""

    def __init__(self, acting: ActingGroup, in_channels: int, out_fields: int, size: int) -> None:
        super().__init__()
        self.size = size
        scale = math.sqrt(2.0 / (in_channels * size * size))
        self.weight = nn.Parameter(torch.randn(out_fields, in_channels, size * size) * scale)
        self.bias = nn.Parameter(torch.zeros(out_fields))
        self.sources: Tensor
        self.register_buffer("sources", turned_pixels(acting, size, size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        bank = self.weight[:, :, self.sources].transpose(1, 2)  # (out, g, in, size^2)
        order = bank.shape[1]
        kernel = bank.reshape(-1, bank.shape[2], self.size, self.size)
        return F.conv2d(x, kernel, self.bias.repeat_interleave(order), padding=self.size // 2)


class GroupConv2d(nn.Module):
    """(batch, in * |G|, h, w) -> (batch, out * |G|, h, w): y(g, p) = sum_hq w(g^-1 h, g^-1 (q - p)) x(h, q)."""

    def __init__(self, acting: ActingGroup, in_fields: int, out_fields: int, size: int) -> None:
        super().__init__()
        self.size = size
        order = acting.group.order
        scale = math.sqrt(2.0 / (in_fields * order * size * size))
        self.weight = nn.Parameter(torch.randn(out_fields, in_fields, order * size * size) * scale)
        self.bias = nn.Parameter(torch.zeros(out_fields))
        index = convolution_index(acting.group)[:, :, None] * size * size + turned_pixels(acting, size, size)[:, None]
        self.index: Tensor
        self.register_buffer("index", index, persistent=False)  # (g, h, size^2)

    def forward(self, x: Tensor) -> Tensor:
        bank = self.weight[:, :, self.index].transpose(1, 2)  # (out, g, in, h, size^2)
        order = bank.shape[1]
        kernel = bank.reshape(bank.shape[0] * order, -1, self.size, self.size)
        return F.conv2d(x, kernel, self.bias.repeat_interleave(order), padding=self.size // 2)


class FieldNorm2d(nn.Module):
    """Batch normalisation of fields: statistics over the batch, the group and the plane."""

    def __init__(self, fields: int, order: int) -> None:
        super().__init__()
        self.fields, self.order = fields, order
        self.norm = nn.BatchNorm2d(fields)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        out: Tensor = self.norm(x.reshape(*x.shape[:-3], self.fields, self.order * h, w))
        return out.reshape(x.shape)


class CentredPool2d(nn.Module):
    """Halve the grid by averaging so that right angles stay exact: blocks of 2 on an even side, 3 on an odd one."""

    def forward(self, x: Tensor) -> Tensor:
        size = [2 if side % 2 == 0 else 3 for side in x.shape[-2:]]
        padding = [0 if side % 2 == 0 else 1 for side in x.shape[-2:]]
        return F.avg_pool2d(x, size, stride=2, padding=padding)


class PositionReadout(nn.Module):
    """(batch, fields * |G|, h, w) -> (batch, fields * h * w, |G|): each fibre turned back, z(f, p; g) = x(f, g, g p).

    Keeps where things are, and is still a function on the group: what a group about the centre needs.
    """

    def __init__(self, acting: ActingGroup, height: int, width: int) -> None:
        super().__init__()
        self.order = acting.group.order
        inverse_sources = turned_pixels(acting, height, width)[torch.from_numpy(acting.group.inverse)]
        self.where: Tensor
        self.register_buffer("where", inverse_sources, persistent=False)  # where[g, p] = g p

    def forward(self, x: Tensor) -> Tensor:
        *batch, channels, h, w = x.shape
        z = x.reshape(*batch, channels // self.order, self.order, h * w)
        z = z.gather(-1, self.where.expand(z.shape))
        return z.transpose(-1, -2).flatten(-3, -2)


class PlaneMean(nn.Module):
    """(batch, fields * |G|, h, w) -> (batch, fields, |G|): the average over the plane."""

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean((-2, -1))
        return pooled.reshape(*pooled.shape[:-1], -1, self.order)
