"""How many invariants and covariants vectors have under O(n) and SO(n), as the layers of `models.layers` use them."""

from __future__ import annotations

import math

_FEW = 6  # vectors whose pairs are all used
_CHOICES = 16  # of n vectors that are all used; more are mixed into 8
_MIXED = 8


def uses_pairs(vectors: int) -> bool:
    """Whether every pair of vectors gives invariants, or trained mixtures of all vectors do."""
    return vectors <= _FEW


def determinant_count(vectors: int, size: int) -> int:
    """How many choices, or mixtures, of `size` vectors are used; 0 when there are fewer vectors."""
    choices = math.comb(vectors, size)
    return choices if choices <= _CHOICES else _MIXED


def invariant_count(vectors: int, degree: int, scalars: int, special: bool, mixtures: int) -> int:
    """Invariants of some vectors of `degree` components and of numbers that do not move."""
    paired = 3 * math.comb(vectors, 2) if uses_pairs(vectors) else mixtures
    return scalars + vectors + paired + (2 * determinant_count(vectors, degree) if special else 0)


def frame_count(vectors: int, degree: int, special: bool) -> int:
    """Vectors whose combinations make the covariant vectors: themselves and, for SO(n), cross products of n - 1."""
    return vectors + (determinant_count(vectors, degree - 1) if special and vectors >= degree - 1 else 0)


def choice_parameters(vectors: int, size: int) -> int:
    """Trained numbers of the mixtures in place of too many choices of `size` vectors."""
    count = determinant_count(vectors, size)
    return 0 if count == math.comb(vectors, size) else count * size * vectors
