"""Linear maps between representations of a finite group that commute with it: `kernel = weight @ basis`."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.groups.finite import FloatArray, IntArray
from models.groups.intertwiners import intertwiner_basis, invariant_basis, orbit_index
from models.groups.representations import Representation, trivial


class EquivariantLinear(nn.Module):
    """(batch, in_fields, n_in) -> (batch, out_fields, n_out), W rho_in(g) = rho_out(g) W for every g, plus a bias.

    Between permutation representations a weight is shared by an orbit of pairs of coordinates; between others W is a
    combination of solved basis maps. Weights are in units in which every map has rows of unit length, so that they
    start with variance gain / (number of maps a row is made of). The bias is a vector that nothing moves.
    Source: Finzi et al. (2021), arXiv:2104.09459.
    """

    def __init__(
        self,
        rep_in: Representation,
        rep_out: Representation,
        in_fields: int = 1,
        out_fields: int = 1,
        gain: float = 2.0,
    ) -> None:
        super().__init__()
        self.about = f"{rep_in.name}: {in_fields} -> {rep_out.name}: {out_fields} fields"
        self.rows, self.columns = rep_out.dimension, rep_in.dimension
        dtype = torch.get_default_dtype()
        self.index: Tensor | None
        self.basis: Tensor | None
        self.scale: Tensor | None
        self.bias_basis: Tensor
        if rep_in.is_permutation and rep_out.is_permutation:
            index = orbit_index(rep_in, rep_out)
            count = int(index.max()) + 1
            sizes = np.bincount(index.ravel(), minlength=count)
            rows = np.bincount(_row_orbits(index), minlength=count)
            scale = torch.from_numpy(np.sqrt(rows / sizes)).to(dtype)
            maps = float(rows.sum()) / self.rows
            self.register_buffer("index", torch.from_numpy(index), persistent=False)
            self.register_buffer("scale", scale, persistent=False)
            self.register_buffer("basis", None, persistent=False)
        else:
            basis = intertwiner_basis(rep_in, rep_out).reshape(-1, self.rows * self.columns)
            count = len(basis)
            maps = max(count, 1)
            basis *= math.sqrt(self.rows)
            self.register_buffer("index", None, persistent=False)
            self.register_buffer("scale", None, persistent=False)
            self.register_buffer("basis", torch.from_numpy(basis).to(dtype), persistent=False)
        self.weight = nn.Parameter(torch.randn(out_fields, in_fields, count) * math.sqrt(gain / (in_fields * maps)))
        fixed = bias_maps(rep_out)
        self.bias = nn.Parameter(torch.zeros(out_fields, len(fixed)))
        self.register_buffer("bias_basis", torch.from_numpy(fixed).to(dtype), persistent=False)

    def kernel(self) -> tuple[Tensor, Tensor]:
        """The whole matrix (out_fields * n_out, in_fields * n_in) and its bias."""
        if self.index is not None and self.scale is not None:
            bank = (self.weight * self.scale)[:, :, self.index]
        else:
            assert self.basis is not None
            bank = (self.weight @ self.basis).unflatten(-1, (self.rows, self.columns))
        return bank.transpose(1, 2).flatten(2).flatten(0, 1), (self.bias @ self.bias_basis).flatten()

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.kernel()
        out: Tensor = F.linear(x.flatten(-2), weight, bias).unflatten(-1, (-1, self.rows))
        return out

    def fold(self) -> nn.Module:
        """The same map as one linear layer."""
        with torch.no_grad():
            weight, bias = self.kernel()
        return nn.Sequential(nn.Flatten(1), linear_layer(weight, bias), nn.Unflatten(1, (-1, self.rows)))

    def extra_repr(self) -> str:
        return f"{self.about}, {self.weight.shape[-1]} maps"


def linear_layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    """An ordinary linear layer that holds copies of these."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def bias_maps(rep: Representation) -> FloatArray:
    """The vectors that nothing moves, (count, n): indicators of orbits where the representation permutes."""
    if rep.is_permutation:
        labels = orbit_index(trivial(rep.group), rep)[:, 0]
        return np.asarray(labels == np.arange(int(labels.max()) + 1)[:, None], dtype=np.float64)
    return invariant_basis(rep)


def _row_orbits(index: IntArray) -> IntArray:
    """The orbits that each row is made of, each once, row after row."""
    ordered = np.sort(index, axis=1)
    first = np.ones(ordered.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return np.asarray(ordered[first])
