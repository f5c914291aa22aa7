"""Named groups acting on the coordinates of a vector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.groups.finite import FloatArray, GroupTooLarge, IntArray, Map, direct_sum, permutation_matrix
from models.groups.planar import planar_generators, planar_title
from models.groups.polyhedral import polyhedral_generators, polyhedral_title

Generators = list[Map]
MAX_ORDER = 512
MAX_MATRIX_DEGREE = 1024  # of Inv, which has a single matrix
_MAX_PRODUCT_DEGREE = 256


@dataclass(frozen=True)
class NamedGroup:
    """Generators on `degree` coordinates: all permutations, or all matrices."""

    generators: Generators
    degree: int
    title: str


def _transposition(n: int) -> IntArray:
    p = np.arange(n)
    p[[0, 1]] = p[[1, 0]]
    return p


def _cycle(n: int, start: int = 0) -> IntArray:
    """The cycle start -> start + 1 -> ... -> n - 1 -> start."""
    p = np.arange(n)
    p[start:] = np.roll(np.arange(start, n), -1)
    return p


def _flip(n: int, i: int) -> FloatArray:
    signs = np.ones(n)
    signs[i] = -1.0
    return np.diag(signs)


def _family(name: str, available: int) -> NamedGroup | None:
    """One factor of a product; `available` coordinates where the name does not fix its degree.

    Raises GroupTooLarge rather than make matrices that would not fit in memory.
    """
    if name in ("E", "C1"):
        return NamedGroup([], available, "no symmetry")
    if name == "Inv":
        if available > MAX_MATRIX_DEGREE:
            raise GroupTooLarge(f"matrices act on at most {MAX_MATRIX_DEGREE} coordinates, not {available}")
        return NamedGroup([-np.eye(available)], available, "point inversion x → -x")
    if name == "Flips":
        if 2 ** min(available, MAX_ORDER) > MAX_ORDER:  # before its matrices are made: they would not fit in memory
            raise GroupTooLarge(f"{available} sign changes generate more than {MAX_ORDER} elements")
        return NamedGroup([_flip(available, i) for i in range(available)], available, "every change of signs")
    planar = planar_generators(name)
    if planar is not None:
        return NamedGroup(list(planar), 2, planar_title(name))
    solid = polyhedral_generators(name)
    if solid is not None:
        return NamedGroup(list(solid), 3, polyhedral_title(name))
    match = re.fullmatch(r"([SAZB])_?([0-9]{1,3}|n)", name)
    if not match:
        return None
    n = available if match[2] == "n" else int(match[2])
    if n < 1:
        return None
    if n == 1:
        return NamedGroup([-np.eye(1)] if match[1] == "B" else [], 1, "no symmetry")
    if match[1] == "S":
        return NamedGroup(
            [_transposition(n), _cycle(n)][: 1 if n == 2 else 2], n, f"all permutations of {n} coordinates"
        )
    if match[1] == "A":
        three = [np.concatenate([np.roll(np.arange(3), -1), np.arange(3, n)])] if n >= 3 else []
        long = [_cycle(n) if n % 2 else _cycle(n, 1)] if n >= 4 else []
        return NamedGroup(three + long, n, f"even permutations of {n} coordinates")
    if match[1] == "Z":
        return NamedGroup([_cycle(n)], n, f"cyclic shifts of {n} coordinates")
    if n > 4:  # 2^5 5! = 3840
        raise GroupTooLarge(f"permutations and sign changes of {n} coordinates are more than {MAX_ORDER} elements")
    moves = [permutation_matrix(_transposition(n)), permutation_matrix(_cycle(n))]
    return NamedGroup([*moves, _flip(n, 0)], n, f"permutations and sign changes of {n} coordinates")


def factor_names(name: str) -> list[str]:
    """The factors of a product written `S3 x S2` or `S3×S2`, without spaces; a name alone is its only factor."""
    return [part.strip() for part in re.split(r"\s+x\s+|×", name)]


def named_group(name: str, available: int) -> NamedGroup | None:
    """The group called `name`, with products written `S3 x S2`; None when no such name exists.

    Raises GroupTooLarge beyond MAX_ORDER elements, or where its matrices would be too large.
    """
    factors = factor_names(name)
    if len(factors) == 1:
        return _family(factors[0], available)
    groups = [_family(factor, 0) for factor in factors]
    if sum(g.degree for g in groups if g is not None) > _MAX_PRODUCT_DEGREE:
        raise GroupTooLarge(f"products act on at most {_MAX_PRODUCT_DEGREE} coordinates")
    if any(g is None or g.degree == 0 for g in groups):
        return None
    return direct_product([g for g in groups if g is not None])


def direct_product(groups: Sequence[NamedGroup]) -> NamedGroup:
    """The direct product acting on the coordinates of its factors, one block after the other."""
    permutes = all(g.dtype.kind == "i" for group in groups for g in group.generators)
    degree = sum(group.degree for group in groups)
    generators: Generators = []
    permutations: Generators = []
    offset = 0
    for group in groups:
        for g in group.generators:
            if permutes:
                p = np.arange(degree)
                p[offset : offset + group.degree] = np.asarray(g) + offset
                permutations.append(p)
            else:
                block = permutation_matrix(g) if g.dtype.kind == "i" else np.asarray(g, dtype=np.float64)
                rest = degree - offset - group.degree
                generators.append(direct_sum(direct_sum(np.eye(offset), block), np.eye(rest)))
        offset += group.degree
    title = " and ".join(group.title for group in groups)
    return NamedGroup(permutations if permutes else generators, degree, title)


def repeated(group: NamedGroup, copies: int) -> NamedGroup:
    """The same group acting on several blocks of coordinates at once (the diagonal action)."""
    if all(g.dtype.kind == "i" for g in group.generators):
        k = group.degree
        permutations = [np.concatenate([np.asarray(g) + b * k for b in range(copies)]) for g in group.generators]
        return NamedGroup(permutations, k * copies, group.title)
    matrices = []
    for g in group.generators:
        block = np.asarray(g, dtype=np.float64)
        matrix = block
        for _ in range(copies - 1):
            matrix = direct_sum(matrix, block)
        matrices.append(matrix)
    return NamedGroup(matrices, group.degree * copies, group.title)
