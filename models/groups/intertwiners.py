"""Linear maps that commute with a group: W with rho_out(g) W = W rho_in(g) for every g.

Between permutation representations they are shared weights: W is constant on the orbits of pairs (output coordinate,
input coordinate), and orbits need generators only, not the group. Other pairs of representations are solved as a null
space. Their number is the mean over the group of the product of the characters.
Sources: Wood and Shawe-Taylor (1996); Zaheer et al. (2017, arXiv:1703.06114); Finzi et al. (2021, arXiv:2104.09459).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.groups.finite import FloatArray, IntArray, consecutive
from models.groups.representations import Representation, same_group, trivial

_SOLVED_ENTRIES = 256  # of W, up to which the null space is solved directly


def orbits(generators: Sequence[IntArray], count: int) -> IntArray:
    """The orbit of each of `count` points under permutations (count,), numbered by their smallest points."""
    label = np.arange(count)
    while True:
        before = label.copy()
        for moved in generators:
            a, b = label, label[moved]
            np.minimum.at(label, np.maximum(a, b), np.minimum(a, b))
            label = label[label]
        if np.array_equal(label, before):
            return consecutive(label)


def orbits_of_pairs(generators_in: Sequence[IntArray], generators_out: Sequence[IntArray]) -> IntArray:
    """The orbits of pairs (output, input) under a group known by its generators only, (n_out, n_in).

    `generators_in[k]` and `generators_out[k]` are how generator k permutes the two sides. A weight for each orbit makes
    the linear layer: weight[index]. S_n on itself has two orbits, whatever n.
    """
    if not generators_in or len(generators_in) != len(generators_out):
        raise ValueError("give at least one generator, and each on both sides")
    n_in, n_out = len(generators_in[0]), len(generators_out[0])
    moves = [
        (np.asarray(out)[:, None] * n_in + np.asarray(into)[None, :]).ravel()
        for into, out in zip(generators_in, generators_out, strict=True)
    ]
    return orbits(moves, n_in * n_out).reshape(n_out, n_in)


def orbit_index(rep_in: Representation, rep_out: Representation) -> IntArray:
    """The orbits of pairs (output, input) of two permutation representations, (n_out, n_in), numbered from 0."""
    group = same_group(rep_in, rep_out)
    generators = group.generators or (0,)
    return orbits_of_pairs([rep_in.permutations[g] for g in generators], [rep_out.permutations[g] for g in generators])


def dimension_by_characters(rep_in: Representation, rep_out: Representation) -> int:
    """How many independent intertwiners there are: the mean of the product of the characters."""
    same_group(rep_in, rep_out)
    return round(float(np.mean(rep_in.character * rep_out.character)))


def intertwiner_basis(rep_in: Representation, rep_out: Representation, seed: int = 0) -> FloatArray:
    """A basis of the maps that commute with the group, (count, n_out, n_in), orthonormal as vectors.

    It depends on the representations alone, so weights learned on one machine mean the same on another.

    One matrix per orbit of pairs when both sides permute coordinates. Direct sums are solved block by block; the rest
    as the null space of the equations of a generating set, or for large W by averages over the group of random
    matrices drawn from `seed`. Raises ArithmeticError when their number is not the one the characters give.
    """
    if rep_in.is_permutation and rep_out.is_permutation:
        index = orbit_index(rep_in, rep_out)
        one_hot = (index.ravel() == np.arange(int(index.max()) + 1)[:, None]).astype(np.float64)
        one_hot /= np.sqrt(one_hot.sum(axis=1, keepdims=True))
        return np.asarray(one_hot.reshape(-1, *index.shape))
    shape = (rep_out.dimension, rep_in.dimension)
    if rep_in.summands or rep_out.summands:
        parts = []
        for block in intertwiner_blocks(rep_in, rep_out, seed):
            count, height, width = block.basis.shape
            part = np.zeros((count, *shape))
            part[:, block.row : block.row + height, block.column : block.column + width] = block.basis
            parts.append(part)
        return np.concatenate(parts)
    count = dimension_by_characters(rep_in, rep_out)
    found = _null_space(rep_in, rep_out) if shape[0] * shape[1] <= _SOLVED_ENTRIES else _averages(rep_in, rep_out, seed)
    if len(found) != count:
        raise ArithmeticError(f"{len(found)} intertwiners from {rep_in.name} to {rep_out.name}, not {count}")
    return found.reshape(count, *shape)


@dataclass(frozen=True, eq=False)
class IntertwinerBlock:
    """The intertwiners from one summand to another: `basis` (count, rows, columns), placed at (`row`, `column`)."""

    row: int
    column: int
    basis: FloatArray


def intertwiner_blocks(rep_in: Representation, rep_out: Representation, seed: int = 0) -> list[IntertwinerBlock]:
    """The basis between direct sums as blocks between their summands, rows first: far smaller than whole matrices.

    Summands that are the same object, as in `multiple`, share one solution and one array.
    """
    solved: dict[tuple[int, int], FloatArray] = {}
    blocks = []
    row = 0
    for out in rep_out.summands or (rep_out,):
        column = 0
        for into in rep_in.summands or (rep_in,):
            key = (id(into), id(out))
            if key not in solved:
                solved[key] = intertwiner_basis(into, out, seed)
            blocks.append(IntertwinerBlock(row, column, solved[key]))
            column += into.dimension
        row += out.dimension
    return blocks


def invariant_basis(rep: Representation) -> FloatArray:
    """The vectors that nothing moves, (count, n), orthonormal: the biases that an equivariant map may have."""
    return intertwiner_basis(trivial(rep.group), rep)[:, :, 0]


def canonical(basis: FloatArray) -> FloatArray:
    """The orthonormal basis of a span that depends on the span alone, not on how it was found, (count, n).

    `basis`: (count, n), orthonormal. Gram-Schmidt on the projections of the axes in turn.
    """
    found: list[FloatArray] = []
    for axis in range(basis.shape[1] if len(basis) else 0):
        if len(found) == len(basis):
            break
        projected = basis.T @ basis[:, axis]
        for earlier in found:
            projected = projected - earlier * (earlier @ projected)
        length = float(np.linalg.norm(projected))
        if length > 1e-4:
            found.append(projected / length)
    return np.stack(found) if found else basis[:0].copy()


def _null_space(rep_in: Representation, rep_out: Representation) -> FloatArray:
    """Solves rho_out(s) W - W rho_in(s) = 0 for generators s, by rows of W: (count, n_out * n_in)."""
    group = same_group(rep_in, rep_out)
    one_in, one_out = np.eye(rep_in.dimension), np.eye(rep_out.dimension)
    generators = group.generators or (0,)
    equations = [
        np.kron(rep_out.matrix(s), one_in) - np.kron(one_out, rep_in.matrix(s).T)  # acts on W read row by row
        for s in generators
    ]
    _, values, rows = np.linalg.svd(np.concatenate(equations))
    rank = int((values > 1e-8 * max(1.0, float(values[0]))).sum())
    return canonical(rows[rank:])


def _averages(rep_in: Representation, rep_out: Representation, seed: int) -> FloatArray:
    """Means of rho_out(g) R rho_in(g)^-1 over the group, of random R: (count, n_out * n_in).

    A few more R than the characters ask for, so that a wrong count would show as a wrong rank.
    """
    group = same_group(rep_in, rep_out)
    count = dimension_by_characters(rep_in, rep_out)
    n_out, n_in = rep_out.dimension, rep_in.dimension
    drawn = np.random.default_rng(seed).standard_normal((min(count + 4, n_out * n_in), n_out, n_in))
    total = np.zeros_like(drawn)
    for g in range(group.order):
        total += rep_out.matrix(g) @ drawn @ rep_in.matrix(int(group.inverse[g]))
    _, values, rows = np.linalg.svd(total.reshape(len(drawn), -1) / group.order, full_matrices=False)
    rank = int((values > 1e-8 * max(1.0, float(values[0]))).sum())
    return canonical(rows[:rank])
