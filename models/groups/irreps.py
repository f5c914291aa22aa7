"""The real irreducible representations of a finite group, from its regular representation.

A generic symmetric matrix that commutes with the regular representation has one irreducible subspace per eigenvalue,
because its blocks are hermitian over the reals, the complex numbers or the quaternions. Cyclic and dihedral groups get
their usual basis instead: rotations by multiples of an angle, and a mirror.
Sources: Dixon, Computing irreducible representations of groups (1970); Serre, chapters 5 and 13.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.groups.finite import FiniteGroup, FloatArray, IntArray
from models.groups.intertwiners import canonical
from models.groups.representations import Representation, one_dimensional, trivial
from models.groups.structure import class_leaders, class_numbers, determinants

ComplexArray = NDArray[np.complex128]

_ATTEMPTS = 8
_TYPES = {1: "real", 2: "complex", 4: "quaternionic"}


@dataclass(frozen=True, eq=False)
class Irrep:
    """A real irreducible representation by orthogonal matrices; `frequency` k of cyclic and dihedral groups."""

    representation: Representation
    frequency: int | None = None

    @property
    def name(self) -> str:
        return self.representation.name

    @property
    def dimension(self) -> int:
        return self.representation.dimension

    @property
    def character(self) -> FloatArray:
        return self.representation.character

    @cached_property
    def commutant_dimension(self) -> int:
        """1, 2 or 4: how many independent matrices commute with it."""
        return round(float(np.mean(self.character**2)))

    @property
    def type(self) -> str:
        """`real`, `complex` or `quaternionic`: the numbers that its commuting matrices are."""
        return _TYPES[self.commutant_dimension]

    @property
    def multiplicity_in_regular(self) -> int:
        """How often the regular representation contains it."""
        return self.dimension // self.commutant_dimension


def irreps(group: FiniteGroup, seed: int = 0) -> list[Irrep]:
    """Every real irreducible representation, up to isomorphism, the trivial one first, then by dimension.

    Names: `trivial`; `sign` for the determinant of the group's maps, or the only homomorphism to {1, -1}, other ones
    `sign1`, `sign2` ...; `freq1`, `freq2` ... for turns by multiples of an angle; else `irrep3a`, `irrep3b` ... by
    dimension. Names, order and characters depend on the group's Cayley table (and its determinants) alone; the basis of
    an `irrep` also on `seed`, not on the machine. Raises ArithmeticError when rounding hides the eigenspaces.
    """
    found = _signs(group)
    axis = _turning_axis(group)
    if axis is None:
        return [Irrep(rep) for rep in found] + _from_regular(group, seed)
    n, turn, mirror = axis
    ones = [Irrep(rep, 0 if rep.character[turn] > 0 else n // 2) for rep in found]
    return ones + [_turned(group, n, turn, mirror, k) for k in range(1, (n + 1) // 2)]


def frobenius_schur(irrep: Irrep) -> int:
    """The mean of the character at squares: 1, 0 or -2 for the real, complex and quaternionic types."""
    squares = np.diagonal(irrep.representation.group.table)
    return round(float(np.mean(irrep.character[squares])))


def multiplicities(rep: Representation, among: Sequence[Irrep]) -> list[int]:
    """How often each of a group's irreps occurs in a representation."""
    return [round(float(np.mean(rep.character * i.character)) / i.commutant_dimension) for i in among]


def decomposition(rep: Representation, seed: int = 0) -> list[tuple[int, Irrep]]:
    """The irreps that occur in a representation, each with its multiplicity."""
    among = irreps(rep.group, seed)
    return [(m, irrep) for m, irrep in zip(multiplicities(rep, among), among, strict=True) if m]


