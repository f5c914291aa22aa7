"""From what a user posts as a candidate to a group acting on samples and labels."""

from __future__ import annotations

from typing import Any

from models.groups.entries import Candidate, Samples
from models.groups.errors import CandidateError
from models.groups.finite import GroupTooLarge
from models.groups.image_candidates import image_candidate
from models.groups.vector_candidates import vector_candidate

_FIELDS = {
    *("group", "name", "generators", "on", "labels", "label_generators", "label_matrices", "translations"),
    "architecture",
}


def parse_candidate(entry: Any, index: int, samples: Samples) -> Candidate:
    """Read `"D4"` or `{"group": "D4", ...}`. Raises CandidateError naming the entry and the remedy."""
    if isinstance(entry, str):
        entry = {"group": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("group"), str):
        raise CandidateError(index, 'a candidate is a group name or an object with a "group" name')
    unknown = sorted(set(map(str, entry)) - _FIELDS)
    if unknown:
        raise CandidateError(index, f"unknown field {unknown[0]!r}; known fields are {', '.join(sorted(_FIELDS))}")
    read = image_candidate if samples.domain == "image2d" else vector_candidate
    try:
        return read(entry, index, samples)
    except GroupTooLarge as error:
        raise CandidateError(index, f"{entry['group']}: {error}; choose a smaller group") from error
