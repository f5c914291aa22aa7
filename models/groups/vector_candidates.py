"""Candidates on vectors: permutations, signs, turns of chosen coordinates, and groups that are too large to list."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.groups.action import as_permutations
from models.groups.entries import VECTOR_ARCHITECTURES, Candidate, Samples, chosen_architecture
from models.groups.errors import CandidateError
from models.groups.families import MAX_ORDER, Generators, NamedGroup, named_group, repeated
from models.groups.finite import FloatArray, Map, is_permutation, permutation_matrix
from models.groups.labels import acting_on_labels, label_field, label_maps, label_name, mirror_labels, real_matrix
from models.groups.probed import Family

_MAX_MATRIX_DEGREE = 64
ROTATION_LABELS = {"SO": ("trivial", "vector"), "O": ("trivial", "sign", "swap", "vector")}
_KNOWN = (
    "E, C_n, D_n, S_n, A_n, Z_n, B_n, Flips, Inv, SO(n), O(n), Tet, Td, Th, O, Oh, I, Ih on three coordinates, "
    'products such as "S3 x S2", and {"group": "custom", "generators": [...]}'
)


def vector_candidate(entry: dict[str, Any], index: int, samples: Samples) -> Candidate:
    """Read a candidate on vectors. Raises CandidateError naming the entry and the remedy."""
    if entry.get("translations") is not None:
        raise CandidateError(index, '"translations" is for images')
    d = samples.x_shape[0]
    name = entry["group"].strip()
    on = _coordinates(entry.get("on"), index, d)
    architecture = chosen_architecture(entry.get("architecture"), index, VECTOR_ARCHITECTURES, "vectors")
    if name != "custom" and entry.get("generators") is not None:
        raise CandidateError(index, 'generators go with {"group": "custom"}')
    family = _rotations(name, entry, on, index, samples) or _items(name, entry, on, index, d)
    if family is not None:
        if architecture is not None:
            raise CandidateError(index, f'{name} has one architecture only; leave "architecture" out')
        return family
    named, name = _named(name, entry, on, index, d)
    coordinates = tuple(range(d)) if on is None else sum(on, ())
    one_block = named.generators  # labels see the element, not how many blocks it moves
    if on is not None and len(on) > 1 and named.degree == len(on[0]) and all(len(b) == len(on[0]) for b in on):
        named = repeated(named, len(on))
    if named.generators:
        _check_coordinates(name, named.degree, coordinates, index, d)
    if len(set(coordinates)) != len(coordinates):
        raise CandidateError(index, '"on" names a coordinate twice')
    generators = named.generators
    permutations = as_permutations([g for g in generators if g.dtype.kind == "f"]) if generators else None
    if generators and generators[0].dtype.kind == "f" and permutations is not None:
        generators = permutations
    as_matrices = [permutation_matrix(g) if g.dtype.kind == "i" else np.asarray(g, float) for g in one_block]
    # A target turns as one block does, or as all of x.
    turning = as_matrices
    if entry.get("labels") == "vector" and generators and samples.outputs != len(as_matrices[0]):
        turning = [_embed(g, coordinates, d) for g in generators]
    labels, y = label_maps(entry, index, samples, as_matrices, turning)
    if architecture is not None and not generators:
        raise CandidateError(index, f'{name} has no elements to share weights over; leave "architecture" out')
    acting = acting_on_labels(index, coordinates, generators, y, label_field(entry))
    shown = name if generators else "E"
    return Candidate(
        shown,
        named.title,
        labels,
        acting,
        None,
        architecture,
        generators=tuple(generators),
        label_maps=tuple(y or ()),
    )


def _named(
    name: str, entry: dict[str, Any], on: list[tuple[int, ...]] | None, index: int, d: int
) -> tuple[NamedGroup, str]:
    if name == "custom":
        return _custom(entry, index, d if on is None else len(sum(on, ()))), str(entry.get("name") or "custom")[:60]
    named = named_group(name, d if on is None else len(on[0]))
    if named is None:
        raise CandidateError(index, f"{name!r} is not a known group on vectors; known are {_KNOWN}")
    return named, name


def _check_coordinates(name: str, degree: int, coordinates: tuple[int, ...], index: int, d: int) -> None:
    if degree != len(coordinates):
        raise CandidateError(
            index,
            f'{name} acts on {degree} coordinates but {len(coordinates)} are given; say which with "on": '
            f"[i, j, ...] (coordinates are numbered from 0 to {d - 1})",
        )


def _rotations(
    name: str, entry: dict[str, Any], on: list[tuple[int, ...]] | None, index: int, samples: Samples
) -> Candidate | None:
    """SO(n) and O(n), the same turn of one or several vectors; None for any other name."""
    match = re.fullmatch(r"(SO|O)\(([0-9]{1,3}|n)\)", name, re.ASCII)
    if match is None:
        return None
    d = samples.x_shape[0]
    blocks = [tuple(range(d))] if on is None else on
    n = len(blocks[0]) if match[2] == "n" else int(match[2])
    if not 2 <= n * len(blocks) <= _MAX_MATRIX_DEGREE or n < 2:
        raise CandidateError(index, f"{name} is offered on vectors of 2 to {_MAX_MATRIX_DEGREE} coordinates in all")
    wrong = next((b for b in blocks if len(b) != n), None)
    if wrong is not None:
        _check_coordinates(f"{match[1]}({n})", n, wrong, index, d)
    if len({c for b in blocks for c in b}) != n * len(blocks):
        raise CandidateError(index, '"on" names a coordinate twice')
    labels = label_name(entry, index)
    allowed = ROTATION_LABELS[match[1]]
    if labels not in allowed:
        raise CandidateError(index, f'{name} acts on labels as {" or ".join(allowed)}, not "{labels}"')
    if labels == "vector" and (samples.task != "regression" or samples.outputs != n):
        raise CandidateError(index, f'"labels": "vector" needs a target of {n} components that turns as x does')
    mirror = None
    if labels in ("sign", "swap"):
        if len(blocks) < n:  # some reflection leaves all the vectors in place, so its labels would have to be zero
            raise CandidateError(
                index, f'{name} changes the sign of labels only with {n} vectors or more: name them in "on"'
            )
        mirror = tuple(map(tuple, mirror_labels(labels, index, samples).tolist()))
    # Labels that turn have components in the order of the vectors'; otherwise one order stands for all.
    vectors = tuple(sorted(blocks)) if labels == "vector" else _in_one_order(blocks)
    family = Family("vector", f"{match[1]}(n)", "sign" if mirror else labels, vectors, mirror_labels=mirror)
    mirrors = "" if match[1] == "SO" else " and mirrors"
    title = f"all rotations{mirrors} of {n} coordinates" + (f", {len(blocks)} vectors at once" * (len(blocks) > 1))
    return Candidate(f"{match[1]}({n})", title, labels, family, None)


def _items(name: str, entry: dict[str, Any], on: list[tuple[int, ...]] | None, index: int, d: int) -> Candidate | None:
    """A product of symmetric groups with more elements than are listed; None for any other name."""
    factors = [re.fullmatch(r"S_?([0-9]{1,4}|n)", part.strip(), re.ASCII) for part in re.split(r"\s+x\s+|×", name)]
    if any(match is None for match in factors):
        return None
    written = [match[1] for match in factors if match is not None]
    if "n" in written and len(written) > 1:
        return None
    blocks = [tuple(range(d))] if on is None else on
    counts = [len(blocks[0]) if text == "n" else int(text) for text in written]
    if min(counts) < 1 or sum(math.lgamma(n + 1) for n in counts) <= math.log(MAX_ORDER) + 1e-9:
        return None
    degree = sum(counts)
    if not all(len(b) == degree for b in blocks):
        blocks = [sum(blocks, ())]  # one list of coordinates, cut into pieces
    _check_coordinates(name, degree, blocks[0], index, d)
    if len({c for b in blocks for c in b}) != degree * len(blocks):
        raise CandidateError(index, '"on" names a coordinate twice')
    labels = label_name(entry, index)
    if labels != "trivial":
        raise CandidateError(index, f'{name} is too large to list: its labels stay put, "{labels}" is not offered')
    items = list(zip(*blocks, strict=True))
    ends = np.cumsum(counts).tolist()
    pieces = [_in_one_order(items[end - n : end]) for n, end in zip(counts, ends, strict=True) if n > 1]
    title = " and ".join(f"all permutations of {n} items" for n in counts if n > 1)
    name = " x ".join(f"S{n}" for n in counts)
    return Candidate(name, title, "trivial", Family("vector", "S", sets=tuple(sorted(pieces))), None)


def _in_one_order(rows: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """The rows sorted, after one permutation of all their columns that sorts the row with the least number."""
    first = min(rows, key=min)
    columns = sorted(range(len(first)), key=first.__getitem__)
    return tuple(sorted(tuple(row[c] for c in columns) for row in rows))


def _coordinates(on: Any, index: int, d: int) -> list[tuple[int, ...]] | None:
    """`[0, 1]` or `[[0, 1], [2, 3]]` as blocks of coordinates."""
    if on is None:
        return None
    blocks = on if isinstance(on, list) and on and all(isinstance(b, list) for b in on) else [on]
    if not all(isinstance(b, list) and b and all(type(i) is int and 0 <= i < d for i in b) for b in blocks):
        raise CandidateError(index, f'"on" is a list of coordinates from 0 to {d - 1}, or a list of such lists')
    return [tuple(b) for b in blocks]


def _custom(entry: dict[str, Any], index: int, degree: int) -> NamedGroup:
    given = entry.get("generators")
    if not isinstance(given, list) or not given or len(given) > 16:
        raise CandidateError(index, 'a custom group needs "generators": a list of 1 to 16 permutations or matrices')
    generators: Generators = []
    for k, g in enumerate(given):
        where = f"generator {k}"
        if isinstance(g, list) and g and all(type(v) is int for v in g):
            if not is_permutation(g, degree):
                raise CandidateError(index, f"{where} is not a permutation of 0 ... {degree - 1}")
            generators.append(np.asarray(g, dtype=np.int64))
            continue
        matrix = real_matrix(g)
        if matrix is None or matrix.shape != (degree, degree):
            raise CandidateError(index, f"{where} is neither a permutation nor a {degree} x {degree} matrix of numbers")
        if degree > _MAX_MATRIX_DEGREE:
            raise CandidateError(
                index, f'matrices act on at most {_MAX_MATRIX_DEGREE} coordinates; name them with "on"'
            )
        if np.abs(matrix).max() > 1e3 or abs(np.linalg.det(matrix)) < 1e-6:
            raise CandidateError(index, f"{where} is not invertible; a symmetry can be undone")
        if abs(abs(np.linalg.det(matrix)) - 1.0) > 1e-5:
            raise CandidateError(index, f"{where} has a determinant other than 1 and -1: it generates no finite group")
        generators.append(matrix)
    if any(g.dtype.kind == "f" for g in generators):
        generators = [permutation_matrix(g) if g.dtype.kind == "i" else g for g in generators]
    return NamedGroup(generators, degree, "custom group")


def _embed(generator: Map, coordinates: Sequence[int], d: int) -> FloatArray:
    matrix = np.eye(d)
    local = permutation_matrix(generator) if generator.dtype.kind == "i" else np.asarray(generator, float)
    matrix[np.ix_(list(coordinates), list(coordinates))] = local
    return matrix