def character_table(group: FiniteGroup, seed: int = 0) -> ComplexArray:
    """The complex irreducible characters as rows over the conjugacy classes, (classes, classes).

    Columns in the order of `conjugacy_classes`. A real irrep of complex type gives a character and its conjugate, one
    of quaternionic type half its character.
    """
    first = class_leaders(group)
    rows: list[ComplexArray] = []
    for irrep in irreps(group, seed):
        character = irrep.character.astype(np.complex128)
        if irrep.type == "real":
            rows.append(character[first])
        elif irrep.type == "quaternionic":
            rows.append(character[first] / 2)
        else:
            rotation = complex_structure(irrep, seed)
            imaginary = -np.einsum("ij,gji->g", rotation, irrep.representation.matrices)
            half = (character + 1j * imaginary) / 2
            rows += [half[first], half.conj()[first]]
    return np.stack(rows)


def complex_structure(irrep: Irrep, seed: int = 0) -> FloatArray:
    """A matrix J with J^2 = -1 that commutes with an irrep of complex type, (d, d).

    Raises ValueError for the other types.
    """
    if irrep.type != "complex":
        raise ValueError(f"{irrep.name} is of {irrep.type} type")
    matrices = irrep.representation.matrices
    drawn = np.random.default_rng(seed).standard_normal((irrep.dimension, irrep.dimension))
    mean = np.einsum("gij,jk,glk->il", matrices, drawn - drawn.T, matrices) / len(matrices)
    scale = math.sqrt(float(np.sum(mean**2)) / irrep.dimension)
    return np.asarray(mean / scale)


def _signs(group: FiniteGroup) -> list[Representation]:
    """The one-dimensional representations, the trivial one first, then the determinant, each with its name."""
    others = one_dimensional(group)[1:]
    values = np.sign(determinants(group))
    main = [r for r in others if np.array_equal(r.character, values)] or (others if len(others) == 1 else [])
    rest = [r for r in others if r not in main]
    named = [Representation(group, r.maps, "sign") for r in main]
    named += [Representation(group, r.maps, f"sign{k}") for k, r in enumerate(rest, start=1)]
    return [trivial(group), *named]


