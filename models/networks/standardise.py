"""First layers that bring samples to a common scale and commute with the group; fitted once, from training samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.actions.scaling import filled
from models.layers.canonical import CanonicalScale2d
from models.networks.standardise_vectors import folded, standardise_vectors


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
        return folded(nn.BatchNorm2d(len(self.shift), eps=0.0), self.shift, self.scale)


def _per_channel(x: Tensor) -> tuple[Tensor, Tensor]:
    """(means, standard deviations) of the channels of x (n, c, h, w), whatever their units, made positive as
    `filled` does."""
    # Squares of small numbers underflow, those of large ones overflow; powers of two change no digit.
    unit = torch.ldexp(torch.ones(x.shape[1]).to(x), torch.frexp(x.abs().amax((0, 2, 3))).exponent - 1)
    shares = x / unit[:, None, None]
    spread = shares.std((0, 2, 3)) * unit
    spread[x.amax((0, 2, 3)) == x.amin((0, 2, 3))] = 0.0
    return shares.mean((0, 2, 3)) * unit, torch.from_numpy(filled(spread.double().cpu().numpy())).to(x)


def standardise(network: nn.Sequential, x: Tensor, spec: dict[str, Any]) -> None:
    """Set the layers that prepare samples, from samples x (n, ...), so that they commute with the group."""
    first = network[0]
    if isinstance(first, StandardiseChannels):
        shift, scale = _per_channel(x)
        first.shift.copy_(shift)
        first.scale.copy_(1.0 / scale)
        if isinstance(network[1], CanonicalScale2d):
            network[1].fit(first(x))
    else:
        standardise_vectors(network, x, spec)
