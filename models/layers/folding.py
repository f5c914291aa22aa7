"""Ordinary convolutions with given kernels: what layers fold to."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def plain_conv2d(
    kernel: Tensor,
    bias: Tensor | None,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: int = 0,
    groups: int = 1,
) -> nn.Conv2d:
    """An ordinary convolution with this kernel, (out, in / groups, rows, columns), and this bias, (out,) or none."""
    out, inside, rows, columns = kernel.shape
    conv = nn.Conv2d(inside * groups, out, (rows, columns), stride, padding, groups=groups, bias=bias is not None).to(
        kernel
    )
    with torch.no_grad():
        conv.weight.copy_(kernel)
        if bias is not None and conv.bias is not None:
            conv.bias.copy_(bias)
    return conv
