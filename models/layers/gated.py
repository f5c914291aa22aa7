"""Nonlinear layers for features that the group does not permute: functions of their lengths, gates, and products.

Features are (batch, fields, n), n the dimension of a representation. Values that the group only permutes need none of
this: every pointwise function commutes with permutations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.groups.intertwiners import intertwiner_basis
from models.groups.representations import Representation, tensor_product

_SMALL = 1e-6  # of a squared length


class NormGate(nn.Module):
    """(batch, fields, n) -> the same: each field times sigmoid(a |x| + b), for orthogonal representations.

    |x| is the root mean square of the components. Raises ValueError for a representation that is not orthogonal.
    """

    def __init__(self, rep: Representation, fields: int) -> None:
        super().__init__()
        if not rep.is_orthogonal:
            raise ValueError(f"lengths are no invariants of {rep.name}: it is not orthogonal")
        self.slope = nn.Parameter(torch.ones(fields))
        self.offset = nn.Parameter(torch.zeros(fields))

    def forward(self, x: Tensor) -> Tensor:
        length = torch.sqrt((x**2).mean(-1) + _SMALL)
        return x * torch.sigmoid(self.slope * length + self.offset)[..., None]

    def fold(self) -> nn.Module:
        """Pointwise products already."""
        return self

    def extra_repr(self) -> str:
        return f"{len(self.slope)} fields"


class Gated(nn.Module):
    """x: (batch, fields, n), gates: (batch, fields, 1) that nothing moves -> x times sigmoid(gate)."""

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        return x * torch.sigmoid(gates)

    def fold(self) -> nn.Module:
        """A pointwise product already."""
        return self


class EquivariantBilinear(nn.Module):
    """(batch, fields_a, n_a), (batch, fields_b, n_b) -> (batch, out, n_out): B(rho_a x, rho_b y) = rho_out B(x, y).

    Combinations of the equivariant maps from the tensor product; for vectors of O(3) to numbers, the inner product.
    Source: Finzi et al. (2021), arXiv:2104.09459.
    """

    def __init__(
        self,
        rep_a: Representation,
        rep_b: Representation,
        rep_out: Representation,
        fields: tuple[int, int],
        out_fields: int,
    ) -> None:
        super().__init__()
        self.about = f"{rep_a.name}: {fields[0]}, {rep_b.name}: {fields[1]} -> {rep_out.name}: {out_fields} fields"
        basis = intertwiner_basis(tensor_product(rep_a, rep_b), rep_out) * math.sqrt(rep_out.dimension)
        self.basis: Tensor
        shaped = torch.from_numpy(basis).reshape(-1, rep_out.dimension, rep_a.dimension, rep_b.dimension)
        self.register_buffer("basis", shaped.to(torch.get_default_dtype()), persistent=False)
        scale = 1.0 / math.sqrt(max(len(basis), 1) * fields[0] * fields[1])
        self.weight = nn.Parameter(torch.randn(out_fields, fields[0], fields[1], len(basis)) * scale)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        products = torch.einsum("...ai,...bj,koij->...abko", x, y, self.basis)
        return torch.einsum("cabk,...abko->...co", self.weight, products)

    def fold(self) -> nn.Module:
        """Products already."""
        return self

    def extra_repr(self) -> str:
        return f"{self.about}, {self.weight.shape[-1]} maps"
