"""Real representations of finite groups: trivial, sign, regular, quotient, sums, products, restriction, induction.

A representation acts on column vectors. Those that only permute coordinates are held as permutations, entry i going to
`permutations[g, i]`, because linear maps between them are shared weights; others are held as matrices.
Sources: Serre, Linear Representations of Finite Groups (1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.groups.action import ActingGroup, as_permutations
from models.groups.finite import FiniteGroup, FloatArray, IntArray, Map, permutation_matrix
from models.groups.structure import (
    coset_numbers,
    determinants,
    extend_homomorphism,
    left_cosets,
    quotient,
    subgroup,
)

_CLOSE = 1e-8


@dataclass(frozen=True, eq=False)
class Representation:
    """rho: G -> GL(n). `maps`: (order, n) permutations or (order, n, n) matrices, one for each element of `group`.

    `summands` are the blocks of a direct sum, from the first coordinate to the last; empty for any other.
    """

    group: FiniteGroup
    maps: Map
    name: str
    summands: tuple[Representation, ...] = ()

    @property
    def dimension(self) -> int:
        return int(self.maps.shape[1])

    @property
    def is_permutation(self) -> bool:
        return self.maps.dtype.kind == "i"

    @property
    def permutations(self) -> IntArray:
        """(order, n): where each coordinate goes. Raises ValueError for a representation that does not permute."""
        if not self.is_permutation:
            raise ValueError(f"{self.name} does not permute its coordinates")
        return np.asarray(self.maps)

    @cached_property
    def matrices(self) -> FloatArray:
        """(order, n, n)."""
        if not self.is_permutation:
            return np.asarray(self.maps, dtype=np.float64)
        stacked = np.zeros((self.group.order, self.dimension, self.dimension))
        np.put_along_axis(stacked, self.permutations[:, None, :], 1.0, axis=1)
        return stacked

    @cached_property
    def character(self) -> FloatArray:
        """The trace of every element, (order,)."""
        if self.is_permutation:
            fixed = (self.permutations == np.arange(self.dimension)).sum(axis=1)
            return np.asarray(fixed, dtype=np.float64)
        return np.asarray(np.trace(self.maps, axis1=1, axis2=2), dtype=np.float64)

    @cached_property
    def is_orthogonal(self) -> bool:
        """True when every matrix is orthogonal."""
        if self.is_permutation:
            return True
        gram = np.einsum("gki,gkj->gij", self.maps, self.maps)
        return bool(np.allclose(gram, np.eye(self.dimension), atol=_CLOSE))

    def matrix(self, element: int) -> FloatArray:
        """The matrix of one element, (n, n)."""
        if self.is_permutation:
            return permutation_matrix(self.maps[element])
        return np.asarray(self.maps[element], dtype=np.float64)

    def is_homomorphism(self) -> bool:
        """True when rho(s g) = rho(s) rho(g) for all g and every s of a generating set, and rho(e) = 1."""
        if not np.allclose(self.matrix(0), np.eye(self.dimension), atol=_CLOSE):
            return False
        for s in self.group.generators:
            moved = self.maps[self.group.table[s]]
            if self.is_permutation:
                if (moved != self.permutations[s][self.permutations]).any():
                    return False
            elif not np.allclose(moved, self.maps[s] @ self.maps, atol=1e-6 * max(1.0, float(np.abs(moved).max()))):
                return False
        return True


def trivial(group: FiniteGroup) -> Representation:
    """One coordinate that nothing moves."""
    return Representation(group, np.zeros((group.order, 1), dtype=np.int64), "trivial")


def regular(group: FiniteGroup) -> Representation:
    """Functions on the group, (rho(h) f)(g) = f(h^-1 g): coordinate g goes to h g."""
    return Representation(group, group.table, "regular")


def quotient_representation(group: FiniteGroup, members: frozenset[int], name: str | None = None) -> Representation:
    """Functions on the left cosets of a subgroup, in the order of `left_cosets`: x H goes to h x H."""
    numbers = coset_numbers(group, members)
    leaders = left_cosets(group, members)[:, 0]
    return Representation(group, numbers[group.table[:, leaders]], name or f"quotient by {len(members)} elements")


def permutation_representation(
    group: FiniteGroup, images: Sequence[Sequence[int]] | IntArray, name: str = "permutation"
) -> Representation:
    """`images`: (order, n), the permutation of every element. Raises ValueError when they are no homomorphism."""
    maps = np.asarray(images, dtype=np.int64)
    if maps.shape[0] != group.order or (np.sort(maps, axis=1) != np.arange(maps.shape[1])).any():
        raise ValueError(f"give one permutation for each of the {group.order} elements")
    return _checked(Representation(group, maps, name))


def matrix_representation(group: FiniteGroup, matrices: FloatArray, name: str = "matrices") -> Representation:
    """`matrices`: (order, n, n); held as permutations where all are. Raises ValueError when no homomorphism."""
    if matrices.ndim != 3 or len(matrices) != group.order or matrices.shape[1] != matrices.shape[2]:
        raise ValueError(f"give one square matrix for each of the {group.order} elements")
    return _checked(Representation(group, _maps(matrices), name))


def from_generators(
    group: FiniteGroup, generators: Sequence[int], images: Sequence[FloatArray], name: str = "matrices"
) -> Representation:
    """The representation with rho(generators[k]) = images[k], (n, n) each. Raises ValueError when there is none."""
    dimension = len(images[0]) if images else 1
    maps = extend_homomorphism(group, generators, images, np.eye(dimension), np.matmul)
    return matrix_representation(group, np.stack(maps), name)


def _maps(maps: Map) -> Map:
    """Matrices as permutations where every one of them is, else unchanged."""
    if maps.dtype.kind == "i":
        return maps
    permutations = as_permutations(list(maps))
    return np.asarray(maps, dtype=np.float64) if permutations is None else np.stack(permutations)


def _checked(rep: Representation) -> Representation:
    if not rep.is_homomorphism():
        raise ValueError(f"{rep.name} is no representation: the image of some product is not the product of the images")
    return rep


def one_dimensional(group: FiniteGroup) -> list[Representation]:
    """Every homomorphism to {1, -1}, the trivial one first, then by values in the order of the elements.

    They factor through G / <squares>, which is a product of groups of two elements.
    """
    squares = group.closure(sorted(set(np.diagonal(group.table).tolist())))
    abelian, numbers = quotient(group, squares), coset_numbers(group, squares)
    basis = abelian.generators
    bits = np.asarray(
        extend_homomorphism(abelian, basis, [1 << k for k in range(len(basis))], 0, lambda a, b: a ^ b), dtype=np.int64
    )
    masks = np.arange(abelian.order)
    parity = np.zeros((abelian.order, abelian.order), dtype=np.int64)
    for k in range(len(basis)):
        parity ^= ((masks[:, None] & bits[None, :]) >> k) & 1
    values = (1.0 - 2.0 * parity)[:, numbers]
    ranked = sorted(values.tolist(), reverse=True)
    others = [
        Representation(group, np.asarray(row)[:, None, None], f"sign{k}") for k, row in enumerate(ranked[1:], start=1)
    ]
    return [trivial(group), *others]


def sign_representation(group: FiniteGroup, kernel: frozenset[int] | None = None) -> Representation:
    """The one-dimensional representation that is 1 exactly on `kernel`, a subgroup of half the elements.

    Without a kernel: the determinants of the elements (the signs of permutations) where some are -1, else the only
    non-trivial one. Raises ValueError when there is none, or no unique one.
    """
    if kernel is None:
        values = np.sign(determinants(group))
        if (values > 0).all():
            others = one_dimensional(group)[1:]
            if len(others) != 1:
                raise ValueError(f"this group has {len(others)} sign representations: give the kernel of one")
            return Representation(group, others[0].maps, "sign")
        return Representation(group, values[:, None, None], "sign")
    values = -np.ones(group.order)
    values[list(kernel)] = 1.0
    return _checked(Representation(group, values[:, None, None], "sign"))


def defining(acting: ActingGroup | FiniteGroup) -> Representation:
    """The maps by which a group was given: its action on its coordinates x, or a finite group's own elements."""
    if isinstance(acting, FiniteGroup):
        return Representation(acting, _maps(acting.elements), "defining")
    return Representation(acting.group, _maps(acting.x), "defining")


