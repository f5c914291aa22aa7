"""The nodes of a search's lattice: groups of pairs (map of x, map of y), and when one contains another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from models.groups.action import ActingGroup, pair_key
from models.groups.finite import FloatArray, Map
from models.groups.probed import Family

Pair = tuple[tuple[int, ...], Map, FloatArray | None]  # coordinates, the map of x on them, the map of y (None: stays)


class Members(Protocol):
    """The elements of a node, listed or known by membership."""

    @property
    def order(self) -> int | None: ...
    @property
    def bits(self) -> float: ...
    @property
    def coordinates(self) -> tuple[int, ...]: ...
    @property
    def identity(self) -> object: ...
    def generators(self) -> list[Pair]: ...
    def contains(self, pair: Pair) -> bool: ...
    def spec(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Listed:
    """Some or all elements of an acting group."""

    acting: ActingGroup
    members: frozenset[int]

    @property
    def order(self) -> int | None:
        return len(self.members)

    @property
    def bits(self) -> float:
        return math.log2(len(self.members))

    @property
    def coordinates(self) -> tuple[int, ...]:
        return self.acting.coordinates

    @cached_property
    def keys(self) -> frozenset[bytes]:
        names = self.acting.keys()
        return frozenset(names[i] for i in self.members)

    @property
    def identity(self) -> object:
        return self.keys

    def pair(self, index: int) -> Pair:
        y = self.acting.y
        return self.acting.coordinates, self.acting.x[index], None if y is None else y[index]

    def generators(self) -> list[Pair]:
        return [self.pair(i) for i in self.acting.group.generators_of(self.members)]

    def contains(self, pair: Pair) -> bool:
        return pair_key(*pair) in self.keys

    def spec(self) -> dict[str, Any]:
        return self.acting.spec(None if len(self.members) == self.acting.group.order else self.members)


@dataclass(frozen=True)
class Known:
    """A family: every element that passes its test of membership."""

    family: Family

    @property
    def order(self) -> int | None:
        return self.family.order

    @property
    def bits(self) -> float:
        return self.family.bits

    @property
    def coordinates(self) -> tuple[int, ...]:
        return self.family.coordinates

    @property
    def identity(self) -> object:
        return self.family

    def generators(self) -> list[Pair]:
        return [(p.coordinates, p.x, p.y) for p in self.family.probes]

    def contains(self, pair: Pair) -> bool:
        return self.family.contains(*pair)

    def spec(self) -> dict[str, Any]:
        return self.family.spec()


@dataclass
class Node:
    """A group of the lattice with its name, over translations or not; `classes` are positions in the plan's list."""

    name: str
    title: str
    labels: str
    group: Members
    translations: bool | None
    posted: bool
    architecture: str | None = None
    classes: list[int] = field(default_factory=list)

    @property
    def key(self) -> tuple[object, bool | None]:
        """Equal for two nodes when they are the same group."""
        return self.group.identity, self.translations

    @property
    def shown(self) -> str:
        """The name with what sets it apart: translations and the label action."""
        suffix = " about the centre" if self.translations is False and self.name != "E" else ""
        return self.name + suffix + (f" [{self.labels}]" if self.labels != "trivial" else "")

    def below(self, other: Node) -> bool:
        """Whether every element of this node is one of the other's, and not the other way round."""
        if self.key == other.key or bool(self.translations) > bool(other.translations):
            return False
        mine, theirs = self.group, other.group
        if isinstance(mine, Listed) and isinstance(theirs, Listed):
            return mine.keys <= theirs.keys
        if isinstance(theirs, Listed):
            return False  # a family has more elements than any group that is listed
        return all(theirs.contains(pair) for pair in mine.generators())

    def as_json(self, domain: str) -> dict[str, Any]:
        spec = {"domain": domain, "translations": self.translations, **self.group.spec()}
        if self.architecture is not None:
            spec["architecture"] = self.architecture
        return {
            "name": self.shown,
            "title": self.title,
            "group": self.name,
            "translations": self.translations,
            "labels": self.labels,
            "order": self.group.order,
            "bits": self.group.bits,
            "posted": self.posted,
            "spec": spec,
            "classes": self.classes,
        }


def listed(acting: ActingGroup) -> Listed:
    """A whole acting group."""
    return Listed(acting, frozenset(range(acting.group.order)))


def moves_labels(group: Listed) -> bool:
    """Whether some element moves labels."""
    y = group.acting.y
    return y is not None and any(not np.allclose(y[i], np.eye(len(y[i]))) for i in group.members)


def unique_names(nodes: Sequence[Node]) -> None:
    """Tell nodes of one name apart by what differs: translations, the label action, the coordinates."""

    def clashes() -> list[list[Node]]:
        by_name: dict[str, list[Node]] = {}
        for node in nodes:
            by_name.setdefault(node.shown, []).append(node)
        return [group for group in by_name.values() if len(group) > 1]

    for group in clashes():
        for node in group:
            if len({n.group.coordinates for n in group}) > 1:
                node.name += " on " + ",".join(map(str, node.group.coordinates))
    for group in clashes():
        for serial, node in enumerate(group):
            node.name += f" #{serial + 1}"
