"""From what a user posts as a candidate to a group acting on samples and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.groups.action import ActingGroup, acting_group, as_permutations
from models.groups.errors import CandidateError
from models.groups.families import Generators, NamedGroup, named_group, repeated
from models.groups.finite import FloatArray, GroupTooLarge, Map, is_permutation, permutation_matrix
from models.groups.planar import IMAGE_NAMES, planar_generators, planar_title

LABEL_ACTIONS = ("trivial", "sign", "swap", "permutation", "vector")
_FIELDS = {"group", "name", "generators", "on", "labels", "label_generators", "translations"}
_SQUARE_ONLY = {"C4", "D4", "D1d", "D1a", "D2d"}
_MAX_MATRIX_DEGREE = 64


@dataclass(frozen=True)
class Samples:
    """What planning must know of a data set: the domain, one sample's shape, the task and the width of a label."""

    domain: str
    x_shape: tuple[int, ...]
    task: str
    outputs: int  # number of classes, or of target columns


@dataclass(frozen=True)
class Candidate:
    """A parsed candidate; `translations` is None where the domain has none."""

    name: str
    title: str
    labels: str
    acting: ActingGroup
    translations: bool | None


def parse_candidate(entry: Any, index: int, samples: Samples) -> Candidate:
    """Read `"D4"` or `{"group": "D4", ...}`. Raises CandidateError naming the entry and the remedy."""
    if isinstance(entry, str):
        entry = {"group": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("group"), str):
        raise CandidateError(index, 'a candidate is a group name or an object with a "group" name')
    unknown = sorted(set(map(str, entry)) - _FIELDS)
    if unknown:
        raise CandidateError(index, f"unknown field {unknown[0]!r}; known fields are {', '.join(sorted(_FIELDS))}")
    try:
        return _image(entry, index, samples) if samples.domain == "image2d" else _vector(entry, index, samples)
    except GroupTooLarge as error:
        raise CandidateError(index, f"{entry['group']}: {error}; choose a smaller group") from error


def _image(entry: dict[str, Any], index: int, samples: Samples) -> Candidate:
    name = entry["group"].replace("_", "")
    for field in ("generators", "on", "name"):
        if entry.get(field) is not None:
            raise CandidateError(index, f"{field!r} describes groups on vectors; image groups are named, e.g. D4")
    translations = entry.get("translations")
    if translations is not None and not isinstance(translations, bool):
        raise CandidateError(index, '"translations" is true or false')
    if name == "E":
        if translations:
            raise CandidateError(index, "E has no symmetry at all; translations alone are called T")
        return Candidate("E", "no symmetry, not even translation", "trivial", acting_group((0, 1), []), False)
    if name in ("T", "C1"):
        if translations is False:
            raise CandidateError(index, f"{name} without translations is called E")
        return Candidate("T", "translations only", "trivial", acting_group((0, 1), []), True)
    if name not in IMAGE_NAMES:
        known = planar_generators(name) is not None or name in ("SO(2)", "O(2)", "Scale", "SIM(2)")
        reason = "is not offered for images yet" if known else "is not a group that is known for images"
        raise CandidateError(index, f"{entry['group']} {reason}; choose among E, T, {', '.join(IMAGE_NAMES)}")
    if name in _SQUARE_ONLY and samples.x_shape[-1] != samples.x_shape[-2]:
        h, w = samples.x_shape[-2:]
        raise CandidateError(
            index, f"{name} needs square images, these are {h} x {w}; crop them, or use C2, D1, D1y, D2"
        )
    generators = planar_generators(name) or []
    labels, y = _label_maps(entry, index, samples, generators, generators)
    about = planar_title(name) + (", about the centre alone" if translations is False else "")
    return Candidate(name, about, labels, _action(index, (0, 1), generators, y), translations is not False)


def _vector(entry: dict[str, Any], index: int, samples: Samples) -> Candidate:
    if entry.get("translations") is not None:
        raise CandidateError(index, '"translations" is for images')
    d = samples.x_shape[0]
    name = entry["group"].strip()
    on = _coordinates(entry.get("on"), index, d)
    if name == "custom":
        named = _custom(entry, index, d if on is None else len(sum(on, ())))
        name = str(entry.get("name") or "custom")[:60]
    else:
        if entry.get("generators") is not None:
            raise CandidateError(index, 'generators go with {"group": "custom"}')
        named_or_none = named_group(name, d if on is None else len(on[0]))
        if named_or_none is None:
            raise CandidateError(
                index,
                f"{name!r} is not a known group on vectors; known are E, C_n, D_n, S_n, A_n, Z_n, B_n, Flips, Inv, "
                'products such as "S3 x S2", and {"group": "custom", "generators": [...]}',
            )
        named = named_or_none
    coordinates = tuple(range(d)) if on is None else sum(on, ())
    if on is not None and len(on) > 1 and named.degree == len(on[0]) and all(len(b) == len(on[0]) for b in on):
        named = repeated(named, len(on))
    if named.generators and named.degree != len(coordinates):
        raise CandidateError(
            index,
            f'{name} acts on {named.degree} coordinates but {len(coordinates)} are given; say which with "on": '
            f"[i, j, ...] (coordinates are numbered from 0 to {d - 1})",
        )
    if len(set(coordinates)) != len(coordinates):
        raise CandidateError(index, '"on" names a coordinate twice')
    generators = named.generators
    permutations = as_permutations([g for g in generators if g.dtype.kind == "f"]) if generators else None
    if generators and generators[0].dtype.kind == "f" and permutations is not None:
        generators = permutations
    full = [_embed(g, coordinates, d) for g in generators] if entry.get("labels") == "vector" else []
    as_matrices = [permutation_matrix(g) if g.dtype.kind == "i" else np.asarray(g, float) for g in generators]
    labels, y = _label_maps(entry, index, samples, as_matrices, full)
    return Candidate(name if generators else "E", named.title, labels, _action(index, coordinates, generators, y), None)


