"""Convolutions over the plane and a finite group of turns and mirrors: features (batch, fields * |G|, h, w).

The group acts on a feature f(g, p), p a pixel, by (h.f)(g, p) = f(h^-1 g, h^-1 p); channels run over fields, then over
elements. Elements that map the grid to itself commute with every layer exactly; the others, such as turns by 45
degrees, as nearly as filters on pixels can be turned (`models.layers.turning`).
"""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.actions.grid import grid_source
from models.groups.action import ActingGroup
from models.groups.planar import planar_name
from models.layers.folding import plain_conv2d
from models.layers.regular import convolution_index
from models.layers.turning import maps_the_grid, turned_basis


def turned_pixels(acting: ActingGroup, height: int, width: int) -> Tensor:
    """sources[g, p]: the pixel that g.x takes at p from x, (|G|, height * width)."""
    return torch.from_numpy(np.stack([grid_source(height, width, m) for m in acting.x_matrices()]))


class TurnedConv2d(nn.Module):
    """What lifting and group convolution share: filters as coefficients of a basis, and one product that turns them.

    weight: (out, ..., basis); `kernel()`: (out * |G|, channels, size, size), the ordinary convolution's. `size` is odd,
    so that the grid keeps its size. Raises ValueError for an even one.
    """

    def __init__(
        self, acting: ActingGroup, channels: tuple[int, ...], size: int, bias: bool, basis_of: ActingGroup | None
    ) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"a kernel of {size} pixels has no centre: take an odd size")
        self.acting, self.size, self.out_fields, self.basis_of = acting, size, channels[0], basis_of
        basis = turned_basis(acting, size, basis_of)
        order, count, pixels = basis.shape
        scale = math.sqrt(2.0 / (math.prod(channels[1:]) * count))
        self.weight = nn.Parameter(torch.randn(*channels, count) * scale)
        self.bias = nn.Parameter(torch.zeros(channels[0])) if bias else None
        self.basis: Tensor  # (basis, |G| * size * size)
        turned = torch.from_numpy(basis).to(torch.get_default_dtype())
        self.register_buffer("basis", turned.transpose(0, 1).reshape(count, order * pixels), persistent=False)
        # Where the turned copies only move pixels, a kernel is a gather of the weights; else it is one of rows of
        # `turned`. `back`: for every source the places it goes to, so that its gradient is a gather too.
        self.permutes = basis_of is None and maps_the_grid(acting)
        self.sources: Tensor
        self.back: Tensor

    def gather_from(self, rows: Tensor) -> None:
        """Let `kernel()` take row (out, g, ...) of the bank from row `rows` of `turned().flatten(0, 1)`; one to one."""
        sources, copies = rows, 1
        if self.permutes:
            order, pixels = self.acting.group.order, self.size * self.size
            moved = self.basis.view(pixels, order, pixels).argmax(0)  # where each copy takes a pixel from
            sources = ((rows // order)[:, None] * pixels + moved[rows % order]).flatten()
            copies = order
        self.register_buffer("sources", sources, persistent=False)
        back = torch.argsort(sources, stable=True).view(-1, copies).T.flatten()
        self.register_buffer("back", back, persistent=False)

    def gathered(self) -> Tensor:
        """The bank of all kernels, its rows in the order of `gather_from`."""
        source = self.weight.flatten() if self.permutes else self.turned().flatten(0, 1)
        out: Tensor = _Gathered.apply(source, self.sources, self.back)  # type: ignore[no-untyped-call]
        return out

    def turned(self) -> Tensor:
        """Every filter turned by every element, (filters, |G|, size * size)."""
        filters = self.weight.flatten(0, -2)
        return (filters @ self.basis).view(len(filters), self.acting.group.order, self.size * self.size)

    def kernel(self) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.repeat_interleave(self.acting.group.order)
        return F.conv2d(x, self.kernel(), bias, padding=self.size // 2)

    def fold(self) -> nn.Conv2d:
        """The same map as an ordinary convolution."""
        bias = None if self.bias is None else self.bias.repeat_interleave(self.acting.group.order)
        with torch.no_grad():
            return plain_conv2d(self.kernel(), bias, padding=self.size // 2)

    def _repr(self, source: str) -> str:
        name = planar_name(self.acting.x_matrices())
        return f"{name}: {source} -> {self.out_fields} fields, {self.size}x{self.size}"


class LiftingConv2d(TurnedConv2d):
    """(batch, in, h, w) -> (batch, out * |G|, h, w): correlation with every turned copy of each filter.

    weight: (out, in, basis). `basis_of`: see `models.layers.turning.turned_basis`.
    """

    def __init__(
        self,
        acting: ActingGroup,
        in_channels: int,
        out_fields: int,
        size: int,
        *,
        bias: bool = True,
        basis_of: ActingGroup | None = None,
    ) -> None:
        super().__init__(acting, (out_fields, in_channels), size, bias, basis_of)
        self.in_channels = in_channels
        rows = torch.arange(out_fields * in_channels * acting.group.order)
        self.gather_from(rows.view(out_fields, in_channels, -1).transpose(1, 2).flatten())

    def kernel(self) -> Tensor:
        return self.gathered().view(-1, self.in_channels, self.size, self.size)

    def extra_repr(self) -> str:
        return self._repr(f"{self.in_channels} channels")


class GroupConv2d(TurnedConv2d):
    """(batch, in * |G|, h, w) -> (batch, out * |G|, h, w): y(g, p) = sum_hq w(g^-1 h, g^-1 (q - p)) x(h, q).

    weight: (out, in, |G|, basis). `basis_of`: see `models.layers.turning.turned_basis`.
    """

    def __init__(
        self,
        acting: ActingGroup,
        in_fields: int,
        out_fields: int,
        size: int,
        *,
        bias: bool = True,
        basis_of: ActingGroup | None = None,
    ) -> None:
        order = acting.group.order
        super().__init__(acting, (out_fields, in_fields, order), size, bias, basis_of)
        self.in_fields = in_fields
        # Where filter k = g^-1 h turned by g goes: to row (out, g, in, h) from row (out, in, k, g). One to one.
        fields = torch.arange(out_fields * in_fields).view(out_fields, 1, in_fields, 1)
        sources = (fields * order + convolution_index(acting.group)[:, None]) * order
        self.gather_from((sources + torch.arange(order)[:, None, None]).flatten())

    def kernel(self) -> Tensor:
        order = self.acting.group.order
        return self.gathered().view(self.out_fields * order, self.in_fields * order, self.size, self.size)

    def extra_repr(self) -> str:
        return self._repr(f"{self.in_fields}")


class _Gathered(torch.autograd.Function):
    """x[sources], every row of x taken equally often: the gradient is a gather too, where indexing adds row by row.

    back: the places of the first copy of every row, then those of the second, and so on.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, sources: Tensor, back: Tensor) -> Tensor:
        return x.index_select(0, sources)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[2])
        ctx.rows = len(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        gathered = gradient.index_select(0, back)
        copies = len(back) // ctx.rows
        return (gathered if copies == 1 else gathered.view(copies, ctx.rows).sum(0)), None, None


# Autograd binds arguments by this signature at every call; to find it anew takes longer than the gather.
_Gathered.forward.__signature__ = inspect.signature(_Gathered.forward)  # type: ignore[attr-defined]


class FieldNorm2d(nn.Module):
    """Batch normalisation of fields: statistics over the batch, the group and the plane."""

    def __init__(self, fields: int, order: int) -> None:
        super().__init__()
        self.fields, self.order = fields, order
        self.norm = nn.BatchNorm2d(fields)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        out: Tensor = self.norm(x.reshape(*x.shape[:-3], self.fields, self.order * h, w))
        # Not a view for autograd: a ReLU in place on a view would copy every gradient.
        return torch.ops.aten._unsafe_view(out, x.shape)  # type: ignore[no-any-return]

    def fold(self) -> nn.BatchNorm2d:
        """The same map, in evaluation, as a normalisation of channels."""
        folded = nn.BatchNorm2d(self.fields * self.order, eps=self.norm.eps).to(self.norm.weight)
        channels = {
            k: v if v.dim() == 0 else v.repeat_interleave(self.order) for k, v in self.norm.state_dict().items()
        }
        folded.load_state_dict(channels)
        return folded.eval()

    def extra_repr(self) -> str:
        return f"{self.fields} fields of {self.order}"


class CentredPool2d(nn.Module):
    """Halve the grid by averaging so that right angles stay exact: blocks of 2 on an even side, 3 on an odd one."""

    def forward(self, x: Tensor) -> Tensor:
        size = [2 if side % 2 == 0 else 3 for side in x.shape[-2:]]
        padding = [0 if side % 2 == 0 else 1 for side in x.shape[-2:]]
        return F.avg_pool2d(x, size, stride=2, padding=padding)

    def fold(self) -> nn.Module:
        return self


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

    def fold(self) -> nn.Module:
        return self

    def extra_repr(self) -> str:
        return f"{self.where.shape[1]} positions, {self.order} elements"


class PlaneMean(nn.Module):
    """(batch, fields * |G|, h, w) -> (batch, fields, |G|): the average over the plane."""

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = x.mean((-2, -1)).unflatten(-1, (-1, self.order))
        return pooled

    def fold(self) -> nn.Module:
        return self

    def extra_repr(self) -> str:
        return f"{self.order} elements"


class GroupPool2d(nn.Module):
    """(batch, fields * |G|, h, w) -> (batch, fields, h, w): the greatest or the mean value over the group."""

    def __init__(self, order: int, mode: str) -> None:
        super().__init__()
        if mode not in ("max", "mean"):
            raise ValueError(f"a group is pooled by max or mean, not by {mode!r}")
        self.order, self.mode = order, mode

    def forward(self, x: Tensor) -> Tensor:
        fibres: Tensor = x.unflatten(-3, (-1, self.order))
        return fibres.amax(-3) if self.mode == "max" else fibres.mean(-3)

    def fold(self) -> nn.Module:
        return self

    def extra_repr(self) -> str:
        return f"{self.mode} over {self.order} elements"
