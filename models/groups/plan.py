"""Planning a search: candidates -> subgroup lattice -> element classes.

A node of the lattice is a set of pairs (map of x, map of y), with or without translations; one node contains
another when its set does. A class is a cyclic subgroup of such pairs: its generators stand or fall together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.groups.action import ActingGroup, acting_group
from models.groups.candidates import Candidate, Samples, parse_candidate
from models.groups.errors import CandidateError
from models.groups.families import MAX_MATRIX_DEGREE
from models.groups.lattice import TooManySubgroups, covers, cyclic_subgroups, subgroups
from models.groups.naming import element_name, is_planar, subgroup_name
from models.groups.planar import planar_title

MAX_CLASSES = 128
NodeKey = tuple[frozenset[bytes], bool | None]


@dataclass
class _Node:
    name: str
    title: str
    labels: str
    acting: ActingGroup
    members: frozenset[int]
    translations: bool | None
    posted: bool
    classes: list[int] = field(default_factory=list)


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
    warnings: list[str] = []
    nodes = _nodes(parsed, samples, include_subgroups, max_candidates, warnings)
    _unique_names(nodes)
    ordered = sorted(nodes.items(), key=lambda kv: (bool(kv[0][1]), len(kv[0][0]), not kv[1].posted, kv[1].name))
    nodes = dict(ordered)
    evidence = _classes(nodes)
    return {
        "nodes": [_node_json(n, samples) for n in nodes.values()],
        "covers": [list(pair) for pair in covers(_order(list(nodes)))],
        "classes": evidence,
        "warnings": warnings,
    }


def _nodes(
    parsed: list[Candidate], samples: Samples, include_subgroups: bool, limit: int, warnings: list[str]
) -> dict[NodeKey, _Node]:
    nodes: dict[NodeKey, _Node] = {}
    image = samples.domain == "image2d"
    for candidate in parsed:
        everything = frozenset(range(candidate.acting.group.order))
        key = (frozenset(candidate.acting.keys()), candidate.translations)
        node = _Node(
            candidate.name,
            candidate.title,
            candidate.labels,
            candidate.acting,
            everything,
            candidate.translations,
            True,
        )
        if key in nodes:
            warnings.append(f"{candidate.name} is the same group as {nodes[key].name}; it is searched for once")
            continue
        nodes[key] = node
    kinds = {c.translations for c in parsed}
    trivial = acting_group((0, 1) if image else tuple(range(samples.x_shape[0])), [])
    for translations in sorted(kinds, key=bool):
        name, title = ("T", "translations only") if translations else ("E", "no symmetry")
        key = (frozenset(trivial.keys()), translations)
        if key not in nodes:
            nodes[key] = _Node(name, title, "trivial", trivial, frozenset({0}), translations, False)
    if not include_subgroups:
        return nodes
    closed = dict(nodes)
    for candidate in parsed:
        try:
            found = subgroups(candidate.acting.group, limit)
        except TooManySubgroups:
            warnings.append(
                f"{candidate.name} has more than {limit} subgroups; only the groups that were named are compared"
            )
            return nodes
        keys = candidate.acting.keys()
        for serial, members in enumerate(found):
            # A point group about the centre is a subgroup of the same group with translations.
            for translations in {candidate.translations} | ({False} if False in kinds else set()):
                key = (frozenset(keys[i] for i in members), translations)
                if key not in closed:
                    closed[key] = _subgroup(candidate, members, serial, translations)
    if len(closed) > limit:
        warnings.append(
            f"the lattice of subgroups has {len(closed)} groups, more than {limit}; only the named groups are compared"
        )
        return nodes
    return closed


def _subgroup(candidate: Candidate, members: frozenset[int], serial: int, translations: bool | None) -> _Node:
    acting = candidate.acting
    name = subgroup_name(acting, members, candidate.name, f"{len(members)}{_letters(serial)}")
    if len(members) == acting.group.order:
        name = candidate.name
    title = planar_title(name) if is_planar(acting) and name != "E" else f"subgroup of {candidate.name}"
    moved = acting.y is not None and any(not np.allclose(acting.y[i], np.eye(len(acting.y[i]))) for i in members)
    return _Node(name, title, candidate.labels if moved else "trivial", acting, members, translations, False)


def _letters(serial: int) -> str:
    text = ""
    serial += 1
    while serial:
        serial, r = divmod(serial - 1, 26)
        text = chr(97 + r) + text
    return text


def _unique_names(nodes: dict[NodeKey, _Node]) -> None:
    """Tell nodes of one name apart by what differs: translations, the label action, the coordinates."""

    def clashes() -> list[list[_Node]]:
        by_name: dict[str, list[_Node]] = {}
        for node in nodes.values():
            by_name.setdefault(_display(node), []).append(node)
        return [group for group in by_name.values() if len(group) > 1]

    for group in clashes():
        for node in group:
            if len({n.acting.coordinates for n in group}) > 1:
                node.name += " on " + ",".join(map(str, node.acting.coordinates))
    for group in clashes():
        for serial, node in enumerate(group):
            node.name += f" #{serial + 1}"


def _display(node: _Node) -> str:
    suffix = " about the centre" if node.translations is False and node.name != "E" else ""
    return node.name + suffix + (f" [{node.labels}]" if node.labels != "trivial" else "")


def _order(keys: list[NodeKey]) -> list[list[bool]]:
    return [[a != b and a[0] <= b[0] and bool(a[1]) <= bool(b[1]) for b in keys] for a in keys]


def _classes(nodes: dict[NodeKey, _Node]) -> list[dict[str, Any]]:
    """Every class of every node, each once; fills `node.classes`."""
    found: dict[frozenset[bytes], dict[str, Any]] = {}
    for key, node in nodes.items():
        names = node.acting.keys()
        for members in cyclic_subgroups(node.acting.group):
            if len(members) == 1 or not members <= node.members:
                continue
            identity = frozenset(names[i] for i in members)
            if identity not in found:
                if len(found) >= MAX_CLASSES:
                    raise CandidateError(
                        None, f"more than {MAX_CLASSES} classes of elements to test; name smaller groups"
                    )
                found[identity] = _class_json(node, members, len(found) + 1)
            found[identity]["_nodes"].append(key)
    ordered = sorted(found.values(), key=lambda c: (c["order"], c["angle_degrees"] is None, c["element"]))
    if {key[1] for key in nodes} == {False, True}:
        with_translations = [key for key in nodes if key[1]]
        ordered = [_shift_json(shift, with_translations) for shift in ((0, 1), (1, 0))] + ordered
    seen: dict[str, int] = {}
    for position, item in enumerate(ordered):
        seen[item["element"]] = seen.get(item["element"], 0) + 1
        if seen[item["element"]] > 1:
            item["element"] += f" #{seen[item['element']]}"
        members_of = item.pop("_nodes")
        item["in_groups"] = [_display(nodes[key]) for key in members_of]
        for key in members_of:
            nodes[key].classes.append(position)
    return ordered


def _class_json(node: _Node, members: frozenset[int], serial: int) -> dict[str, Any]:
    acting = node.acting
    order = len(members)
    index = min(i for i in members if len(acting.group.powers(i)) == order)
    inverse = int(acting.group.inverse[index])
    name, title, angle = element_name(acting, index, f"g{serial}")
    y = None if acting.y is None or np.allclose(acting.y[index], np.eye(acting.y.shape[1])) else acting.y[index]
    action = _action_json(acting, index)
    return {
        "element": name + ("" if y is None else f" [{node.labels}]"),
        "title": title + ("" if y is None else f", labels: {node.labels}"),
        "angle_degrees": angle,
        "matrix": action.get("matrix"),
        "permutation": action.get("permutation"),
        "order": order,
        "action": action,
        "inverse": _action_json(acting, inverse) if inverse != index else None,
        "_nodes": [],
    }


def _action_json(acting: ActingGroup, index: int) -> dict[str, Any]:
    x = acting.x[index].tolist()
    y = None if acting.y is None else acting.y[index].tolist()
    form = {"permutation": x} if acting.permutes else {"matrix": x}
    return {**form, "coordinates": list(acting.coordinates), "labels": y}


def _shift_json(shift: tuple[int, int], keys: list[NodeKey]) -> dict[str, Any]:
    name = "shift-x" if shift[1] else "shift-y"
    axis = "x" if shift[1] else "y"
    return {
        "element": name,
        "title": f"shift by one pixel along {axis}, wrapped",
        "angle_degrees": None,
        "matrix": None,
        "permutation": None,
        "order": None,
        "action": {"shift": list(shift), "coordinates": [0, 1], "labels": None},
        "inverse": {"shift": [-shift[0], -shift[1]], "coordinates": [0, 1], "labels": None},
        "_nodes": list(keys),
    }


def _node_json(node: _Node, samples: Samples) -> dict[str, Any]:
    order = len(node.members)
    full = order == node.acting.group.order
    return {
        "name": _display(node),
        "title": node.title,
        "group": node.name,
        "translations": node.translations,
        "labels": node.labels,
        "order": order,
        "posted": node.posted,
        "spec": {
            "domain": samples.domain,
            "translations": node.translations,
            **node.acting.spec(None if full else node.members),
        },
        "classes": node.classes,
    }