def label_representation(acting: ActingGroup, outputs: int) -> Representation:
    """The action on the label vector; with a trivial one, `outputs` coordinates that nothing moves."""
    if acting.y is None:
        still = np.broadcast_to(np.arange(outputs), (acting.group.order, outputs)).astype(np.int64)
        return Representation(acting.group, still, "labels")
    return matrix_representation(acting.group, acting.y, "labels")


def same_group(a: Representation, b: Representation) -> FiniteGroup:
    """The group of both. Raises ValueError when they are representations of different groups."""
    if a.group is not b.group and not np.array_equal(a.group.table, b.group.table):
        raise ValueError(f"{a.name} and {b.name} are representations of different groups")
    return a.group


def direct_sum(terms: Sequence[Representation], name: str | None = None) -> Representation:
    """The block diagonal representation of one or more terms; permutations when all are."""
    group = terms[0].group
    for term in terms:
        same_group(terms[0], term)
    offsets = np.concatenate([[0], np.cumsum([term.dimension for term in terms])]).astype(np.int64)
    name = name or " + ".join(term.name for term in terms)
    summands = tuple(part for term in terms for part in term.summands or (term,))
    if all(term.is_permutation for term in terms):
        parts = [term.permutations + start for term, start in zip(terms, offsets, strict=False)]
        return Representation(group, np.concatenate(parts, axis=1), name, summands)
    maps = np.zeros((group.order, offsets[-1], offsets[-1]))
    for term, start in zip(terms, offsets, strict=False):
        maps[:, start : start + term.dimension, start : start + term.dimension] = term.matrices
    return Representation(group, maps, name, summands)