def _turning_axis(group: FiniteGroup) -> tuple[int, int, int | None] | None:
    """(n, r, s) with r of order n generating a cyclic group, or with the mirror s a dihedral one; else None."""
    turn = _rotation_generator(group, group.order)
    if turn is not None:
        return group.order, turn, None
    turn = _rotation_generator(group, group.order // 2) if group.order % 2 == 0 else None
    mirror = None if turn is None else _inverting_involution(group, turn)
    return None if turn is None or mirror is None else (group.order // 2, turn, mirror)


def _turned(group: FiniteGroup, n: int, turn: int, mirror: int | None, k: int) -> Irrep:
    """r^a as the turn by 360 k a / n degrees, and s as the mirror x -> -x."""
    powers = np.asarray(group.powers(turn))
    angles = 2.0 * math.pi * ((k * np.arange(n)) % n) / n
    c, s = np.cos(angles), np.sin(angles)
    turns = np.stack([np.stack([c, -s], axis=-1), np.stack([s, c], axis=-1)], axis=-2)
    turns[np.abs(turns) < 1e-15] = 0.0  # right angles
    matrices = np.empty((group.order, 2, 2))
    matrices[powers] = turns
    if mirror is not None:
        matrices[group.table[powers, mirror]] = turns @ np.diag([-1.0, 1.0])
    return Irrep(Representation(group, matrices, f"freq{k}"), k)


def _rotation_generator(group: FiniteGroup, order: int) -> int | None:
    """An element of this order: in a group of the plane the turn by 360 / order degrees, else the first one."""
    if _is_planar(group):
        step = 2.0 * math.pi / order
        return _where(group, np.array([[math.cos(step), -math.sin(step)], [math.sin(step), math.cos(step)]]))
    candidates = np.flatnonzero(group.element_orders == order)
    return int(candidates[0]) if len(candidates) else None


def _inverting_involution(group: FiniteGroup, turn: int) -> int | None:
    """The first s outside <r> with s^2 = e and s r s = r^-1, the mirror x -> -x where the group has it; or None."""
    everything = np.arange(group.order)
    involution = group.table[everything, everything] == 0
    involution[list(group.powers(turn))] = False
    conjugate = group.table[group.table[everything, turn], group.inverse]
    candidates = np.flatnonzero(involution & (conjugate == group.inverse[turn]))
    mirror = _where(group, np.diag([-1.0, 1.0])) if _is_planar(group) else None
    if mirror is not None and mirror in candidates:
        return mirror
    return int(candidates[0]) if len(candidates) else None


def _is_planar(group: FiniteGroup) -> bool:
    """True for orthogonal 2 x 2 matrices."""
    if group.is_permutation_group or group.elements.shape[1:] != (2, 2):
        return False
    gram = group.elements @ group.elements.transpose(0, 2, 1)
    return bool(np.allclose(gram, np.eye(2), atol=1e-6))


def _where(group: FiniteGroup, matrix: FloatArray) -> int | None:
    """The index of the element with this matrix."""
    found = np.flatnonzero(np.abs(group.elements - matrix).max(axis=(1, 2)) < 1e-6)
    return int(found[0]) if len(found) else None


def _from_regular(group: FiniteGroup, seed: int) -> list[Irrep]:
    """The irreps of dimension two or more, from the eigenspaces of a random symmetric convolution."""
    for attempt in range(_ATTEMPTS):
        found = _attempt(group, np.random.default_rng([seed, attempt]))
        if found is not None:
            return found
    raise ArithmeticError(f"the irreps of this group of order {group.order} could not be told apart")


def _attempt(group: FiniteGroup, rng: np.random.Generator) -> list[Irrep] | None:
    """None when two eigenvalues came too close: the characters then fail their identities."""
    n = group.order
    weights = rng.standard_normal(n)
    weights += weights[group.inverse]
    # (A f)(x) = sum_y f(y) w(y^-1 x) commutes with (rho(h) f)(g) = f(h^-1 g) and is symmetric.
    values, vectors = np.linalg.eigh(weights[group.table[group.inverse]])
    scale = float(np.abs(values).max())
    starts = np.flatnonzero(np.diff(values, prepend=-np.inf) > 1e-9 * scale)
    spaces = np.split(vectors, starts[1:], axis=1)
    classes = class_numbers(group)
    first = class_leaders(group)
    characters: list[FloatArray] = []
    chosen: list[FloatArray] = []
    for space in spaces:
        projection = space @ space.T
        at = np.array([projection[group.table[g], np.arange(n)].sum() for g in first])
        if any(np.allclose(at, known, atol=1e-6) for known in characters):
            continue
        characters.append(at)
        chosen.append(space)
    norms = [float(np.mean(c[classes] ** 2)) for c in characters]
    if any(min(abs(norm - m) for m in _TYPES) > 1e-6 for norm in norms):
        return None
    if sum(space.shape[1] ** 2 / round(norm) for space, norm in zip(chosen, norms, strict=True)) != n:
        return None
    rows = [(space, c) for space, c in zip(chosen, characters, strict=True) if space.shape[1] > 1]
    rows.sort(key=lambda row: (row[0].shape[1], *(-np.round(row[1], 6)).tolist()))
    return _named(group, [canonical(space.T).T for space, _ in rows])


def _named(group: FiniteGroup, spaces: list[FloatArray]) -> list[Irrep]:
    dimensions: IntArray = np.asarray([space.shape[1] for space in spaces], dtype=np.int64)
    found = []
    for k, space in enumerate(spaces):
        d = space.shape[1]
        same, position = int((dimensions == d).sum()), int((dimensions[:k] == d).sum())
        name = f"irrep{d}" + (_letters(position) if same > 1 else "")
        # <v_i, rho(g) v_j> = sum_x v_i(g x) v_j(x)
        matrices = np.matmul(space[group.table].transpose(0, 2, 1), space)
        found.append(Irrep(Representation(group, matrices, name)))
    return found


def _letters(position: int) -> str:
    """a, b ... z, aa, ab ..."""
    text = ""
    position += 1
    while position:
        position, digit = divmod(position - 1, 26)
        text = chr(ord("a") + digit) + text
    return text
