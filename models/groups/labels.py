"""How a candidate's group acts on labels: from the entry to one matrix for each generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.groups.action import ActingGroup, acting_group
from models.groups.entries import Samples
from models.groups.errors import CandidateError
from models.groups.finite import FloatArray, GroupTooLarge, Map, is_permutation, permutation_matrix

LABEL_ACTIONS = ("trivial", "sign", "swap", "permutation", "vector", "matrix", "auto")
_MAPS = {"label_generators": "permutation", "label_matrices": "matrix"}


def label_name(entry: dict[str, Any], index: int) -> str:
    """The name of the label action. Raises CandidateError for one that is unknown."""
    labels = entry.get("labels") or "trivial"
    if labels not in LABEL_ACTIONS:
        raise CandidateError(index, f"labels {labels!r} is unknown; choose among {', '.join(LABEL_ACTIONS)}", "labels")
    if labels == "auto":
        raise CandidateError(index, '"labels": "auto" is found from the data, by a search', "labels")
    for field, action in _MAPS.items():
        if entry.get(field) is not None and labels != action:
            raise CandidateError(index, f'"{field}" goes with "labels": "{action}"', field)
    return str(labels)


def label_field(entry: dict[str, Any]) -> str | None:
    """The field of an entry that gives its label maps, if one does."""
    return next((field for field in _MAPS if entry.get(field) is not None), None)


def is_found(entry: Any) -> bool:
    """Whether the candidate's label action is to be found from the data: `auto`, or a permutation that is not given."""
    if not isinstance(entry, dict):
        return False
    labels = entry.get("labels")
    return labels == "auto" or (labels == "permutation" and entry.get("label_generators") is None)


def label_maps(
    entry: dict[str, Any],
    index: int,
    samples: Samples,
    generators: Sequence[FloatArray],
    vector_maps: Sequence[FloatArray],
) -> tuple[str, list[FloatArray] | None]:
    """The label action's name and its matrix for each generator (None: labels stay put)."""
    labels = label_name(entry, index)
    if labels == "trivial" or not generators:
        return "trivial", None
    if labels == "vector":
        width = len(vector_maps[0])
        if samples.task != "regression" or samples.outputs != width:
            block = f"{len(generators[0])} or {width}" if len(generators[0]) != width else f"{width}"
            raise CandidateError(
                index, f'"labels": "vector" needs a target of {block} components that turns as x does', "labels"
            )
        return labels, list(vector_maps)
    if labels == "permutation":
        return labels, _class_permutations(entry, index, samples, len(generators))
    if labels == "matrix":
        return labels, _target_matrices(entry, index, samples, len(generators))
    flipped = mirror_labels(labels, index, samples)
    signs = sign_action(generators)
    if signs is None:
        raise CandidateError(index, f"{entry['group']} has no sign action: every element has determinant 1", "labels")
    return labels, [flipped if s < 0 else np.eye(samples.outputs) for s in signs]


def mirror_labels(labels: str, index: int, samples: Samples) -> FloatArray:
    """What `sign` or `swap` does to labels: two classes are exchanged, targets change sign."""
    if samples.task == "classification" and samples.outputs != 2:
        raise CandidateError(
            index, f'"labels": "{labels}" exchanges two classes; this data set has {samples.outputs}', "labels"
        )
    return np.eye(2)[::-1].copy() if samples.task == "classification" else -np.eye(samples.outputs)


def sign_action(generators: Sequence[FloatArray]) -> list[int] | None:
    """The sign of each generator: its determinant, or -1 for the one generator of a cyclic group of even order."""
    signs = [round(float(np.linalg.det(g))) for g in generators]
    if min(signs) < 0:
        return signs
    if len(generators) > 1 or acting_group(tuple(range(len(generators[0]))), generators).group.order % 2:
        return None
    return [-1]


def acting_on_labels(
    index: int,
    coordinates: Sequence[int],
    generators: Sequence[Map],
    y: list[FloatArray] | None,
    field: str | None = None,
) -> ActingGroup:
    """The group with its label action, which must respect the group's law: words that move no x move no label."""
    plain = acting_group(coordinates, generators)
    if y is None:
        return plain
    try:
        acting = acting_group(coordinates, generators, y)
    except GroupTooLarge:
        if field != "label_matrices":
            raise
        acting = None  # a matrix of infinite order
    if acting is None or acting.group.order != plain.group.order:
        raise CandidateError(
            index,
            f"{field or 'labels'}: these label maps are no action of the group: some product of generators leaves "
            "every x in place and moves the labels",
            field,
        )
    return acting


def _class_permutations(entry: dict[str, Any], index: int, samples: Samples, count: int) -> list[FloatArray]:
    given = entry.get("label_generators")
    if samples.task != "classification":
        raise CandidateError(index, '"labels": "permutation" permutes classes; this is a regression', "labels")
    if given is None:
        raise CandidateError(
            index,
            '"labels": "permutation" needs "label_generators" here: one permutation of the classes per generator',
            "label_generators",
        )
    k = samples.outputs
    well_formed = isinstance(given, list) and len(given) == count
    if not well_formed or not all(
        isinstance(g, list) and all(type(v) is int for v in g) and is_permutation(g, k) for g in given
    ):
        raise CandidateError(
            index, f'"label_generators" holds {count} permutations of the classes 0 ... {k - 1}', "label_generators"
        )
    return [permutation_matrix(g) for g in given]


def _target_matrices(entry: dict[str, Any], index: int, samples: Samples, count: int) -> list[FloatArray]:
    given, p = entry.get("label_matrices"), samples.outputs
    if samples.task != "regression":
        raise CandidateError(
            index, '"labels": "matrix" moves targets; classes are permuted, with "label_generators"', "labels"
        )
    matrices = [real_matrix(g) for g in given] if isinstance(given, list) else []
    if len(matrices) != count or any(m is None or m.shape != (p, p) for m in matrices):
        raise CandidateError(index, f'"label_matrices" holds {count} matrices of {p} x {p} numbers', "label_matrices")
    found = [m for m in matrices if m is not None]
    if any(np.abs(m).max() > 1e3 or abs(abs(np.linalg.det(m)) - 1.0) > 1e-5 for m in found):
        raise CandidateError(
            index, "a matrix of finite order has determinant 1 or -1, not one of these", "label_matrices"
        )
    return found


def real_matrix(value: Any) -> FloatArray | None:
    """A square matrix of finite numbers from a posted list of rows; None for anything else."""
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        return None
    if any(len(row) != len(value) for row in value):
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for row in value for v in row):
        return None
    matrix = np.asarray(value, dtype=np.float64)
    return matrix if np.isfinite(matrix).all() else None