def _action(
    index: int, coordinates: tuple[int, ...], generators: Sequence[Map], y: list[FloatArray] | None
) -> ActingGroup:
    """The group with its label action, which must respect the group's law: words that move no x move no label."""
    acting = acting_group(coordinates, generators, y)
    if y is not None and acting.group.order != acting_group(coordinates, generators).group.order:
        raise CandidateError(
            index,
            "these label maps are no action of the group: some product of generators leaves every x in place and "
            "moves the labels",
        )
    return acting


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
    permutations: Generators = []
    matrices: Generators = []
    for k, g in enumerate(given):
        where = f"generator {k}"
        if isinstance(g, list) and g and all(type(v) is int for v in g):
            if not is_permutation(g, degree):
                raise CandidateError(index, f"{where} is not a permutation of 0 ... {degree - 1}")
            permutations.append(np.asarray(g, dtype=np.int64))
            continue
        matrix = _real_matrix(g)
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
        matrices.append(matrix)
    generators: Generators = permutations
    if matrices:
        generators = [permutation_matrix(p) for p in permutations] + matrices
    return NamedGroup(generators, degree, "custom group")


def _real_matrix(value: Any) -> FloatArray | None:
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        return None
    if any(len(row) != len(value) for row in value):
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for row in value for v in row):
        return None
    matrix = np.asarray(value, dtype=np.float64)
    return matrix if np.isfinite(matrix).all() else None


def _embed(generator: Map, coordinates: Sequence[int], d: int) -> FloatArray:
    matrix = np.eye(d)
    local = permutation_matrix(generator) if generator.dtype.kind == "i" else np.asarray(generator, float)
    matrix[np.ix_(list(coordinates), list(coordinates))] = local
    return matrix


def _label_maps(
    entry: dict[str, Any],
    index: int,
    samples: Samples,
    generators: Sequence[FloatArray],
    vector_maps: Sequence[FloatArray],
) -> tuple[str, list[FloatArray] | None]:
    """The label action's name and its matrix for each generator (None: labels stay put)."""
    labels = entry.get("labels") or "trivial"
    if labels not in LABEL_ACTIONS:
        raise CandidateError(index, f"labels {labels!r} is unknown; choose among {', '.join(LABEL_ACTIONS)}")
    if entry.get("label_generators") is not None and labels != "permutation":
        raise CandidateError(index, '"label_generators" goes with "labels": "permutation"')
    if labels == "trivial" or not generators:
        return "trivial", None
    if labels == "vector":
        width = samples.x_shape[0] if samples.domain == "vector" else 2
        if samples.task != "regression" or samples.outputs != width:
            raise CandidateError(index, f'"labels": "vector" needs a target of {width} components that turns as x does')
        return labels, list(vector_maps)
    if labels == "permutation":
        return labels, _class_permutations(entry, index, samples, len(generators))
    if samples.task == "classification" and samples.outputs != 2:
        raise CandidateError(index, f'"labels": "{labels}" exchanges two classes; this data set has {samples.outputs}')
    signs = [round(float(np.linalg.det(g))) for g in generators]
    if min(signs) > 0:
        if len(generators) > 1 or acting_group(tuple(range(len(generators[0]))), generators).group.order % 2:
            raise CandidateError(index, f"{entry['group']} has no sign action: every element has determinant 1")
        signs = [-1]
    p = samples.outputs
    flipped = np.eye(2)[::-1].copy() if samples.task == "classification" else -np.eye(p)
    return labels, [flipped if s < 0 else np.eye(p) for s in signs]


def _class_permutations(entry: dict[str, Any], index: int, samples: Samples, count: int) -> list[FloatArray]:
    given = entry.get("label_generators")
    if samples.task != "classification":
        raise CandidateError(index, '"labels": "permutation" permutes classes; this is a regression')
    if given is None:
        raise CandidateError(
            index, '"labels": "permutation" needs "label_generators": one permutation of the classes per generator'
        )
    k = samples.outputs
    well_formed = isinstance(given, list) and len(given) == count
    if not well_formed or not all(
        isinstance(g, list) and all(type(v) is int for v in g) and is_permutation(g, k) for g in given
    ):
        raise CandidateError(index, f'"label_generators" holds {count} permutations of the classes 0 ... {k - 1}')
    return [permutation_matrix(g) for g in given]
