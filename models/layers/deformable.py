"""Group convolution whose filters reach where the features tell them to, by offsets that transform as vectors.

y(g, p) = sum over h, k of w(g^-1 h, k) x(h, p + g (p_k + d_k(g, p))): every point p_k of the window is moved by a
vector d_k that a group convolution predicts from the same features. The d_k are functions on the group, in the frame
that g carries along, so g d_k is a vector that turns with the image. Deformable convolution: Dai et al. (2017,
arXiv:1703.06211).
Elements that map the grid to itself commute exactly; others up to the interpolation between pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.action import ActingGroup
from models.groups.planar import planar_name
from models.layers.folding import plain_conv2d
from models.layers.planar import GroupConv2d
from models.layers.regular import convolution_index

_FIRST_OFFSETS = 0.1  # of the offsets' weights at the start, against those of a convolution's


class DeformableGroupConv2d(nn.Module):
    """(batch, in * |G|, h, w) -> (batch, out * |G|, h, w).

    weight: (out, in, |G|, size^2). `size` is odd; offsets stay within `reach` pixels along each axis of the frame.
    """

    def __init__(
        self,
        acting: ActingGroup,
        in_fields: int,
        out_fields: int,
        size: int,
        *,
        bias: bool = True,
        reach: float = 2.0,
    ) -> None:
        super().__init__()
        order = acting.group.order
        self.title = f"{planar_name(acting.x_matrices())}: {in_fields} -> {out_fields} fields, {size}x{size}"
        scale = math.sqrt(2.0 / (in_fields * order * size * size))
        self.weight = nn.Parameter(torch.randn(out_fields, in_fields, order, size * size) * scale)
        self.bias = nn.Parameter(torch.zeros(out_fields)) if bias else None
        self.offsets = GroupConv2d(acting, in_fields, 2 * size * size, size)
        with torch.no_grad():
            self.offsets.weight.mul_(_FIRST_OFFSETS)
        self.reading = DisplacedReading(acting, size, reach)
        self.relative: Tensor
        self.register_buffer("relative", convolution_index(acting.group), persistent=False)

    def kernel(self) -> Tensor:
        """What each element and point takes from the fields, (|G| * size^2 * out, in * |G|, 1, 1)."""
        bank = self.weight[:, :, self.relative].permute(2, 4, 0, 1, 3)  # (g, k, out, in, h)
        return bank.flatten(3).flatten(0, 2)[..., None, None]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.reading(F.conv2d(x, self.kernel()), self.offsets(x))
        return y if self.bias is None else y + self._channel_bias(self.bias)

    def _channel_bias(self, bias: Tensor) -> Tensor:
        return bias.repeat_interleave(len(self.relative))[:, None, None]

    def fold(self) -> nn.Module:
        """The same map by two ordinary convolutions and grid sampling."""
        values = plain_conv2d(self.kernel(), None)
        bias = self.weight.new_zeros(()) if self.bias is None else self._channel_bias(self.bias).detach()
        return DisplacedConv2d(values, self.offsets.fold(), self.reading, bias)

    def extra_repr(self) -> str:
        return self.title


class DisplacedConv2d(nn.Module):
    """A deformable group convolution with its kernels expanded."""

    def __init__(self, values: nn.Module, offsets: nn.Module, reading: nn.Module, bias: Tensor) -> None:
        super().__init__()
        self.values, self.offsets, self.reading = values, offsets, reading
        self.bias: Tensor
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.reading(self.values(x), self.offsets(x)) + self.bias
        return y


class DisplacedReading(nn.Module):
    """Sum over the points k of values z(g, k, out; q) read at q = p + g (p_k + d_k(g, p)); zero outside the image.

    z: (batch, |G| * size^2 * out, h, w) and d: (batch, 2 * size^2 * |G|, h, w) -> (batch, out * |G|, h, w).
    """

    def __init__(self, acting: ActingGroup, size: int, reach: float) -> None:
        super().__init__()
        self.reach = reach
        rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        points = torch.stack([columns, rows], dim=-1).flatten(0, 1) - (size - 1) / 2.0
        self.frames: Tensor
        self.points: Tensor
        frames = torch.from_numpy(acting.x_matrices()).to(torch.get_default_dtype())
        self.register_buffer("frames", frames, persistent=False)  # (g, 2, 2)
        self.register_buffer("points", points.to(frames), persistent=False)  # (k, 2) as (x, y)

    def forward(self, z: Tensor, d: Tensor) -> Tensor:
        batch, height, width = z.shape[0], z.shape[-2], z.shape[-1]
        order, count = len(self.frames), len(self.points)
        bounded = self.reach * torch.tanh(d.float() / self.reach if d.dtype.itemsize < 4 else d / self.reach)
        local = bounded.reshape(batch, count, 2, order, height, width).permute(0, 3, 1, 4, 5, 2)  # (b, g, k, h, w, xy)
        local = local + self.points[:, None, None]
        turned = torch.einsum("guv,bgkhwv->bgkhwu", self.frames, local)
        x = torch.arange(width, device=z.device, dtype=turned.dtype)
        y = torch.arange(height, device=z.device, dtype=turned.dtype)
        where = turned + torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
        values = z.reshape(batch * order * count, -1, height, width)
        read = interpolated(values.to(turned.dtype), where.reshape(-1, height, width, 2))
        summed = read.reshape(batch, order, count, -1, height, width).sum(2)
        return summed.transpose(1, 2).flatten(1, 2).to(z.dtype)


def interpolated(x: Tensor, where: Tensor) -> Tensor:
    """x: (batch, channels, h, w) read at pixel coordinates where: (batch, rows, columns, 2), zero outside.

    The cubic with a = -1/2, which reproduces slopes (Keys, 1981), where `grid_sample` has a = -3/4. That with a = 0 is
    linear interpolation at smoothed fractions, and two thirds of the one and one third of the other make a = -1/2 along
    an axis; in the plane the mixture differs from the product by the square of their difference, which is small.
    """
    size = torch.tensor([x.shape[-1], x.shape[-2]], device=x.device, dtype=where.dtype)
    whole = where.detach().floor()
    fraction = where - whole
    smooth = whole + fraction**2 * (3.0 - 2.0 * fraction)
    cubic, eased = (
        F.grid_sample(x, (2.0 * at + 1.0) / size - 1.0, mode=mode, padding_mode="zeros", align_corners=False)
        for at, mode in ((where, "bicubic"), (smooth, "bilinear"))
    )
    return (2.0 * cubic + eased) / 3.0