def multiple(rep: Representation, copies: int) -> Representation:
    """`copies` of one representation, one after the other."""
    return direct_sum([rep] * copies, rep.name if copies == 1 else f"{copies} {rep.name}")


def tensor_product(a: Representation, b: Representation) -> Representation:
    """rho_a(g) (x) rho_b(g); coordinate (i, j) is numbered i n_b + j."""
    group = same_group(a, b)
    name = f"({a.name}) (x) ({b.name})"
    if a.is_permutation and b.is_permutation:
        pairs = a.permutations[:, :, None] * b.dimension + b.permutations[:, None, :]
        return Representation(group, pairs.reshape(group.order, -1), name)
    products = np.einsum("gij,gkl->gikjl", a.matrices, b.matrices)
    size = a.dimension * b.dimension
    return Representation(group, products.reshape(group.order, size, size), name)


def dual(rep: Representation) -> Representation:
    """rho(g^-1)^T: the same representation where it is orthogonal."""
    if rep.is_orthogonal:
        return rep
    return Representation(rep.group, rep.matrices[rep.group.inverse].transpose(0, 2, 1), f"dual of {rep.name}")


def restrict(rep: Representation, members: frozenset[int]) -> Representation:
    """The same maps for the elements of a subgroup only; its group is that of `structure.subgroup`."""
    part, where = subgroup(rep.group, members)
    return Representation(part, rep.maps[where], rep.name)


def induce(rep: Representation, group: FiniteGroup, members: frozenset[int]) -> Representation:
    """From a subgroup H to G: one copy of rep for each left coset, coordinate (coset, i) numbered coset n + i.

    g t_i = t_j h with t the leaders of `left_cosets` and h in H: block i goes to block j by rho(h). The trivial
    representation induces the quotient, the regular one the regular. `rep` belongs to `structure.subgroup`.
    """
    part, where = subgroup(group, members)
    if not np.array_equal(part.table, rep.group.table):
        raise ValueError(f"{rep.name} is not a representation of this subgroup")
    leaders = left_cosets(group, members)[:, 0]
    numbers = coset_numbers(group, members)
    moved = group.table[:, leaders]  # (g, i): g t_i
    to = numbers[moved]
    inside = np.searchsorted(where, group.table[group.inverse[leaders[to]], moved])  # (g, i): h in the numbering of H
    count, n = len(leaders), rep.dimension
    name = f"induced {rep.name}"
    if rep.is_permutation:
        images = to[:, :, None] * n + rep.permutations[inside]
        return Representation(group, images.reshape(group.order, -1), name)
    maps = np.zeros((group.order, count, n, count, n))
    g, i = np.meshgrid(np.arange(group.order), np.arange(count), indexing="ij")
    maps[g, to, :, i, :] = rep.matrices[inside]
    return Representation(group, maps.reshape(group.order, count * n, count * n), name)


def is_isomorphic(a: Representation, b: Representation) -> bool:
    """True when a change of basis takes one to the other: their characters are equal."""
    same_group(a, b)
    return bool(np.allclose(a.character, b.character, atol=1e-6))
