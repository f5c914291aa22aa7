"""Convolutions that commute with every turn of the plane (SO(2)), or every turn and mirror (O(2)), as nearly as a pixel
grid allows, and exactly with the symmetries of the grid.

Features are (batch, fields * C, h, w): each field a band-limited function on the group, see `models.layers.circular`.
Kernels are `weight @ basis`. Fields as functions on the circle with nonlinearities on samples of them: Cohen et al.
(2018, arXiv:1801.10130), Weiler and Cesa (2019, arXiv:1911.08251).
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.finite import FloatArray
from models.groups.intertwiners import canonical
from models.layers.circular import convolution_basis, lifting_basis
from models.layers.filter_counts import coefficient_count
from models.layers.folding import plain_conv2d


class SteerableLifting2d(nn.Module):
    """x: (batch, in, h, w) -> (batch, out * C, h, w): correlation with every turned copy of each filter."""

    def __init__(self, group: str, frequency: int, in_channels: int, out_fields: int, size: int) -> None:
        super().__init__()
        self.size = size
        basis = lifting_basis(group, frequency, size)
        self.title = f"{_title(group, frequency)}: {in_channels} -> {out_fields} fields, {size}x{size}"
        scale = math.sqrt(2.0 * basis.shape[1] / (in_channels * len(basis)))
        self.weight = nn.Parameter(torch.randn(out_fields, in_channels, len(basis)) * scale)
        self.bias = nn.Parameter(torch.zeros(out_fields))
        self.basis: Tensor
        self.constant: Tensor
        self.register_buffer("basis", _tensor(basis).flatten(1), persistent=False)  # (b, C * size^2)
        self.register_buffer("constant", _tensor(_constant(group, frequency)), persistent=False)

    def kernel(self) -> tuple[Tensor, Tensor]:
        """The dense kernel (out * C, in, size, size) and its bias."""
        bank = (self.weight @ self.basis).unflatten(-1, (len(self.constant), self.size, self.size))
        return bank.transpose(1, 2).flatten(0, 1), (self.bias[:, None] * self.constant).flatten()

    def forward(self, x: Tensor) -> Tensor:
        kernel, bias = self.kernel()
        return F.conv2d(x, kernel, bias, padding=self.size // 2)

    def fold(self) -> nn.Module:
        """The same map as an ordinary convolution."""
        return plain_conv2d(*self.kernel(), padding=self.size // 2)

    def extra_repr(self) -> str:
        return self.title


class SteerableConv2d(nn.Module):
    """(batch, in * C, h, w) -> (batch, out * C, h, w): the linear maps of a window that commute with the group."""

    def __init__(self, group: str, frequency: int, in_fields: int, out_fields: int, size: int) -> None:
        super().__init__()
        self.size = size
        basis = convolution_basis(group, frequency, size)
        self.title = f"{_title(group, frequency)}: {in_fields} -> {out_fields} fields, {size}x{size}"
        scale = math.sqrt(2.0 * basis.shape[1] / (in_fields * len(basis)))
        self.weight = nn.Parameter(torch.randn(out_fields, in_fields, len(basis)) * scale)
        self.bias = nn.Parameter(torch.zeros(out_fields))
        self.basis: Tensor
        self.constant: Tensor
        self.register_buffer("basis", _tensor(basis).flatten(1), persistent=False)  # (b, C * C * size^2)
        self.register_buffer("constant", _tensor(_constant(group, frequency)), persistent=False)

    def kernel(self) -> tuple[Tensor, Tensor]:
        """The dense kernel (out * C, in * C, size, size) and its bias."""
        c = len(self.constant)
        bank = (self.weight @ self.basis).unflatten(-1, (c, c, self.size, self.size))  # (out, in, C, C, size, size)
        return bank.transpose(1, 2).flatten(2, 3).flatten(0, 1), (self.bias[:, None] * self.constant).flatten()

    def forward(self, x: Tensor) -> Tensor:
        kernel, bias = self.kernel()
        return F.conv2d(x, kernel, bias, padding=self.size // 2)

    def fold(self) -> nn.Module:
        """The same map as an ordinary convolution."""
        return plain_conv2d(*self.kernel(), padding=self.size // 2)

    def extra_repr(self) -> str:
        return self.title


class FourierReLU(nn.Module):
    """(batch, fields * C, h, w) -> the same shape: each field read at N angles, ReLU, and back to its band.

    Exact for turns by multiples of 360 / N degrees; N must be a multiple of 4 and above 2F (ValueError otherwise), and
    is 4 (F + 1) unless given. Other turns see what the ReLU's harmonics above N - F alias.
    """

    def __init__(self, group: str, frequency: int, fields: int, samples: int | None = None) -> None:
        super().__init__()
        count = samples or 4 * (frequency + 1)
        if count % 4 or count <= 2 * frequency:
            raise ValueError(f"angles are a multiple of 4 and more than {2 * frequency}, not {count}")
        self.fields = fields
        self.title = f"{_title(group, frequency)}: {fields} fields at {count} angles"
        read, write = _transforms(group, frequency, count)
        self.read: Tensor
        self.write: Tensor
        self.register_buffer("read", _tensor(read), persistent=False)
        self.register_buffer("write", _tensor(write), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        functions = x.unflatten(-3, (self.fields, -1)).flatten(-2)
        out = self.write @ torch.relu(self.read @ functions)
        back: Tensor = out.unflatten(-1, x.shape[-2:]).flatten(-4, -3)
        return back

    def fold(self) -> nn.Module:
        """Two matrix products around a ReLU already."""
        return self

    def extra_repr(self) -> str:
        return self.title


class SteerableNorm2d(nn.Module):
    """Batch normalisation of fields as functions: mean and variance over the batch, the plane and the group.

    The mean lies in frequency 0 alone, and all frequencies share one factor.
    """

    def __init__(self, group: str, frequency: int, fields: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.fields, self.momentum, self.epsilon = fields, momentum, epsilon
        self.title = f"{_title(group, frequency)}: {fields} fields"
        constant = _constant(group, frequency)
        self.weight = nn.Parameter(torch.ones(fields))
        self.bias = nn.Parameter(torch.zeros(fields))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.constant: Tensor
        self.power: Tensor
        self.register_buffer("running_mean", torch.zeros(fields))
        self.register_buffer("running_var", torch.ones(fields))
        self.register_buffer("constant", _tensor(constant), persistent=False)
        # The mean square over the group of a function with these coefficients: a0^2 + (a1^2 + b1^2 + ...) / 2.
        self.register_buffer("power", _tensor((constant + 1.0) / 2.0 / constant.sum()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean, variance = self._statistics(x)
            with torch.no_grad():
                # Not lerp_, which networks that run as one (vmap) do without.
                self.running_mean += self.momentum * (mean.to(self.running_mean.dtype) - self.running_mean)
                self.running_var += self.momentum * (variance.to(self.running_var.dtype) - self.running_var)
        else:
            mean, variance = self.running_mean, self.running_var
        factor = self.weight / torch.sqrt(variance + self.epsilon)
        shift = (self.bias - mean * factor)[:, None] * self.constant
        every = factor.repeat_interleave(len(self.constant))
        return x * every[:, None, None].to(x.dtype) + shift.flatten()[:, None, None].to(x.dtype)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        precise = x if x.dtype == torch.float64 else x.float()
        first = precise.mean((0, 2, 3)).unflatten(0, (self.fields, -1)) @ (self.constant / self.constant.sum())
        second = precise.square().mean((0, 2, 3)).unflatten(0, (self.fields, -1)) @ self.power
        return first, (second - first.square()).clamp_min(0.0)

    def fold(self) -> nn.Module:
        """The same map, in evaluation mode, as a batch normalisation of channels."""
        c = len(self.constant)
        norm = nn.BatchNorm2d(self.fields * c, eps=self.epsilon)
        norm = norm.to(device=self.weight.device, dtype=self.weight.dtype).eval()
        with torch.no_grad():
            norm.get_buffer("running_mean").copy_((self.running_mean[:, None] * self.constant).flatten())
            norm.get_buffer("running_var").copy_(self.running_var.repeat_interleave(c))
            norm.weight.copy_(self.weight.repeat_interleave(c))
            norm.bias.copy_((self.bias[:, None] * self.constant).flatten())
        return norm

    def extra_repr(self) -> str:
        return self.title


class SteerableHead(nn.Module):
    """(batch, fields, C) -> (batch, outputs): what labels see of the group.

    `labels`: "trivial", an affine map of the frequencies 0; "sign" (O(2) alone), outputs that mirrors move by the
    involution `mirror` (outputs, outputs), minus the identity unless given; "vector", two outputs that turn with the
    plane, from the frequencies 1. Raises ValueError for labels that the group does not have.
    """

    def __init__(
        self,
        group: str,
        frequency: int,
        fields: int,
        outputs: int,
        labels: str = "trivial",
        mirror: FloatArray | None = None,
    ) -> None:
        super().__init__()
        basis, constant = _readout(group, frequency, outputs, labels, mirror)
        self.title = f"{_title(group, frequency)}: {fields} fields -> {outputs} outputs, {labels} labels"
        self.weight = nn.Parameter(torch.randn(fields, len(basis)) / math.sqrt(fields))
        self.bias = nn.Parameter(torch.zeros(len(constant)))
        self.basis: Tensor
        self.constant: Tensor
        self.register_buffer("basis", _tensor(basis).flatten(1), persistent=False)  # (b, outputs * C)
        self.register_buffer("constant", _tensor(constant), persistent=False)  # (b', outputs)

    def matrix(self) -> tuple[Tensor, Tensor]:
        """The dense matrix (outputs, fields * C) and its bias."""
        outputs = self.constant.shape[-1]
        bank = (self.weight @ self.basis).unflatten(-1, (outputs, -1))
        return bank.transpose(0, 1).flatten(1), self.bias @ self.constant

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.flatten(-2), *self.matrix())

    def fold(self) -> nn.Module:
        """The same map as a linear layer after flattening."""
        matrix, bias = self.matrix()
        linear = nn.Linear(matrix.shape[1], matrix.shape[0], device=matrix.device, dtype=matrix.dtype)
        with torch.no_grad():
            linear.weight.copy_(matrix)
            linear.bias.copy_(bias)
        return nn.Sequential(nn.Flatten(-2), linear)

    def extra_repr(self) -> str:
        return self.title


def _readout(
    group: str, frequency: int, outputs: int, labels: str, mirror: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Maps from one field to the outputs, (b, outputs, C), and the outputs that the group fixes, (b', outputs)."""
    channels = coefficient_count(group, frequency)
    copies = channels // (1 + 2 * frequency)
    if labels == "vector" and outputs == 2 and frequency >= 1:
        basis = np.zeros((2, 2, copies, 1 + 2 * frequency))
        basis[0, :, 0, 1:3] = [[1.0, 0.0], [0.0, 1.0]]
        basis[1, :, 0, 1:3] = [[0.0, -1.0], [1.0, 0.0]]
        if group == "O(2)":  # v = c z - c* z', as the mirror x -> -x takes (z, z') to (z'*, z*) and v to -v*
            basis[0, :, 1, 1:3] = [[-1.0, 0.0], [0.0, -1.0]]
            basis[1, :, 1, 1:3] = [[0.0, -1.0], [1.0, 0.0]]
        return basis.reshape(2, 2, channels) / copies, np.zeros((0, 2))
    if labels == "vector":
        raise ValueError(f"vector labels have two outputs and need frequency 1, not {outputs} and {frequency}")
    if labels == "trivial":
        involution = np.eye(outputs)
    elif labels == "sign" and group == "O(2)":
        involution = -np.eye(outputs) if mirror is None else np.asarray(mirror, dtype=np.float64)
    else:
        raise ValueError(f"{group} has no {labels} labels")
    rows = []
    for sign in (1.0, -1.0):
        kept = _orthonormal((np.eye(outputs) + sign * involution) / 2.0)
        for output in kept:
            row = np.zeros((outputs, copies, 1 + 2 * frequency))
            row[:, 0, 0] = output
            row[:, -1, 0] = output * (sign if copies == 2 else 1.0)
            rows.append(row.reshape(outputs, channels) / copies)
    return np.stack(rows), _orthonormal((np.eye(outputs) + involution) / 2.0)


