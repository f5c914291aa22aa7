"""Group convolution in two cheap steps: mix fields over the fibre, then correlate each channel with a turned filter.

After Lengyel and van Gemert (2021, arXiv:2106.04914) and Knigge, Romero and Bekkers (2022, arXiv:2110.13059).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.action import ActingGroup
from models.groups.planar import planar_name
from models.layers.folding import plain_conv2d
from models.layers.planar import GroupConv2d, LiftingConv2d


class SeparableGroupConv2d(nn.Module):
    """(batch, in * |G|, h, w) -> (batch, out * |G|, h, w): y(g, p) = sum_q v(g^-1 (q - p)) sum_h u(g^-1 h) x(h, q).

    A group convolution whose kernels are products of a function u on the group, one for each pair of fields, and a
    filter v on the plane, one for each output field. Raises ValueError for an even size.
    """

    def __init__(self, acting: ActingGroup, in_fields: int, out_fields: int, size: int, *, bias: bool = True) -> None:
        super().__init__()
        self.mix = GroupConv2d(acting, in_fields, out_fields, 1, bias=False)
        self.turn = LiftingConv2d(acting, 1, out_fields, size, bias=bias)
        with torch.no_grad():
            self.turn.weight.mul_(math.sqrt(0.5))  # its input is not rectified

    def forward(self, x: Tensor) -> Tensor:
        turn, order = self.turn, self.turn.acting.group.order
        bias = None if turn.bias is None else turn.bias.repeat_interleave(order)
        return F.conv2d(self.mix(x), turn.kernel(), bias, padding=turn.size // 2, groups=turn.out_fields * order)

    def fold(self) -> nn.Module:
        """The same map as two ordinary convolutions, the second channel by channel."""
        each = self.turn.fold()
        turn = plain_conv2d(each.weight, each.bias, padding=self.turn.size // 2, groups=each.out_channels)
        return nn.Sequential(self.mix.fold(), turn)

    def extra_repr(self) -> str:
        return f"{planar_name(self.turn.acting.x_matrices())}: {self.mix.in_fields} -> {self.turn.out_fields} fields"
