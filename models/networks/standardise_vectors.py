"""First layers of networks on vectors: they bring samples to a common scale and commute with the group."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.actions.scaling import filled, invariant_scaling, spreads
from models.groups.action import from_spec, is_family
from models.groups.blocks import symmetric_blocks
from models.groups.finite import FloatArray
from models.layers.linear import linear_layer
from models.layers.orthogonal import Invariants

_ALIKE = 4.0  # ratio of root mean squares up to which vectors share one scale


class Standardise(nn.Module):
    """x -> A (x - m), with m fixed by the group and A commuting with it; set from the training samples."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(dimension))
        self.register_buffer("scale", torch.eye(dimension))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) @ self.scale.T

    def fold(self) -> nn.Module:
        """The same affine map as a linear layer."""
        return linear_layer(self.scale, -(self.scale @ self.shift))


class StandardiseCoordinates(nn.Module):
    """x -> s (x - m), coordinate by coordinate; m and s are the same wherever the group takes a coordinate."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(dimension))
        self.register_buffer("scale", torch.ones(dimension))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) * self.scale

    def fold(self) -> nn.Module:
        """The same map as a batch normalisation in evaluation mode."""
        return folded(nn.BatchNorm1d(len(self.shift), eps=0.0), self.shift, self.scale)


def folded(norm: nn.BatchNorm1d | nn.BatchNorm2d, shift: Tensor, scale: Tensor) -> nn.Module:
    """x -> scale (x - shift) as a batch normalisation in evaluation mode: of variance 1, as squares leave float32."""
    norm = norm.to(device=shift.device, dtype=shift.dtype).eval().requires_grad_(False)
    with torch.no_grad():
        norm.get_buffer("running_mean").copy_(shift)
        norm.weight.copy_(scale)
    return norm


def coordinate_scaling(x: FloatArray, spec: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
    """(shift (d,), scale (d,)) from samples x (n, d) for sets of items or for vectors that turn.

    Sets: each feature over all items. Vectors: no shift, and one scale for all where their sizes are alike, since
    then their differences mean something, else one for each. Other coordinates: each its own.
    """
    shift, scale = x.mean(0), spreads(x)
    if is_family(spec) and "vectors" in spec:
        vectors = [list(v) for v in spec["vectors"]]
        sizes = np.array([(x[:, v] ** 2).mean() for v in vectors])
        if sizes.max() <= _ALIKE**2 * sizes.min():
            sizes[:] = sizes.mean()
        for v, size in zip(vectors, sizes, strict=True):
            shift[v], scale[v] = 0.0, math.sqrt(size)
    else:
        sets = spec["sets"] if is_family(spec) else symmetric_blocks(from_spec(spec)) or []
        for items in sets:
            for feature in zip(*items, strict=True):
                where = list(feature)
                shift[where], scale[where] = x[:, where].mean(), spreads(x[:, where].reshape(-1, 1))
    return shift, 1.0 / filled(scale)


@torch.no_grad()
def standardise_vectors(network: nn.Sequential, x: Tensor, spec: dict[str, Any]) -> None:
    """Set the first layer from samples x (n, d) so that it commutes with the group, then the scale of invariants.

    Finite groups: the mean is projected on the vectors that the group fixes; the variances are averaged over the group
    to S = mean g diag(v) g^T, and x is scaled by S^(-1/2), which commutes with every orthogonal g. A group that is not
    orthogonal gets one common factor. Sets and turning vectors: `coordinate_scaling`.
    """
    first = network[0]
    samples = x.double().cpu().numpy()
    if isinstance(first, Standardise):
        shift, scale = invariant_scaling(samples, from_spec(spec))
    else:
        shift, scale = coordinate_scaling(samples, spec)
    first.get_buffer("shift").copy_(torch.from_numpy(shift))
    first.get_buffer("scale").copy_(torch.from_numpy(scale))
    for module in network.modules():
        if isinstance(module, Invariants):
            module.fit(first(x))
