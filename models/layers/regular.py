"""Layers whose features are functions on a finite group: one value per field and element, (batch, fields, |G|).

The group acts by (h.f)(g) = f(h^-1 g). Every layer here commutes with that action exactly.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.action import ActingGroup
from models.groups.finite import FiniteGroup
from models.groups.representations import regular
from models.layers.linear import EquivariantLinear, linear_layer


def convolution_index(group: FiniteGroup) -> Tensor:
    """index[g, h] = g^-1 h, the argument of a group convolution's kernel, (|G|, |G|)."""
    return torch.from_numpy(group.table[group.inverse])


class VectorLifting(nn.Module):
    """x: (batch, d) -> (batch, fields, |G|): the same affine map of g^-1 x for every g."""

    def __init__(self, acting: ActingGroup, dimension: int, fields: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fields, dimension) / math.sqrt(dimension))
        self.bias = nn.Parameter(torch.empty(fields).uniform_(-1.0, 1.0))
        maps = torch.from_numpy(acting.x_matrices()).to(torch.get_default_dtype())
        full = torch.eye(dimension).repeat(acting.group.order, 1, 1)
        where = torch.tensor(acting.coordinates)
        full[:, where[:, None], where[None, :]] = torch.linalg.inv(maps)
        self.inverse_maps: Tensor
        self.register_buffer("inverse_maps", full, persistent=False)

    def kernel(self) -> tuple[Tensor, Tensor]:
        """The whole matrix (fields * |G|, d) and its bias."""
        bank = torch.einsum("fd,gde->fge", self.weight, self.inverse_maps)
        return bank.flatten(0, 1), self.bias.repeat_interleave(bank.shape[1])

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.kernel()
        out: Tensor = F.linear(x, weight, bias).unflatten(-1, (len(self.bias), -1))
        return out

    def fold(self) -> nn.Module:
        """The same map as one linear layer."""
        with torch.no_grad():
            weight, bias = self.kernel()
        return nn.Sequential(linear_layer(weight, bias), nn.Unflatten(1, (len(self.bias), -1)))

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]} -> {len(self.bias)} fields on {len(self.inverse_maps)} elements"


class GroupLinear(EquivariantLinear):
    """Group convolution without space: (batch, in, |G|) -> (batch, out, |G|), y(g) = sum_h w(g^-1 h) x(h) + b."""

    def __init__(self, group: FiniteGroup, in_fields: int, out_fields: int) -> None:
        super().__init__(regular(group), regular(group), in_fields, out_fields)


class FieldNorm1d(nn.Module):
    """Batch normalisation of fields: statistics over the batch and the group, so that it commutes with the group."""

    def __init__(self, fields: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(fields)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x)
        return out

    def fold(self) -> nn.Module:
        """The batch normalisation itself."""
        return self.norm


class CovariantHead(nn.Module):
    """(batch, fields, |G|) -> (batch, p), out(h.x) = rho(h) out(x): the mean over g of rho(g) applied to an affine map.

    With a trivial label action this is the affine map of the group average: an invariant head.
    """

    def __init__(self, acting: ActingGroup, fields: int, outputs: int) -> None:
        super().__init__()
        self.order = acting.group.order
        self.linear = nn.Linear(fields, outputs)
        maps = None if acting.y is None else torch.from_numpy(acting.y).to(torch.get_default_dtype())
        self.label_maps: Tensor | None
        self.register_buffer("label_maps", maps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.label_maps is None:
            out: Tensor = self.linear(x.mean(-1))
            return out
        scores = self.linear(x.transpose(-1, -2))  # (batch, |G|, p)
        return torch.einsum("gpq,...gq->...p", self.label_maps, scores) / self.label_maps.shape[0]

    def fold(self) -> nn.Module:
        """The same map as one linear layer, of the group average where labels stay put."""
        if self.label_maps is None:
            return nn.Sequential(
                nn.AdaptiveAvgPool1d(1), nn.Flatten(1), linear_layer(self.linear.weight, self.linear.bias)
            )
        with torch.no_grad():
            weight = torch.einsum("gpq,qf->pfg", self.label_maps, self.linear.weight).flatten(1) / self.order
            bias = self.label_maps.mean(0) @ self.linear.bias
        return nn.Sequential(nn.Flatten(1), linear_layer(weight, bias))

    def extra_repr(self) -> str:
        return f"{self.order} elements, labels {'stay put' if self.label_maps is None else 'move'}"
