"""The groups that can be named for one data set, with what lies in what: the picture candidates are chosen on."""

from __future__ import annotations

from typing import Any

from models.groups.action import is_trivial
from models.groups.candidates import parse_candidate
from models.groups.entries import Candidate, Samples
from models.groups.errors import CandidateError
from models.groups.families import MAX_MATRIX_DEGREE
from models.groups.image_candidates import POINT_GROUPS
from models.groups.joins import above
from models.groups.plan import default_candidates, plan_search
from models.groups.polyhedral import POLYHEDRAL_NAMES
from models.groups.probed import PLANE_FAMILIES, Family

_IMAGES = ("T", *POINT_GROUPS, *PLANE_FAMILIES)
_VECTORS = ("E", *POINT_GROUPS, *POLYHEDRAL_NAMES, "Inv", "Flips", "Z_n", "A_n", "S_n", "B_n", "SO(n)", "O(n)")
_RARE = frozenset(POINT_GROUPS) - {
    "C2",
    "C3",
    "C4",
    "C6",
    "C8",
    "D1",
    "D1y",
    "D1d",
    "D1a",
    "D2",
    "D2d",
    "D3",
    "D4",
    "D6",
    "D8",
}


def offered_groups(samples: Samples) -> dict[str, Any]:
    """What may be posted as a bare name for these samples, smallest first, each group once.

    `items`: {name, title, order, labels, centred, interpolated, usual, contains}: the label actions that suit group and
    data, whether the group about the centre alone is offered, whether some element interpolates, whether it is among
    those shown first, and the other names it contains. `auto`: the entries that "auto" stands for; none where nothing
    is usual. Nothing at all is offered for vectors so long that every group has to say which coordinates it is on.
    """
    if samples.domain == "vector" and samples.x_shape[0] > MAX_MATRIX_DEGREE:
        return {"items": [], "auto": []}
    plan = _plan(samples)
    nodes = plan["nodes"]
    upper = above(plan)
    items = [
        {
            "name": node["group"],
            "title": node["title"],
            "order": node["order"],
            "labels": _labels(node["group"], samples, trivial=is_trivial(node["spec"])),
            "centred": samples.domain == "image2d"
            and _read({"group": node["group"], "translations": False}, samples) is not None,
            "interpolated": any(plan["classes"][c]["interpolated"] for c in node["classes"]),
            "usual": node["group"] not in _RARE,
            "contains": [other["group"] for other, larger in zip(nodes, upper, strict=True) if i in larger],
        }
        for i, node in enumerate(nodes)
    ]
    try:
        auto = default_candidates(samples)
    except CandidateError:
        auto = []
    return {"items": items, "auto": auto}


def _plan(samples: Samples) -> dict[str, Any]:
    """All names that can be planned for, together; the largest groups are left out where together they are too many."""
    alone = {name: plan for name in _names(samples) if (plan := _planned([name], samples)) is not None}
    names = sorted(alone, key=lambda name: max(node["bits"] for node in alone[name]["nodes"]))
    while (plan := _planned(names, samples)) is None:
        names.pop()
    return plan


def _planned(names: list[str], samples: Samples) -> dict[str, Any] | None:
    try:
        return plan_search(
            names,
            domain=samples.domain,
            x_shape=samples.x_shape,
            task=samples.task,
            target_dim=samples.outputs,
            classes=samples.outputs,
            include_subgroups=False,
            max_candidates=len(names),
        )
    except CandidateError:
        return None


def _names(samples: Samples) -> tuple[str, ...]:
    return _IMAGES if samples.domain == "image2d" else _VECTORS


def _read(entry: str | dict[str, Any], samples: Samples) -> Candidate | None:
    try:
        return parse_candidate(entry, 0, samples)
    except CandidateError:
        return None


def _labels(name: str, samples: Samples, *, trivial: bool) -> list[str]:
    """The label actions that may be asked of a group: trivial first, then named ones, then those found from data."""
    if trivial:
        return ["trivial"]
    named = [a for a in ("sign", "swap", "vector") if _read({"group": name, "labels": a}, samples) is not None]
    candidate = _read(name, samples)
    listed = candidate is not None and not isinstance(candidate.group, Family)
    searched = ["permutation"] if samples.task == "classification" and listed else []
    return ["trivial", *named, *searched, *(["auto"] if named or searched else [])]
