"""What a candidate is once it has been read, and what reading it must know of the data."""

from __future__ import annotations

from dataclasses import dataclass

from models.groups.action import ActingGroup
from models.groups.errors import CandidateError
from models.groups.finite import FloatArray, Map
from models.groups.probed import Family

IMAGE_ARCHITECTURES = ("separable", "deformable", "hierarchical", "constrained")
VECTOR_ARCHITECTURES = ("emlp",)


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
    group: ActingGroup | Family
    translations: bool | None
    architecture: str | None = None
    warning: str | None = None
    generators: tuple[Map, ...] = ()  # maps of x on the group's coordinates, in the order of its label generators
    label_maps: tuple[FloatArray, ...] = ()  # of the labels, one for each generator; none where labels stay put


def chosen_architecture(architecture: object, index: int, known: tuple[str, ...], domain: str) -> str | None:
    """The candidate's `architecture`, None for the default. Raises CandidateError for a name that is none here."""
    if architecture is None:
        return None
    if not isinstance(architecture, str) or architecture not in known:
        raise CandidateError(
            index, f'"architecture" {architecture!r} is not offered for {domain}; choose among {", ".join(known)}'
        )
    return architecture
