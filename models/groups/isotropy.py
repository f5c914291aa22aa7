"""Which functions on cosets an equivariant network needs as features, in place of functions on the whole group.

The map x -> <g w, x> takes a vector to a function on G / H, with H the elements that fix w: features of |G| / |H|
values that are permuted, so that pointwise nonlinearities commute with the group.
Source: Ravanbakhsh (2020), arXiv:2002.02912, on which such features are universal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from models.groups.finite import FiniteGroup, FloatArray, IntArray
from models.groups.intertwiners import orbits
from models.groups.representations import Representation, direct_sum, quotient_representation
from models.groups.structure import class_numbers

Subgroup = frozenset[int]
_POINTS = 64  # values of a feature up to which further kinds of cosets are added to the necessary ones
_KINDS = 3
_DRAWN = 64


def coset_features(group: FiniteGroup, subgroups: Sequence[Iterable[int]]) -> Representation:
    """Functions on the cosets of some subgroups, one kind after the other."""
    return direct_sum([quotient_representation(group, frozenset(h)) for h in subgroups], "cosets")


def feature_subgroups(rep: Representation, labels: Representation) -> list[Subgroup]:
    """Subgroups H_i such that functions on the G / H_i see all of x and can make all of y, smallest G / H_i first.

    `rep` is the action on x, `labels` that on y. The necessary ones come from the stabilisers of vectors; more are
    added while all together have at most 64 values.
    """
    group = rep.group
    whole = frozenset(range(group.order))
    found = isotropy_subgroups(rep)
    reaches: dict[Subgroup, tuple[FloatArray, FloatArray]] = {}

    def ranks(subgroups: list[Subgroup]) -> tuple[int, int]:
        for h in subgroups:
            if h not in reaches:
                reaches[h] = (_reach(rep, h), _reach(labels, h))
        x, y = (sum(reaches[h][k] for h in subgroups) for k in range(2))
        return _rank(np.asarray(x)), _rank(np.asarray(y))

    chosen = [whole]
    full, reached = (rep.dimension, labels.dimension), ranks([whole])
    for h in [*found, frozenset({0})]:
        if reached == full:
            break
        more = ranks([*chosen, h])
        if more != reached:
            chosen, reached = [*chosen, h], more
    for h in list(chosen):  # those that others make superfluous
        others = [other for other in chosen if other != h]
        if others and ranks(others) == full:
            chosen = others
    for h in found:
        if h not in chosen and len(chosen) < _KINDS and _values(group, [*chosen, h]) <= _POINTS:
            chosen.append(h)
    return sorted(chosen, key=lambda h: (group.order // len(h), sorted(h)))


def isotropy_subgroups(rep: Representation) -> list[Subgroup]:
    """The elements that fix a vector, for the kinds of vectors there are: one of each conjugacy class, largest first.

    Vectors are the axes and generic ones among those that one or two elements fix, drawn from a fixed seed; the whole
    group is left out.
    """
    group, rng = rep.group, np.random.default_rng(0)
    numbers = class_numbers(group)
    leaders = [int(np.flatnonzero(numbers == k)[0]) for k in range(int(numbers.max()) + 1)][:_DRAWN]
    generators = [[g] for g in leaders]
    generators += [[leaders[int(rng.integers(len(leaders)))], int(rng.integers(group.order))] for _ in range(_DRAWN)]
    axes = np.eye(rep.dimension)
    if rep.is_permutation:  # those of one orbit have conjugate stabilisers
        axes = axes[np.unique(orbits(list(rep.permutations), rep.dimension), return_index=True)[1]]
    vectors = list(axes) + [_fixed_vector(rep, pair, rng) for pair in generators]
    found: dict[Subgroup, None] = {}
    conjugates: set[bytes] = set()
    for vector in vectors:
        members = _stabiliser(rep, vector)
        if len(members) == group.order or members.tobytes() in conjugates:
            continue
        found[frozenset(members.tolist())] = None
        turns = np.unique(group.table[:, members].min(axis=1))  # one of each coset g H: the others conjugate alike
        moved = group.table[group.table[np.ix_(turns, members)], group.inverse[turns][:, None]]
        conjugates |= {row.tobytes() for row in np.sort(moved, axis=1)}
    return sorted(found, key=lambda h: (-len(h), sorted(h)))


def _fixed_vector(rep: Representation, elements: list[int], rng: np.random.Generator) -> FloatArray:
    """A generic vector among those that some elements fix."""
    drawn = rng.standard_normal(rep.dimension)
    if rep.is_permutation:
        return np.asarray(drawn[orbits([rep.permutations[g] for g in elements], rep.dimension)])
    equations = np.concatenate([rep.matrix(g) - np.eye(rep.dimension) for g in elements])
    _, values, rows = np.linalg.svd(equations)
    free = rows[int((values > 1e-8).sum()) :]
    return np.asarray(free.T @ (free @ drawn))


def _stabiliser(rep: Representation, vector: FloatArray) -> IntArray:
    if rep.is_permutation:
        still = (vector[rep.permutations] == vector).all(axis=1)
    else:
        still = np.abs(rep.matrices @ vector - vector).max(axis=1) < 1e-7 * max(1.0, float(np.abs(vector).max()))
    return np.asarray(np.flatnonzero(still), dtype=np.int64)


def _reach(rep: Representation, members: Subgroup) -> FloatArray:
    """A symmetric matrix whose range is what maps between rep and functions on G / H can see: all g w with H w = w."""
    if rep.is_permutation and (rep.permutations == np.arange(rep.dimension)).all():
        return np.eye(rep.dimension)
    if rep.is_permutation:
        fixed = orbits([rep.permutations[h] for h in members], rep.dimension)
        average = (fixed[:, None] == fixed) / np.bincount(fixed)[fixed]
        back = rep.permutations[rep.group.inverse]
        total: FloatArray = np.empty_like(average)
        for column in np.unique(orbits(list(rep.permutations), rep.dimension), return_index=True)[1]:
            # It commutes with the group, so that one column gives those of the whole orbit.
            seen = average[back, back[:, column, None]].mean(axis=0)
            reached, first = np.unique(rep.permutations[:, column], return_index=True)
            total[:, reached] = seen[back[first]].T
        return total
    average = rep.matrices[list(members)].mean(axis=0)
    turned = rep.matrices @ average
    return np.asarray(np.einsum("gik,gjk->ij", turned, turned) / rep.group.order)


def _rank(symmetric: FloatArray) -> int:
    return int(np.linalg.matrix_rank(symmetric, tol=1e-7, hermitian=True)) if len(symmetric) else 0


def _values(group: FiniteGroup, members: list[Subgroup]) -> int:
    return sum(group.order // len(h) for h in members)
