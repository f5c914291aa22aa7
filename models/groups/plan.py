"""Planning a search: candidates -> lattice of groups -> element classes.

A node of the lattice is a set of pairs (map of x, map of y), with or without translations: listed, or a family known by
membership. One node contains another when its set does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.actions.grid import maps_grid_to_itself
from models.groups.action import ActingGroup, acting_group
from models.groups.candidates import parse_candidate
from models.groups.classes import MAX_CLASSES, OnGrid, element_classes
from models.groups.entries import Candidate, Samples
from models.groups.errors import CandidateError
from models.groups.families import MAX_MATRIX_DEGREE
from models.groups.finite import FloatArray
from models.groups.lattice import TooManySubgroups, covers, subgroups
from models.groups.naming import subgroup_name
from models.groups.nodes import Known, Listed, Node, listed, moves_labels, unique_names
from models.groups.planar import planar_generators, planar_title
from models.groups.probed import PLANE_TITLES, Family

_MAX_WORK = 300_000  # elements times coordinates of all listed groups: some seconds

_TURNS = ("C2", "C4", "C8")
_MIRRORED = ("D1", "D1y", "D4", "D8")


def default_candidates(samples: Samples) -> list[Any]:
    """What `"candidates": "auto"` stands for. Raises CandidateError where nothing is usual."""
    if samples.domain == "image2d":
        square = samples.x_shape[-1] == samples.x_shape[-2]
        return ["T", "D4"] if square else ["T", "D2"]
    d = samples.x_shape[0]
    if d == 1:
        return ["E", "Inv"]
    if d == 2:
        return ["E", "D4"]
    if d <= 4:
        return ["E", "S_n", "Flips"]
    if d > MAX_MATRIX_DEGREE:
        raise CandidateError(
            None, f'there is no usual list for {d} coordinates; name groups, and with "on" the coordinates they act on'
        )
    return ["E", "Inv", "Z_n"] if d <= MAX_CLASSES else ["E", "Inv"]


def plan_search(
    candidates: Sequence[Any] | str,
    *,
    domain: str,
    x_shape: Sequence[int],
    task: str,
    target_dim: int | None,
    classes: int | None,
    include_subgroups: bool,
    max_candidates: int,
) -> dict[str, Any]:
    """The plan of a search as JSON: `nodes`, `covers`, `classes`, `warnings`.

    The trivial group (`T` for images with translations, else `E`) is always a node: it is the witness that knows no
    symmetry. Raises CandidateError for an entry that cannot be searched for.
    """
    outputs = (classes if task == "classification" else target_dim) or 1
    samples = Samples(domain, tuple(int(v) for v in x_shape), task, int(outputs))
    if domain not in ("image2d", "vector"):
        raise CandidateError(None, f"searches over {domain} data are not offered yet; image2d and vector are")
    if isinstance(candidates, str):
        if candidates != "auto":
            raise CandidateError(None, 'candidates is a list of groups, or "auto"')
        candidates = default_candidates(samples)
    if not candidates:
        raise CandidateError(None, 'the list of candidates is empty; name at least one group, or send "auto"')
    if len(candidates) > max_candidates:
        raise CandidateError(None, f"{len(candidates)} candidates; at most {max_candidates} are searched at once")
    parsed = [parse_candidate(entry, i, samples) for i, entry in enumerate(candidates)]
    warnings = [c.warning for c in parsed if c.warning]
    on_grid = _on_grid(samples)
    nodes = _posted(parsed, samples, warnings)
    if include_subgroups:
        nodes = _closed(nodes, parsed, on_grid, max_candidates, warnings)
    _check_size(nodes)
    unique_names(nodes)
    nodes.sort(key=lambda n: (bool(n.translations), isinstance(n.group, Known), n.group.bits, not n.posted, n.name))
    evidence = element_classes(nodes, on_grid)
    if any(c["interpolated"] for c in evidence):
        warnings.append(
            "some tested elements do not map pixels to pixels: every network of this search sees the images through a "
            "mild low-pass and a smooth disc, and a moved image is compared with one that was moved and moved back"
        )
    below = [[a.below(b) for b in nodes] for a in nodes]
    return {
        "nodes": [n.as_json(domain) for n in nodes],
        "covers": [list(pair) for pair in covers(below)],
        "classes": evidence,
        "warnings": warnings,
    }


def _check_size(nodes: Sequence[Node]) -> None:
    """Refuse a search whose groups would take minutes to plan."""
    work = sum(len(n.group.members) * len(n.group.coordinates) for n in nodes if isinstance(n.group, Listed))
    if work > _MAX_WORK:
        raise CandidateError(
            None,
            f"the groups have {work:,} elements times coordinates in all, at most {_MAX_WORK:,} are planned; name "
            'fewer or smaller groups, or leave the subgroups out with "include_subgroups": false',
        )


def _on_grid(samples: Samples) -> OnGrid | None:
    if samples.domain != "image2d":
        return None
    height, width = samples.x_shape[-2:]

    def on_grid(matrix: FloatArray) -> bool:
        return maps_grid_to_itself(height, width, matrix)

    return on_grid


def _posted(parsed: list[Candidate], samples: Samples, warnings: list[str]) -> list[Node]:
    """The candidates, each group once, and the trivial group of every kind that occurs."""
    nodes: dict[object, Node] = {}
    for c in parsed:
        node = _node(c.name, c.title, c.labels, c.group, c.translations, c.architecture, posted=True)
        if node.key in nodes:
            other = nodes[node.key].name
            twice = "is named twice" if c.name == other else f"is the same group as {other}"
            warnings.append(f"{c.name} {twice}; it is searched for once")
        else:
            nodes[node.key] = node
    trivial = acting_group((0, 1) if samples.domain == "image2d" else tuple(range(samples.x_shape[0])), [])
    for translations in sorted({c.translations for c in parsed}, key=bool):
        name, title = ("T", "translations only") if translations else ("E", "no symmetry")
        node = _node(name, title, "trivial", trivial, translations)
        nodes.setdefault(node.key, node)
    return list(nodes.values())


def _node(
    name: str,
    title: str,
    labels: str,
    group: ActingGroup | Family,
    translations: bool | None,
    architecture: str | None = None,
    *,
    posted: bool = False,
) -> Node:
    members = Known(group) if isinstance(group, Family) else listed(group)
    return Node(name, title, labels, members, translations, posted, architecture)


def _closed(
    posted: list[Node], parsed: list[Candidate], on_grid: OnGrid | None, limit: int, warnings: list[str]
) -> list[Node]:
    """The nodes with their subgroups, or as they were, with a warning, where those would be too many."""
    closed = {node.key: node for node in posted}
    kinds = {c.translations for c in parsed}
    for candidate in parsed:
        if isinstance(candidate.group, Family):
            found = _chain(candidate, candidate.group, warnings)
        else:
            try:
                found = _subgroups(candidate, candidate.group, limit)
            except TooManySubgroups:
                warnings.append(
                    f"{candidate.name} has more than {limit} subgroups; only the groups that were named are compared"
                )
                return posted
        for node in found:
            closed.setdefault(node.key, node)
            # A point group about the centre is a subgroup of the same group with translations.
            if node.translations and False in kinds and isinstance(node.group, Listed):
                if on_grid is None or all(
                    on_grid(m) for m in node.group.acting.x_matrices()[sorted(node.group.members)]
                ):
                    centred = Node(node.name, node.title, node.labels, node.group, False, False)
                    closed.setdefault(centred.key, centred)
    if len(closed) > limit:
        warnings.append(
            f"the lattice of subgroups has {len(closed)} groups, more than {limit}; only the named groups are compared"
        )
        return posted
    return list(closed.values())


def _subgroups(candidate: Candidate, acting: ActingGroup, limit: int) -> list[Node]:
    nodes = []
    for serial, members in enumerate(subgroups(acting.group, limit)):
        part = Listed(acting, members)
        if len(members) == acting.group.order:
            name = candidate.name
        else:
            name = subgroup_name(acting, members, candidate.name, f"{len(members)}{_letters(serial)}")
        title = planar_title(name) if acting.plane_maps is not None and name != "E" else f"subgroup of {candidate.name}"
        labels = candidate.labels if moves_labels(part) else "trivial"
        nodes.append(Node(name, title, labels, part, candidate.translations, False))
    return nodes


def _chain(candidate: Candidate, family: Family, warnings: list[str]) -> list[Node]:
    """What stands for the subgroups of a family: some finite ones for turns of the plane, and the families in it."""
    below = [f for f in _families_below(family) if f != family]
    nodes = [_node(*_family_name(f), _labels_of(f, candidate), f, candidate.translations) for f in below]
    if family.sets or family.degree > 2 or family.family == "Scale":
        named = " but " + ", ".join(node.name for node in nodes) if nodes else ""
        warnings.append(f"{candidate.name} has too many subgroups to list: none{named} is compared unless it is named")
        return nodes
    mirrored = family.family in ("O(2)", "O(n)")
    for name in _TURNS + _MIRRORED * mirrored:
        turns = planar_generators(name) or []
        y = [family.label_map(turn) for turn in turns]
        labels = [np.eye(_width(y)) if m is None else m for m in y] if any(m is not None for m in y) else None
        x = turns if family.on_plane else [np.kron(np.eye(len(family.vectors)), turn) for turn in turns]
        acting = acting_group(family.coordinates, x, labels)
        shown = candidate.labels if labels else "trivial"
        nodes.append(_node(name, planar_title(name), shown, acting, candidate.translations))
    return nodes


def _width(maps: list[FloatArray | None]) -> int:
    return next(len(m) for m in maps if m is not None)


def _families_below(family: Family) -> list[Family]:
    labels = "vector" if family.labels == "vector" else "trivial"
    if family.family == "O(2)":
        return [Family("image2d", "SO(2)", labels)]
    if family.family == "SIM(2)":
        return [Family("image2d", "SO(2)"), Family("image2d", "Scale")]
    if family.family == "O(n)":
        return [Family("vector", "SO(n)", labels, family.vectors)]
    return []


def _family_name(family: Family) -> tuple[str, str]:
    """(name, title) of a family that nobody posted."""
    if family.family == "SO(n)":
        return f"SO({family.degree})", f"all rotations of {family.degree} coordinates"
    return family.family, PLANE_TITLES[family.family]


def _labels_of(family: Family, candidate: Candidate) -> str:
    return candidate.labels if family.labels == "vector" else "trivial"


def _letters(serial: int) -> str:
    text = ""
    serial += 1
    while serial:
        serial, r = divmod(serial - 1, 26)
        text = chr(97 + r) + text
    return text
