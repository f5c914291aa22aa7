"""The element classes of a lattice: the cyclic subgroups of its listed groups and the probes of its families.

A class is named by one element; its other generators stand or fall with it. A node holds a class when it contains the
element, so a family holds the classes of all groups below it beside its own probes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.groups.action import ActingGroup
from models.groups.errors import CandidateError
from models.groups.finite import FloatArray, Map, permutation_matrix
from models.groups.lattice import cyclic_subgroups
from models.groups.naming import cycles, element_name
from models.groups.nodes import Known, Listed, Node, Pair
from models.groups.probed import Probe

MAX_CLASSES = 128
OnGrid = Callable[[FloatArray], bool]


@dataclass
class _Class:
    identity: frozenset[bytes]
    pair: Pair | None  # None for a shift
    order: int | None
    about: dict[str, Any]
    nodes: list[Node] = field(default_factory=list)


def element_classes(nodes: Sequence[Node], on_grid: OnGrid | None) -> list[dict[str, Any]]:
    """Every class of every node as JSON, each once; fills `node.classes`.

    `on_grid` tells whether a 2 x 2 matrix maps the pixels of an image to pixels (None for vectors); classes that do not
    are `interpolated`. Raises CandidateError beyond MAX_CLASSES.
    """
    found: dict[frozenset[bytes], _Class] = {}
    for node in nodes:
        if isinstance(node.group, Listed):
            _add_listed(found, node, node.group, on_grid)
    for node in nodes:
        if isinstance(node.group, Known):
            for probe in node.group.family.probes:
                identity = probe.identity()
                if identity not in found:
                    pair = (probe.coordinates, probe.x, probe.y)
                    about = _about_probe(probe, node.labels, on_grid)
                    _add(found, _Class(identity, pair, probe.order, about))
    for item in found.values():
        for node in nodes:
            held = node.group
            inside = item.identity <= held.keys if isinstance(held, Listed) else item.pair and held.contains(item.pair)
            if inside:
                item.nodes.append(node)
    ordered = sorted(
        found.values(),
        key=lambda c: (c.order is None, c.order or 0, c.about["angle_degrees"] is None, c.about["element"]),
    )
    with_translations = [node for node in nodes if node.translations]
    if {node.translations for node in nodes} == {False, True}:
        shifts = ((0, 1), (1, 0))
        ordered = [_Class(frozenset(), None, None, _shift_json(s), list(with_translations)) for s in shifts] + ordered
    return _numbered(ordered)


def _add(found: dict[frozenset[bytes], _Class], item: _Class) -> None:
    if len(found) >= MAX_CLASSES:
        raise CandidateError(None, f"more than {MAX_CLASSES} classes of elements to test; name smaller groups")
    found[item.identity] = item


def _add_listed(found: dict[frozenset[bytes], _Class], node: Node, group: Listed, on_grid: OnGrid | None) -> None:
    acting = group.acting
    names = acting.keys()
    for members in cyclic_subgroups(acting.group):
        if len(members) == 1 or not members <= group.members:
            continue
        identity = frozenset(names[i] for i in members)
        if identity in found:
            continue
        order = len(members)
        index = min(i for i in members if len(acting.group.powers(i)) == order)
        about = _about_listed(acting, index, order, f"g{len(found) + 1}", node.labels, on_grid)
        _add(found, _Class(identity, group.pair(index), order, about))


def _numbered(classes: list[_Class]) -> list[dict[str, Any]]:
    seen: dict[str, int] = {}
    for position, item in enumerate(classes):
        name = item.about["element"]
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            item.about["element"] += f" #{seen[name]}"
        item.about["in_groups"] = [node.shown for node in item.nodes]
        for node in item.nodes:
            node.classes.append(position)
    _tell_apart([item.about for item in classes])
    return [item.about for item in classes]


def _tell_apart(classes: list[dict[str, Any]]) -> None:
    """Add to titles that several classes share the coordinates that are moved, or else the class's name."""
    shared = {title for title, times in Counter(c["title"] for c in classes).items() if times > 1}
    for title in shared:
        same = [c for c in classes if c["title"] == title]
        places = [tuple(c["action"]["coordinates"]) for c in same]
        for one, place in zip(same, places, strict=True):
            told = places.count(place) == 1
            one["title"] += f" of {', '.join(f'x{i}' for i in place)}" if told else f" ({one['element']})"


def _about_listed(
    acting: ActingGroup, index: int, order: int, fallback: str, labels: str, on_grid: OnGrid | None
) -> dict[str, Any]:
    def action(i: int) -> dict[str, Any]:
        return _action_json(acting.coordinates, acting.x[i], None if acting.y is None else acting.y[i], on_grid)

    name, title, angle = element_name(acting, index, fallback)
    inverse = int(acting.group.inverse[index])
    moved = acting.y is not None and not np.allclose(acting.y[index], np.eye(acting.y.shape[1]))
    return _class_json(
        name,
        title,
        angle,
        order,
        labels if moved else None,
        action(index),
        action(inverse) if inverse != index else None,
    )


def _about_probe(probe: Probe, labels: str, on_grid: OnGrid | None) -> dict[str, Any]:
    inverse = probe.inverse
    back = None if probe.order == 2 else _action_json(inverse.coordinates, inverse.x, inverse.y, on_grid)
    action = _action_json(probe.coordinates, probe.x, probe.y, on_grid)
    moved = None if probe.y is None else labels
    return _class_json(probe.name, probe.title, probe.angle, probe.order, moved, action, back)


def _class_json(
    name: str,
    title: str,
    angle: float | None,
    order: int | None,
    labels: str | None,
    action: dict[str, Any],
    inverse: dict[str, Any] | None,
) -> dict[str, Any]:
    return {
        "element": name + (f" [{labels}]" if labels else ""),
        "title": title + (f", labels: {_moved_text(labels, action['labels'])}" if labels else ""),
        "angle_degrees": angle,
        "matrix": action.get("matrix"),
        "permutation": action.get("permutation"),
        "order": order,
        "interpolated": action["interpolated"],
        "action": action,
        "inverse": inverse,
    }


def _moved_text(labels: str, moved: list[list[float]]) -> str:
    """`permutation (0 2 1)` of the classes; any other label action by its name."""
    return f"{labels} {cycles(np.argmax(np.asarray(moved), axis=0))}" if labels == "permutation" else labels


def _action_json(coordinates: tuple[int, ...], x: Map, y: FloatArray | None, on_grid: OnGrid | None) -> dict[str, Any]:
    permutes = x.dtype.kind == "i"
    form = {"permutation" if permutes else "matrix": x.tolist()}
    off_grid = on_grid is not None and not on_grid(permutation_matrix(x) if permutes else x)
    labels = None if y is None else y.tolist()
    return {**form, "coordinates": list(coordinates), "labels": labels, "interpolated": off_grid}


def _shift_json(shift: tuple[int, int]) -> dict[str, Any]:
    name, axis = ("shift-x", "x") if shift[1] else ("shift-y", "y")
    there, back = (
        {"shift": [sign * v for v in shift], "coordinates": [0, 1], "labels": None, "interpolated": False}
        for sign in (1, -1)
    )
    return _class_json(name, f"shift by one pixel along {axis}, wrapped", None, None, None, there, back)
