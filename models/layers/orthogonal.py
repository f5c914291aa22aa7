"""O(n) and SO(n) acting on one or several vectors at once, beside numbers that they leave alone.

Every invariant of vectors under O(n) is a function of their inner products, under SO(n) of those and the determinants
of n of them; every covariant vector is a combination of the vectors (and, for SO(n), of the cross products of n - 1)
with invariant coefficients (Weyl, The Classical Groups, 1939; Villar et al., 2021, arXiv:2106.06610). So a network here
is an ordinary one on invariants, and where labels move its outputs are the coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from models.groups.vectors import determinant_count, frame_count, invariant_count, uses_pairs

_SMALL = 1e-6  # of a squared length in units of its mean


def cross(vectors: Tensor) -> Tensor:
    """(..., n - 1, n) -> (..., n): the vector c with c . v = det(vectors, v) for every v."""
    n = vectors.shape[-1]
    if n == 2:
        return torch.stack([-vectors[..., 0, 1], vectors[..., 0, 0]], dim=-1)
    if n == 3:
        product: Tensor = torch.linalg.cross(vectors[..., 0, :], vectors[..., 1, :], dim=-1)
        return product
    minors = [torch.linalg.det(vectors[..., [j for j in range(n) if j != i]]) for i in range(n)]
    return torch.stack([minor if (n - 1 - i) % 2 == 0 else -minor for i, minor in enumerate(minors)], dim=-1)


class Chosen(nn.Module):
    """(..., vectors, n) -> (..., count, size, n): all choices of `size` vectors, or trained mixtures of all of them."""

    def __init__(self, vectors: int, size: int, count: int) -> None:
        super().__init__()
        self.size = size
        self.mixtures: nn.Parameter | None = None
        choices = None
        if count == math.comb(vectors, size):
            choices = torch.tensor(list(combinations(range(vectors), size)), dtype=torch.int64).reshape(count, size)
        else:
            self.mixtures = nn.Parameter(torch.randn(count * size, vectors) / math.sqrt(vectors))
        self.choices: Tensor | None
        self.register_buffer("choices", choices, persistent=False)

    def forward(self, vectors: Tensor) -> Tensor:
        if self.mixtures is None:
            return vectors[..., self.choices, :]
        mixed: Tensor = (self.mixtures @ vectors).unflatten(-2, (-1, self.size))
        return mixed


class Vectors(nn.Module):
    """x: (batch, d) -> (batch, vectors, n): the vectors among the coordinates."""

    def __init__(self, vectors: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.where: Tensor
        self.register_buffer("where", torch.tensor([list(v) for v in vectors]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x[..., self.where]


class Determinants(nn.Module):
    """(batch, vectors, n) -> (batch, 2 * count): determinants of n vectors, and those of their directions.

    They change sign under the elements of O(n) outside SO(n).
    """

    def __init__(self, vectors: int, degree: int) -> None:
        super().__init__()
        self.degree = degree
        self.chosen = Chosen(vectors, degree, determinant_count(vectors, degree))

    def forward(self, vectors: Tensor) -> Tensor:
        rows = self.chosen(vectors)
        volumes = (cross(rows[..., :-1, :]) * rows[..., -1, :]).sum(-1)
        lengths = lengths_of(rows) * math.sqrt(self.degree)
        return torch.cat([volumes, volumes / lengths.prod(-1)], dim=-1)


class CrossProducts(nn.Module):
    """(batch, vectors, n) -> (batch, count, n): cross products of n - 1 vectors, which turn as vectors under SO(n)."""

    def __init__(self, vectors: int, degree: int) -> None:
        super().__init__()
        self.chosen = Chosen(vectors, degree - 1, determinant_count(vectors, degree - 1))

    def forward(self, vectors: Tensor) -> Tensor:
        return cross(self.chosen(vectors))


def lengths_of(vectors: Tensor) -> Tensor:
    """(..., n) -> (...): the root mean square of the components, smooth at zero."""
    return torch.sqrt((vectors**2).mean(-1) + _SMALL)


class Invariants(nn.Module):
    """x: (batch, d) -> (batch, count): invariants of the vectors and the other numbers, brought to a common scale.

    Lengths of the vectors; of few vectors the lengths of all sums and differences and the cosines of all angles, of
    many the lengths of `mixtures` trained combinations; for SO(n) determinants. Lengths and cosines span the inner
    products, and on planted tasks they were learned with a half to a third of the loss that inner products had.
    `fit` sets the scale from samples.
    """

    def __init__(self, vectors: Sequence[Sequence[int]], scalars: Sequence[int], special: bool, mixtures: int) -> None:
        super().__init__()
        count, degree = len(vectors), len(vectors[0])
        self.vectors = Vectors(vectors)
        self.about = f"{'S' * special}O({degree}) on {count} vectors and {len(scalars)} numbers"
        self.determinants = Determinants(count, degree) if special and determinant_count(count, degree) else None
        pairs = torch.triu_indices(count, count, 1) if uses_pairs(count) else None
        self.mixtures: nn.Parameter | None = None
        if pairs is None:
            self.mixtures = nn.Parameter(torch.randn(mixtures, count) / math.sqrt(count))
        self.pairs: Tensor | None
        self.scalars: Tensor
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("pairs", pairs, persistent=False)
        self.register_buffer("scalars", torch.tensor(list(scalars), dtype=torch.int64), persistent=False)
        total = invariant_count(count, degree, len(scalars), special, mixtures)
        self.register_buffer("shift", torch.zeros(total))
        self.register_buffer("scale", torch.ones(total))

    def raw(self, x: Tensor) -> Tensor:
        """The invariants as they are, (batch, count)."""
        vectors = self.vectors(x)
        lengths = lengths_of(vectors)
        found = [x[..., self.scalars], lengths]
        if self.pairs is not None:
            first, second = vectors[..., self.pairs[0], :], vectors[..., self.pairs[1], :]
            cosines = (first * second).mean(-1) / (lengths[..., self.pairs[0]] * lengths[..., self.pairs[1]])
            found += [lengths_of(first + second), lengths_of(first - second), cosines]
        elif self.mixtures is not None:
            found.append(lengths_of(self.mixtures @ vectors))
        if self.determinants is not None:
            found.append(self.determinants(vectors))
        return torch.cat(found, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        return (self.raw(x) - self.shift) * self.scale

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Take shift and scale from samples x (n, d)."""
        found = self.raw(x)
        self.shift.copy_(found.mean(0))
        self.scale.copy_(1.0 / found.std(0).clamp_min(1e-6))

    def fold(self) -> nn.Module:
        """Products and sums already."""
        return self

    def extra_repr(self) -> str:
        return f"{self.about} -> {len(self.shift)}"


