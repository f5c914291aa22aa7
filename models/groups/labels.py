"""How a candidate's group acts on labels: from the entry to one matrix for each generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.groups.action import ActingGroup, acting_group
from models.groups.entries import Samples
from models.groups.errors import CandidateError
from models.groups.finite import FloatArray, Map, is_permutation, permutation_matrix

LABEL_ACTIONS = ("trivial", "sign", "swap", "permutation", "vector")


def label_name(entry: dict[str, Any], index: int) -> str:
    """The name of the label action. Raises CandidateError for one that is unknown."""
    labels = entry.get("labels") or "trivial"
    if labels not in LABEL_ACTIONS:
        raise CandidateError(index, f"labels {labels!r} is unknown; choose among {', '.join(LABEL_ACTIONS)}")
    if entry.get("label_generators") is not None and labels != "permutation":
        raise CandidateError(index, '"label_generators" goes with "labels": "permutation"')
    return str(labels)


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
        width = samples.x_shape[0] if samples.domain == "vector" else 2
        if samples.task != "regression" or samples.outputs != width:
            raise CandidateError(index, f'"labels": "vector" needs a target of {width} components that turns as x does')
        return labels, list(vector_maps)
    if labels == "permutation":
        return labels, _class_permutations(entry, index, samples, len(generators))
    flipped = mirror_labels(labels, index, samples)
    signs = sign_action(generators)
    if signs is None:
        raise CandidateError(index, f"{entry['group']} has no sign action: every element has determinant 1")
    return labels, [flipped if s < 0 else np.eye(samples.outputs) for s in signs]


def mirror_labels(labels: str, index: int, samples: Samples) -> FloatArray:
    """What `sign` or `swap` does to labels: two classes are exchanged, targets change sign."""
    if samples.task == "classification" and samples.outputs != 2:
        raise CandidateError(index, f'"labels": "{labels}" exchanges two classes; this data set has {samples.outputs}')
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
    index: int, coordinates: Sequence[int], generators: Sequence[Map], y: list[FloatArray] | None
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
