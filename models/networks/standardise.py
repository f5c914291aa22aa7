"""First layers that bring samples to a common scale and commute with the group; fitted once, from training samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.actions.scaling import invariant_scaling
from models.groups.action import from_spec


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
        linear = nn.Linear(len(self.shift), len(self.shift), device=self.shift.device, dtype=self.shift.dtype)
        with torch.no_grad():
            linear.weight.copy_(self.scale)
            linear.bias.copy_(-(self.scale @ self.shift))
        return linear


class StandardiseChannels(nn.Module):
    """Images: one shift and one factor per channel, the same at every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift[:, None, None]) * self.scale[:, None, None]

    def fold(self) -> nn.Module:
        """The same map as a batch normalisation in evaluation mode."""
        norm = nn.BatchNorm2d(len(self.shift), eps=0.0, affine=False)
        norm = norm.to(device=self.shift.device, dtype=self.shift.dtype).eval()
        with torch.no_grad():
            norm.get_buffer("running_mean").copy_(self.shift)
            norm.get_buffer("running_var").copy_(self.scale**-2)
        return norm


def standardise(network: nn.Sequential, x: Tensor, spec: dict[str, Any]) -> None:
    """Set the first layer from samples x (n, ...) so that it commutes with the group.

    Vectors: the mean is projected on the vectors that the group fixes; the variances are averaged over the group to
    S = mean g diag(v) g^T, and x is scaled by S^(-1/2), which commutes with every orthogonal g. A group that is not
    orthogonal gets one common factor.
    """
    first = network[0]
    if isinstance(first, StandardiseChannels):
        first.shift.copy_(x.mean((0, 2, 3)))
        first.scale.copy_(1.0 / x.std((0, 2, 3)).clamp_min(1e-6))
    elif isinstance(first, Standardise):
        shift, scale = invariant_scaling(x.double().cpu().numpy(), from_spec(spec))
        first.shift.copy_(torch.from_numpy(shift))
        first.scale.copy_(torch.from_numpy(scale))