class CovariantVectors(nn.Module):
    """x: (batch, d) -> (batch, outputs * n): combinations of vectors with coefficients that `network` finds from x.

    The vectors are those of x and, for SO(n), their cross products. `network`: (batch, d) -> (batch, outputs * frame),
    invariant.
    """

    def __init__(self, vectors: Sequence[Sequence[int]], special: bool, outputs: int, network: nn.Module) -> None:
        super().__init__()
        count, degree = len(vectors), len(vectors[0])
        self.outputs, self.frame = outputs, frame_count(count, degree, special)
        self.vectors = Vectors(vectors)
        self.cross = CrossProducts(count, degree) if self.frame > count else None
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        frame = self.vectors(x)
        if self.cross is not None:
            frame = torch.cat([frame, self.cross(frame)], dim=-2)
        coefficients = self.network(x).unflatten(-1, (self.outputs, self.frame))
        out: Tensor = (coefficients[..., None] * frame[..., None, :, :]).sum(-2).flatten(-2)
        return out

    def fold(self) -> nn.Module:
        """Products already; the network inside is made of linear layers."""
        return self

    def extra_repr(self) -> str:
        return f"{self.frame} -> {self.outputs} vectors"


class PseudoScalars(nn.Module):
    """x: (batch, d) -> (batch, outputs), changing sign under reflections: determinants with invariant coefficients.

    `network`: (batch, d) -> (batch, outputs * 2 * determinants), invariant. Fewer than n vectors have none.
    """

    def __init__(self, vectors: Sequence[Sequence[int]], outputs: int, network: nn.Module) -> None:
        super().__init__()
        count, degree = len(vectors), len(vectors[0])
        self.vectors = Vectors(vectors)
        self.determinants = Determinants(count, degree)
        self.outputs = outputs
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        coefficients = self.network(x).unflatten(-1, (self.outputs, -1))
        out: Tensor = (coefficients * self.determinants(self.vectors(x))[..., None, :]).sum(-1)
        return out

    def fold(self) -> nn.Module:
        """Products already; the network inside is made of linear layers."""
        return self

    def extra_repr(self) -> str:
        return f"{self.outputs} outputs"


class Opposite(nn.Module):
    """(batch, 1) -> (batch, 2), (s, -s): the scores of two classes that a change of sign exchanges."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, -x], dim=-1)

    def fold(self) -> nn.Module:
        """Plain already."""
        return self
