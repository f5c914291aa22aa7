"""Convolutions over the plane, a point group and a logarithmic grid of scales: Scale and SIM(2).

Features are (batch, fields * |G| * S, h, w), scales fastest. Turning by h and enlarging by t acts by
(f.x)(g, s, p) = x(h^-1 g, s / t, (h t)^-1 p): exactly for symmetries of the pixel grid, to the basis' error for other
rotations and for steps of the scale grid, and not at all where a step leaves the ends of the grid.
Kernels are `weight @ basis` (Sosnovik et al., 2020, arXiv:1910.11093; Ghosh and Gupta, 2019, arXiv:1906.03861).
The norm is `FieldNorm2d(fields, |G| * S)`: statistics over the batch, the group, the scales and the plane.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.action import ActingGroup
from models.groups.planar import planar_name
from models.layers.folding import plain_conv2d
from models.layers.regular import convolution_index
from models.layers.scale_basis import scaled_basis


class SelectChannels(nn.Module):
    """(..., channels, h, w) -> the channels listed, in that order."""

    def __init__(self, index: Tensor) -> None:
        super().__init__()
        self.index: Tensor
        self.register_buffer("index", index, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.index_select(-3, self.index)


class ScaleLiftingConv2d(nn.Module):
    """(batch, in, h, w) -> (batch, out * |G| * S, h, w): correlation with every turned and scaled copy of a filter.

    `scales` grow from the first, whose filter is the smallest; `size` is the window of the largest (odd, at least 5).
    """

    def __init__(
        self,
        acting: ActingGroup,
        scales: tuple[float, ...],
        in_channels: int,
        out_fields: int,
        size: int,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.size = size
        basis = torch.from_numpy(scaled_basis(acting, scales, size)).to(torch.get_default_dtype())
        count, functions = basis.shape[1:3]
        self.title = f"{_title(acting, count)}: {in_channels} -> {out_fields} fields, {size}x{size}"
        scale = math.sqrt(2.0 / (in_channels * functions))
        self.weight = nn.Parameter(torch.randn(out_fields, in_channels, functions) * scale)
        self.bias = nn.Parameter(torch.zeros(out_fields)) if bias else None
        self.basis: Tensor
        self.register_buffer("basis", basis.permute(2, 0, 1, 3).flatten(1), persistent=False)  # (b, g * s * size^2)

    def kernel(self) -> tuple[Tensor, Tensor | None]:
        """The dense kernel (out * |G| * S, in, size, size) and its bias."""
        out_fields, in_channels = self.weight.shape[:2]
        bank = (self.weight @ self.basis).unflatten(-1, (-1, self.size**2)).transpose(1, 2)
        kernel = bank.reshape(-1, in_channels, self.size, self.size)
        return kernel, None if self.bias is None else self.bias.repeat_interleave(len(kernel) // out_fields)

    def forward(self, x: Tensor) -> Tensor:
        kernel, bias = self.kernel()
        return F.conv2d(x, kernel, bias, padding=self.size // 2)

    def fold(self) -> nn.Module:
        """The same map as an ordinary convolution."""
        return plain_conv2d(*self.kernel(), padding=self.size // 2)

    def extra_repr(self) -> str:
        return self.title


class ScaleGroupConv2d(nn.Module):
    """(batch, in * |G| * S, h, w) -> (batch, out * |G| * S, h, w).

    y(g, s, p) = sum over h, q and n < neighbours of w(g^-1 h, n, g^-1 (q - p) / s) x(h, s step^n, q): each output scale
    reads its own and the next larger ones; beyond the end of the grid the last scale stands in. Scales must be a
    geometric progression; raises ValueError otherwise or when `neighbours` exceeds their number.
    """

    def __init__(
        self,
        acting: ActingGroup,
        scales: tuple[float, ...],
        in_fields: int,
        out_fields: int,
        size: int,
        neighbours: int = 2,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        _check_geometric(scales, neighbours)
        self.size, self.neighbours = size, neighbours
        basis = torch.from_numpy(scaled_basis(acting, scales, size)).to(torch.get_default_dtype())
        order, self.scales, functions = basis.shape[:3]
        self.title = (
            f"{_title(acting, self.scales)}: {in_fields} -> {out_fields} fields, {size}x{size}, "
            f"{neighbours} neighbouring scales"
        )
        scale = math.sqrt(2.0 / (in_fields * order * neighbours * functions))
        self.weight = nn.Parameter(torch.randn(out_fields, in_fields, order, neighbours, functions) * scale)
        self.bias = nn.Parameter(torch.zeros(out_fields)) if bias else None
        s, i, h, n = torch.meshgrid(
            *(torch.arange(m) for m in (self.scales, in_fields, order, neighbours)), indexing="ij"
        )
        inputs = (i * order + h) * self.scales + (s + n).clamp(max=self.scales - 1)
        outputs = torch.arange(self.scales * out_fields * order).view(self.scales, -1).T
        self.basis: Tensor
        self.relative: Tensor
        self.inputs: Tensor
        self.outputs: Tensor
        self.register_buffer("inputs", inputs.flatten(), persistent=False)
        self.register_buffer("outputs", outputs.flatten(), persistent=False)
        self.register_buffer("basis", basis.transpose(1, 2).flatten(2), persistent=False)  # (g, b, s * size^2)
        self.register_buffer("relative", convolution_index(acting.group), persistent=False)

    def kernel(self) -> tuple[Tensor, Tensor | None]:
        """Kernel (S * out * |G|, in * |G| * neighbours, size, size) of a convolution in S groups, and its bias."""
        out_fields, in_fields, order = self.weight.shape[:3]
        turned = self.weight[:, :, self.relative].permute(2, 0, 1, 3, 4, 5)  # (g, out, in, h, n, b)
        bank = turned.flatten(1, 4) @ self.basis
        bank = bank.view(order, out_fields, in_fields * order * self.neighbours, self.scales, self.size**2)
        kernel = bank.permute(3, 1, 0, 2, 4).reshape(self.scales * out_fields * order, -1, self.size, self.size)
        return kernel, None if self.bias is None else self.bias.repeat_interleave(order).repeat(self.scales)

    def forward(self, x: Tensor) -> Tensor:
        kernel, bias = self.kernel()
        grouped = x.index_select(-3, self.inputs)
        y = F.conv2d(grouped, kernel, bias, padding=self.size // 2, groups=self.scales)
        return y.index_select(-3, self.outputs)

    def fold(self) -> nn.Module:
        """The same map as an ordinary grouped convolution between two reorderings of channels."""
        conv = plain_conv2d(*self.kernel(), padding=self.size // 2, groups=self.scales)
        return nn.Sequential(SelectChannels(self.inputs), conv, SelectChannels(self.outputs))

    def extra_repr(self) -> str:
        return self.title


class ScalePool(nn.Module):
    """(batch, channels * S, h, w) -> (batch, channels, h, w): the maximum over scales at every pixel."""

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.scales = scales

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = x.unflatten(-3, (-1, self.scales)).amax(-3)
        return pooled

    def fold(self) -> nn.Module:
        return self

    def extra_repr(self) -> str:
        return f"{self.scales} scales -> 1"


class PlaneMax(nn.Module):
    """(batch, fields * |G|, h, w) -> (batch, fields, |G|): the maximum over the plane.

    Unlike the mean it does not grow with the area of an object on an empty ground, so it is the scale invariant one.
    """

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = x.amax((-2, -1)).unflatten(-1, (-1, self.order))
        return pooled

    def fold(self) -> nn.Module:
        return self

    def extra_repr(self) -> str:
        return f"order {self.order}"


def _title(acting: ActingGroup, scales: int) -> str:
    name = planar_name(acting.x_matrices())
    return f"{name} x {scales} scales"


def _check_geometric(scales: tuple[float, ...], neighbours: int) -> None:
    steps = [b / a for a, b in pairwise(scales)]
    if any(abs(step - steps[0]) > 1e-6 * steps[0] for step in steps):
        raise ValueError(f"a group convolution over scales needs a geometric progression, not {scales}")
    if not 1 <= neighbours <= len(scales):
        raise ValueError(f"{neighbours} neighbouring scales of a grid of {len(scales)}")
