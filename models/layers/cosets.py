"""Layers whose features are functions on cosets of several subgroups side by side, (batch, fields, values).

The group permutes the values, so every pointwise nonlinearity commutes with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.action import ActingGroup
from models.groups.isotropy import coset_features
from models.groups.representations import defining, label_representation
from models.layers.linear import EquivariantLinear, linear_layer

Subgroups = Sequence[Sequence[int]]


class CosetLifting(nn.Module):
    """x: (batch, d) -> (batch, fields, values): affine maps of x that commute with the group."""

    def __init__(self, acting: ActingGroup, dimension: int, subgroups: Subgroups, fields: int) -> None:
        super().__init__()
        hidden = coset_features(acting.group, subgroups)
        self.moving = EquivariantLinear(defining(acting), hidden, 1, fields, gain=1.0)
        nn.init.uniform_(self.moving.bias, -1.0, 1.0)
        still = sorted(set(range(dimension)) - set(acting.coordinates))
        scale = max(dimension, 1) ** -0.5
        self.still = nn.Parameter(torch.randn(fields * len(subgroups), len(still)) * scale)
        self.dimension = dimension
        self.where: Tensor
        self.elsewhere: Tensor
        self.register_buffer("where", torch.tensor(acting.coordinates, dtype=torch.int64), persistent=False)
        self.register_buffer("elsewhere", torch.tensor(still, dtype=torch.int64), persistent=False)

    def kernel(self) -> tuple[Tensor, Tensor]:
        """The whole matrix (fields * values, d) and its bias."""
        weight, bias = self.moving.kernel()
        fields = len(self.moving.weight)
        constant = self.still.unflatten(0, (fields, -1)).transpose(1, 2) @ self.moving.bias_basis
        columns = torch.cat([self.where, self.elsewhere]).argsort()
        return torch.cat([weight, constant.transpose(1, 2).flatten(0, 1)], dim=1)[:, columns], bias

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.kernel()
        out: Tensor = F.linear(x, weight, bias).unflatten(-1, (-1, self.moving.rows))
        return out

    def fold(self) -> nn.Module:
        """The same map as one linear layer."""
        with torch.no_grad():
            weight, bias = self.kernel()
        return nn.Sequential(linear_layer(weight, bias), nn.Unflatten(1, (-1, self.moving.rows)))


class CosetLinear(EquivariantLinear):
    """(batch, in, values) -> (batch, out, values): one weight for each orbit of pairs of values."""

    def __init__(self, acting: ActingGroup, subgroups: Subgroups, in_fields: int, out_fields: int) -> None:
        hidden = coset_features(acting.group, subgroups)
        super().__init__(hidden, hidden, in_fields, out_fields)


class CosetHead(EquivariantLinear):
    """(batch, fields, values) -> (batch, p), moving as labels do."""

    def __init__(self, acting: ActingGroup, subgroups: Subgroups, fields: int, outputs: int) -> None:
        hidden = coset_features(acting.group, subgroups)
        gain = len(subgroups) / (3.0 * hidden.dimension)  # the values of a field add up
        super().__init__(hidden, label_representation(acting, outputs), fields, 1, gain)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(-2)

    def fold(self) -> nn.Module:
        """The same map as one linear layer."""
        with torch.no_grad():
            weight, bias = self.kernel()
        return nn.Sequential(nn.Flatten(1), linear_layer(weight, bias))
