"""Layers on sets of interchangeable items: symmetric groups and their products, without listing their n! elements.

Features are (batch, slots, fields): one slot for each item of each set, set after set, then one slot for the
coordinates that stay put, where there are any. The group permutes the slots of a set.

A layer is the general equivariant linear map (Zaheer et al., 2017, arXiv:1703.06114) with the mean over the items
replaced by a weighted mean of their sorted values, field by field (Zhang et al., 2019, arXiv:1906.02795): means,
extremes and medians are then all within reach of one layer. On planted tasks that never did clearly worse than the mean
and often halved its loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.blocks import Sets, fixed_coordinates, rank_nodes


def rank_hats(items: int) -> Tensor:
    """hats[r, k]: weight of node k at rank r, (items, nodes), each node an average of ranks.

    The least and the largest value have a node of their own; the ranks between are interpolated linearly.
    """
    nodes = rank_nodes(items)
    if nodes == items:
        return torch.eye(items)
    where = np.linspace(1.0, nodes - 2.0, items - 2)
    hats = np.zeros((items, nodes))
    hats[0, 0] = hats[-1, -1] = 1.0
    hats[1:-1, 1:-1] = np.clip(1.0 - np.abs(where[:, None] - np.arange(1, nodes - 1)), 0.0, None)
    return torch.from_numpy(hats / hats.sum(0)).to(torch.get_default_dtype())


class RankPool(nn.Module):
    """(batch, slots, fields) -> (batch, kinds * fields): each set's weighted mean of sorted values, then fixed slots.

    `sizes` are the numbers of items of the sets; `fixed` says whether a slot of fixed coordinates follows them.
    """

    def __init__(self, sizes: Sequence[int], fixed: bool, fields: int) -> None:
        super().__init__()
        self.sizes, self.fixed, self.fields = tuple(sizes), fixed, fields
        self.weights = nn.ParameterList()
        for position, items in enumerate(self.sizes):
            nodes = rank_nodes(items)
            self.weights.append(nn.Parameter(1.0 / nodes + 0.3 * torch.randn(nodes, fields)))
            self.register_buffer(f"hats{position}", rank_hats(items) if nodes < items else None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        *sets, rest = x.split([*self.sizes, x.shape[-2] - sum(self.sizes)], dim=-2)
        pooled = []
        for position, (items, weight) in enumerate(zip(sets, self.weights, strict=True)):
            ranked = items.sort(dim=-2).values
            hats = getattr(self, f"hats{position}")
            if hats is not None:
                ranked = (ranked.transpose(-1, -2) @ hats).transpose(-1, -2)
            pooled.append((ranked * weight).sum(-2))
        return torch.cat([*pooled, rest[..., 0, :]] if self.fixed else pooled, dim=-1)

    def fold(self) -> nn.Module:
        """Sorting and products already."""
        return self

    def extra_repr(self) -> str:
        return f"sets of {', '.join(map(str, self.sizes))}{' and fixed' if self.fixed else ''}, {self.fields} fields"


class SetLifting(nn.Module):
    """x: (batch, d) -> (batch, slots, fields): an affine map of each item, its own for each set, and of the rest."""

    def __init__(self, sets: Sets, dimension: int, fields: int) -> None:
        super().__init__()
        fixed = fixed_coordinates(sets, dimension)
        self.shapes = [(len(items), len(items[0])) for items in sets] + ([(1, len(fixed))] if fixed else [])
        self.fields = fields
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(fields, width) / math.sqrt(width)) for _, width in self.shapes
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.empty(fields).uniform_(-1.0, 1.0)) for _ in self.shapes)
        self.order: Tensor
        coordinates = [c for items in sets for item in items for c in item] + fixed
        self.register_buffer("order", torch.tensor(coordinates), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = x[..., self.order].split([items * width for items, width in self.shapes], dim=-1)
        slots = [
            F.linear(part.unflatten(-1, shape), weight, bias)
            for part, shape, weight, bias in zip(parts, self.shapes, self.weights, self.biases, strict=True)
        ]
        return torch.cat(slots, dim=-2)

    def fold(self) -> nn.Module:
        """Matrix products already."""
        return self

    def extra_repr(self) -> str:
        return f"{', '.join(f'{items} x {width}' for items, width in self.shapes)} -> {self.fields} fields"


class SetLinear(nn.Module):
    """(batch, slots, in) -> (batch, slots, out): y_i = A_s x_i + C pool(x) + b_s for slot i of set s."""

    def __init__(self, sizes: Sequence[int], fixed: bool, in_fields: int, out_fields: int) -> None:
        super().__init__()
        self.slots = [*sizes, 1] if fixed else list(sizes)
        self.pool = RankPool(sizes, fixed, in_fields)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(out_fields, in_fields) / math.sqrt(in_fields)) for _ in self.slots
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(out_fields)) for _ in self.slots)
        pooled = in_fields * len(self.slots)
        self.context = nn.Parameter(torch.randn(out_fields, pooled) / math.sqrt(pooled))

    def forward(self, x: Tensor) -> Tensor:
        context = F.linear(self.pool(x), self.context)
        slots = [
            F.linear(part, weight, bias)
            for part, weight, bias in zip(x.split(self.slots, dim=-2), self.weights, self.biases, strict=True)
        ]
        return torch.cat(slots, dim=-2) + context[..., None, :]

    def fold(self) -> nn.Module:
        """Matrix products already."""
        return self

    def extra_repr(self) -> str:
        return f"{self.context.shape[1] // len(self.slots)} -> {self.context.shape[0]} fields"


class SetHead(nn.Module):
    """(batch, slots, fields) -> (batch, d), moving as x does: an affine map of every slot back to its coordinates."""

    def __init__(self, sets: Sets, dimension: int, fields: int) -> None:
        super().__init__()
        fixed = fixed_coordinates(sets, dimension)
        self.shapes = [(len(items), len(items[0])) for items in sets] + ([(1, len(fixed))] if fixed else [])
        self.fields = fields
        scale = 1.0 / math.sqrt(fields)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(width, fields).uniform_(-scale, scale)) for _, width in self.shapes
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(width)) for _, width in self.shapes)
        coordinates = [c for items in sets for item in items for c in item] + fixed
        self.places: Tensor
        self.register_buffer("places", torch.tensor(coordinates).argsort(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.split([items for items, _ in self.shapes], dim=-2)
        outputs = [
            F.linear(part, weight, bias).flatten(-2)
            for part, weight, bias in zip(parts, self.weights, self.biases, strict=True)
        ]
        return torch.cat(outputs, dim=-1)[..., self.places]

    def fold(self) -> nn.Module:
        """Matrix products already."""
        return self

    def extra_repr(self) -> str:
        return f"{self.fields} fields -> {', '.join(f'{items} x {width}' for items, width in self.shapes)}"
