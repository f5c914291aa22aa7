"""Reading features off the plane where turns do not map the grid to itself."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


def disc_weights(height: int, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Weights of the pixels that average over the inscribed disc, with a rim one pixel soft; (height, width), sum 1."""
    y, x = np.ogrid[:height, :width]
    radius = np.hypot(y - (height - 1) / 2.0, x - (width - 1) / 2.0)
    weights = np.clip(min(height, width) / 2.0 - radius + 0.5, 0.0, 1.0)
    return np.asarray(weights / weights.sum())


class DiscMean(nn.Module):
    """(batch, fields * fibre, h, w) -> (batch, fields, fibre): the average over the inscribed disc.

    The corners of a square are no part of it: a turn by other than a right angle moves them off the picture.
    """

    def __init__(self, fibre: int, height: int, width: int) -> None:
        super().__init__()
        self.fibre = fibre
        self.weights: Tensor
        weights = torch.from_numpy(disc_weights(height, width)).to(torch.get_default_dtype())
        self.register_buffer("weights", weights.flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = (x.flatten(-2) @ self.weights).unflatten(-1, (-1, self.fibre))
        return mean

    def fold(self) -> nn.Module:
        """A matrix product and a reshape already."""
        return self

    def extra_repr(self) -> str:
        return f"fibres of {self.fibre}"