def _orthonormal(projection: FloatArray) -> FloatArray:
    """The orthonormal basis of a projection's range that depends on the range alone, (rank, n)."""
    u, values, _ = np.linalg.svd(projection)
    return canonical(np.asarray(u[:, values > 0.5].T))


def _transforms(group: str, frequency: int, count: int) -> tuple[FloatArray, FloatArray]:
    """From coefficients to values at `count` angles on each component, and back: (S, C) and (C, S)."""
    angles = 2.0 * np.pi * np.arange(count) / count
    waves = [np.ones(count)]
    for k in range(1, frequency + 1):
        waves += [np.cos(k * angles), np.sin(k * angles)]
    read = np.stack(waves, axis=1)
    write = read.T * np.where(np.arange(len(waves)) == 0, 1.0, 2.0)[:, None] / count
    copies = np.eye(coefficient_count(group, frequency) // len(waves))
    return np.asarray(np.kron(copies, read)), np.asarray(np.kron(copies, write))


def _constant(group: str, frequency: int) -> FloatArray:
    """The coefficients of the function 1."""
    constant = np.zeros(coefficient_count(group, frequency))
    constant[:: 1 + 2 * frequency] = 1.0
    return constant


def _tensor(values: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(torch.get_default_dtype())


def _title(group: str, frequency: int) -> str:
    return f"{group}, F={frequency}"
