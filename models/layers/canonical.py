"""Images brought to a common size and place before a network sees them: what makes a whole network scale invariant.

A layer that copies filters at a grid of scales commutes with a change of scale until something leaves the grid; a grid
that fits an image is short, and what a network pools from it hangs on its ends. Here the image itself says how large it
is, continuously and without ends: its radius scales as it does, so the image at unit radius does not change (a normal
form in the sense of image moments; as a way to equivariance: Kaba et al., 2023, arXiv:2211.06489).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_POWER = 2  # of the squared contrast: weights of degree four, to which noise on the ground adds little
_LOBES = 4  # zeros of the interpolating sinc on either side
_LARGEST = 3.0  # factor by which an image is enlarged or reduced at most
_SMALL = 1e-6


class CanonicalScale2d(nn.Module):
    """(..., channels, h, w) -> the same shape: the image about its centre of mass, at the radius `radius`.

    The mass of a pixel is the square of |x - ground|^2, summed over channels, ground the mean of the frame's border;
    the image's radius is the root mean square distance from the centre of mass. Both move with the image, so on a
    uniform ground the answer is the same for the image enlarged by up to a factor of 3 either way of `radius`, turned
    with the image for a turn, and unmoved by shifts; to the error of a windowed sinc. Symmetries of the grid are exact.
    A blank image is left as it is. `fit` sets the radius from samples. Content that fills the frame, such as a texture,
    has the frame's radius whatever its scale: it is left at its scale.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.radius: Tensor
        self.y: Tensor
        self.x: Tensor
        self.register_buffer("radius", torch.tensor(min(height, width) / 8.0))
        self.register_buffer(
            "y", torch.arange(height).to(torch.get_default_dtype()) - (height - 1) / 2, persistent=False
        )
        self.register_buffer("x", torch.arange(width).to(torch.get_default_dtype()) - (width - 1) / 2, persistent=False)
        edge = torch.zeros(height, width)
        edge[[0, -1], :] = 1.0
        edge[:, [0, -1]] = 1.0
        self.edge: Tensor
        self.register_buffer("edge", edge / edge.sum(), persistent=False)

    def fit(self, x: Tensor) -> None:
        """Let the radius be the geometric mean of those of the samples x (n, channels, h, w)."""
        self.radius.fill_(float(self.measure(x)[0].log().mean().exp()))

    def measure(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Radius and centre of mass (y, x) of each image in pixels, from the frame's centre, (..., 1, 1, 1) each."""
        ground = (x * self.edge).sum((-2, -1), keepdim=True)
        mass = (x - ground).square().sum(-3, keepdim=True) ** _POWER
        total = mass.sum((-2, -1), keepdim=True) + _SMALL
        rows, columns = mass.sum(-1, keepdim=True), mass.sum(-2, keepdim=True)
        y, z = self.y[:, None], self.x
        cy = (rows * y).sum(-2, keepdim=True) / total
        cx = (columns * z).sum(-1, keepdim=True) / total
        spread = (rows * (y - cy).square()).sum(-2, keepdim=True) + (columns * (z - cx).square()).sum(-1, keepdim=True)
        return ((spread + _SMALL * self.radius**2) / total).sqrt(), cy, cx

    def forward(self, x: Tensor) -> Tensor:
        radius, cy, cx = self.measure(x)
        factor = (radius / self.radius).clamp(1.0 / _LARGEST, _LARGEST)  # pixels of x for one of the answer
        rows = _read(self.y, factor, cy)
        columns = _read(self.x, factor, cx)
        out: Tensor = rows @ x @ columns.transpose(-2, -1)
        return out

    def fold(self) -> nn.Module:
        """Sums and two matrix products already."""
        return self

    def extra_repr(self) -> str:
        return f"{self.height}x{self.width}"


def _read(axis: Tensor, factor: Tensor, centre: Tensor) -> Tensor:
    """(..., 1, n, n): rows that read a line of pixels at centre + factor * axis, through a low-pass where factor > 1.

    Beyond the frame its last pixels go on.
    """
    end = axis[-1:]
    places = torch.minimum(torch.maximum(factor * axis[:, None] + centre, -end), end)
    away = (places - axis) / factor.clamp(min=1.0) * math.pi
    near = away.abs() < 1e-4
    sinc = torch.where(near, torch.ones_like(away), away.sin() / torch.where(near, torch.ones_like(away), away))
    window = torch.where(away.abs() < _LOBES * math.pi, (away / (2.0 * _LOBES)).cos().square(), torch.zeros_like(away))
    weights = sinc * window
    return weights / weights.sum(-1, keepdim=True)
