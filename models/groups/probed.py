"""Groups that cannot be listed: known by membership, and tested on a fixed list of probe elements.

The continuous groups of the plane and of vectors, and the symmetric groups on more items than can be enumerated. The
probes of a family generate it, or a dense subgroup: a closed group that contains them contains the family.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from models.groups.action import as_permutations, pair_key
from models.groups.families import MAX_ORDER
from models.groups.finite import FloatArray, IntArray, Map, direct_sum, permutation_matrix
from models.groups.naming import cycles
from models.groups.planar import MIRROR_X, planar_element, rotation

PLANE_TITLES = {
    "SO(2)": "rotations by every angle",
    "O(2)": "rotations by every angle and every mirror",
    "Scale": "every change of scale",
    "SIM(2)": "rotations by every angle and every change of scale",
}
PLANE_FAMILIES = tuple(PLANE_TITLES)
ANGLE_BITS = 6.0  # a continuous dimension is named to one part in 64
_TURN_ORDERS = (2, 3, 4, 5, 8, 16)
_GENERIC_TURN = 180.0 * (3.0 - math.sqrt(5.0))  # the golden angle: its multiples fill the circle evenly
_GENERIC_MIRROR = 67.5  # degrees of the turn that follows x -> -x
_FACTORS = (("2^1/4", 2.0**0.25), ("4/3", 4.0 / 3.0), ("2^1/2", 2.0**0.5))  # no common root: dense in all factors
_LARGEST_ORDER = 2**31 - 1  # what a database column holds and every reader of JSON tells apart


@dataclass(frozen=True)
class Probe:
    """One element: its maps of x on `coordinates` and of y (None: labels stay), its order (None: infinite)."""

    name: str
    title: str
    angle: float | None
    coordinates: tuple[int, ...]
    x: Map
    y: FloatArray | None
    order: int | None

    @property
    def inverse(self) -> Probe:
        """The element that undoes this one."""
        x = np.argsort(self.x) if self.x.dtype.kind == "i" else np.linalg.inv(self.x)
        y = None if self.y is None else np.asarray(np.linalg.inv(self.y), dtype=np.float64)
        angle = None if self.angle is None else -self.angle
        return Probe(self.name, self.title, angle, self.coordinates, x, y, self.order)

    def identity(self) -> frozenset[bytes]:
        """Equal for two elements when they generate the same cyclic group; where that is long, for g and g^-1."""
        if self.order is None or self.order > MAX_ORDER:
            return frozenset(pair_key(p.coordinates, p.x, p.y) for p in (self, self.inverse))
        keys = []
        x, y = self.x, self.y
        for _ in range(self.order):
            keys.append(pair_key(self.coordinates, x, y))
            x = x[self.x] if self.x.dtype.kind == "i" else x @ self.x
            y = None if y is None or self.y is None else y @ self.y
        return frozenset(keys)


@dataclass(frozen=True)
class Family:
    """SO(2), O(2), Scale, SIM(2) on the plane; SO(n), O(n) on `vectors`; S on `sets` of items (spec format as JSON).

    `labels` is trivial, sign (the determinant; `mirror_labels` is what an improper element does to labels) or vector.
    """

    domain: str
    family: str
    labels: str = "trivial"
    vectors: tuple[tuple[int, ...], ...] = ()
    sets: tuple[tuple[tuple[int, ...], ...], ...] = ()
    mirror_labels: tuple[tuple[float, ...], ...] | None = None

    @property
    def on_plane(self) -> bool:
        return self.family in PLANE_FAMILIES

    @property
    def degree(self) -> int:
        """Components of one vector that the group turns: 2 on images, n for SO(n) and O(n)."""
        return 2 if self.on_plane else len(self.vectors[0])

    @cached_property
    def coordinates(self) -> tuple[int, ...]:
        if self.on_plane:
            return (0, 1)
        blocks = self.vectors or tuple(item for items in self.sets for item in items)
        return tuple(c for block in blocks for c in block)

    @property
    def order(self) -> int | None:
        """Number of elements; None when infinite or beyond 2^31 - 1."""
        if not self.sets:
            return None
        order = math.prod(math.factorial(len(items)) for items in self.sets)
        return order if order <= _LARGEST_ORDER else None

    @property
    def bits(self) -> float:
        """Bits to name an element as finely as it is tested: a turn by its plane and one of 64 angles, a scaling by one
        of 64 factors, a permutation in full or, where that is shorter, as one of 512 words and a transposition."""
        if self.sets:
            counts = [len(items) for items in self.sets]
            in_full = sum(math.lgamma(n + 1) for n in counts) / math.log(2.0)
            return min(in_full, math.log2(MAX_ORDER) + math.log2(sum(n * (n - 1) // 2 for n in counts)))
        if self.family == "SIM(2)":
            return 2 * ANGLE_BITS
        planes = self.degree * (self.degree - 1) / 2
        return ANGLE_BITS + math.log2(planes) + (1.0 if self.family in ("O(2)", "O(n)") else 0.0)

    def spec(self) -> dict[str, Any]:
        """The family as JSON, without domain and translations."""
        found: dict[str, Any] = {"kind": "family", "family": self.family, "labels": self.labels}
        if self.mirror_labels is not None:
            found["mirror_labels"] = [list(row) for row in self.mirror_labels]
        if self.vectors:
            found |= {"n": self.degree, "vectors": [list(v) for v in self.vectors]}
        if self.sets:
            found["sets"] = [[list(item) for item in items] for items in self.sets]
        return found

    def contains(self, coordinates: Sequence[int], x: Map, y: FloatArray | None) -> bool:
        """Whether the pair (x map on `coordinates`, y map) is an element."""
        if self.sets:
            return _is_identity(y) and self._permutes_items(coordinates, x)
        turn = _plane_map(x) if self.on_plane else self._common_block(coordinates, x)
        if turn is None or not self._holds(turn):
            return False
        expected = self.label_map(turn)
        return _is_identity(y) if expected is None else y is not None and _same(y, expected)

    def _holds(self, turn: FloatArray) -> bool:
        determinant = float(np.linalg.det(turn))
        if self.family == "Scale":
            return turn[0, 0] > 0 and _same(turn, turn[0, 0] * np.eye(2))
        if self.family == "SIM(2)":
            return determinant > 0 and _same(turn @ turn.T, determinant * np.eye(2))
        return _same(turn @ turn.T, np.eye(len(turn))) and (self.family in ("O(2)", "O(n)") or determinant > 0)

    def label_map(self, turn: FloatArray) -> FloatArray | None:
        """What the element that turns every vector by `turn` (n, n) does to labels; None: they stay put."""
        if self.labels == "vector":
            return None if _is_identity(turn) else turn
        if self.labels == "sign" and self.mirror_labels is not None and np.linalg.det(turn) < 0:
            return np.asarray(self.mirror_labels)
        return None

    def _common_block(self, coordinates: Sequence[int], x: Map) -> FloatArray | None:
        """The matrix R with which x turns every vector of the family; None when it does anything else."""
        moved = _restricted(coordinates, x, self.coordinates)
        if moved is None:
            return None
        n = self.degree
        block = moved[:n, :n]
        expected = np.asarray(np.kron(np.eye(len(self.vectors)), block), dtype=np.float64)
        return block if _same(moved, expected) else None

    def _permutes_items(self, coordinates: Sequence[int], x: Map) -> bool:
        permutations = [x] if x.dtype.kind == "i" else as_permutations([x])
        if permutations is None:
            return False
        images = {c: coordinates[int(i)] for c, i in zip(coordinates, permutations[0], strict=True)}
        left = {c for c, image in images.items() if c != image}
        for items in self.sets:
            known = set(items)
            for item in items:
                if tuple(images.get(c, c) for c in item) not in known:
                    return False
                left -= set(item)
        return not left

    @cached_property
    def probes(self) -> tuple[Probe, ...]:
        """The elements that the family is tested on; together they generate it or a dense subgroup."""
        if self.sets:
            return tuple(probe for items in self.sets for probe in _set_probes(items))
        return tuple(self._plane_probes() if self.degree == 2 else self._space_probes())

    def _probe(self, turn: FloatArray, order: int | None, name: str, title: str, angle: float | None = None) -> Probe:
        x = turn if self.on_plane else np.kron(np.eye(len(self.vectors)), turn)
        return Probe(name, title, angle, self.coordinates, x, self.label_map(turn), order)

    def _plane_probes(self) -> list[Probe]:
        probes = []
        if self.family != "Scale":
            for order in _TURN_ORDERS:
                turn = rotation(360.0 / order)
                probes.append(self._probe(turn, order, *planar_element(turn)))
            turn = rotation(_GENERIC_TURN)
            probes.append(self._probe(turn, None, *planar_element(turn)))
        if self.family in ("O(2)", "O(n)"):
            for turn in (MIRROR_X, rotation(_GENERIC_MIRROR) @ MIRROR_X):
                probes.append(self._probe(turn, 2, *planar_element(turn)))
        if self.family in ("Scale", "SIM(2)"):
            for text, factor in _FACTORS:
                probes.append(self._probe(factor * np.eye(2), None, f"s{text}", f"scaling by {factor:.3f}"))
        return probes

    def _space_probes(self) -> list[Probe]:
        n = self.degree
        first, last = (0, 1), (n - 2, n - 1)
        probes = []
        for plane in (first, last):
            named = [self.vectors[0][i] for i in plane]
            where = f"in the plane of x{named[0]} and x{named[1]}"
            quarter, generic = _plane_turn(n, plane, 90.0), _plane_turn(n, plane, _GENERIC_TURN)
            suffix = f"(x{named[0]},x{named[1]})"
            probes.append(self._probe(quarter, 4, f"r90{suffix}", f"quarter turn {where}"))
            text = f"turn by {_GENERIC_TURN:.1f}° {where}"
            probes.append(self._probe(generic, None, f"r{_GENERIC_TURN:.1f}{suffix}", text))
        rng = np.random.default_rng(n)
        for serial in (1, 2):
            turn = _random_turn(rng, n)
            probes.append(self._probe(turn, None, f"turn {serial}", f"a turn of all {n} components (number {serial})"))
        if self.family == "O(n)":
            mirror = np.diag([-1.0] + [1.0] * (n - 1))
            name = f"-x{self.vectors[0][0]}" if len(self.vectors) == 1 else f"-x{self.vectors[0][0]} ..."
            probes.append(self._probe(mirror, 2, name, f"mirror in the first of {n} components"))
            text = f"mirror in a hyperplane across all {n} components"
            probes.append(self._probe(_random_mirror(rng, n), 2, "mirror", text))
        return probes


def _plane_turn(n: int, plane: tuple[int, int], degrees: float) -> FloatArray:
    turn = np.eye(n)
    turn[np.ix_(plane, plane)] = rotation(degrees)
    return turn


def _random_turn(rng: np.random.Generator, n: int) -> FloatArray:
    """A rotation drawn from all of SO(n), by QR with the signs of R set right (Stewart 1980)."""
    q, r = np.linalg.qr(rng.normal(size=(n, n)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] *= -1.0
    return np.asarray(q)


def _random_mirror(rng: np.random.Generator, n: int) -> FloatArray:
    normal = rng.normal(size=n)
    return np.asarray(np.eye(n) - 2.0 * np.outer(normal, normal) / (normal @ normal))


def _set_probes(items: tuple[tuple[int, ...], ...]) -> list[Probe]:
    """Two transpositions, the cycle of all items and a permutation of all items, at random but always the same."""
    n = len(items)
    if n < 2:
        return []
    probes = [_item_probe(items, (0, 1), np.array([1, 0]), "")]
    if n > 2:
        probes.append(_item_probe(items, (0, n - 1), np.array([1, 0]), ""))
        everything = tuple(range(n))
        probes.append(_item_probe(items, everything, np.roll(np.arange(n), -1), f"the cycle of all {n} items"))
    if n > 3:
        shuffled = np.random.default_rng(n).permutation(n)
        probes.append(_item_probe(items, everything, shuffled, f"one shuffle of all {n} items"))
    return probes


def _item_probe(items: tuple[tuple[int, ...], ...], which: tuple[int, ...], images: IntArray, title: str) -> Probe:
    """The items `which`, permuted by `images`, with all their coordinates."""
    width = len(items[0])
    coordinates = tuple(items[i][feature] for feature in range(width) for i in which)
    x = np.concatenate([images + feature * len(which) for feature in range(width)])
    text = cycles(images, tuple(items[i][0] for i in which))
    name = text if len(text) <= 40 else title.removeprefix("the ").removeprefix("one ") + f" of x{items[0][0]} ..."
    order = math.lcm(*_cycle_lengths(images))
    return Probe(name, title or f"exchange of the items at {text[1:-1].replace(' ', ' and ')}", None, coordinates, x,
                 None, order)  # fmt: skip


def _cycle_lengths(images: IntArray) -> list[int]:
    seen: set[int] = set()
    lengths = []
    for start in range(len(images)):
        length, current = 0, start
        while current not in seen:
            seen.add(current)
            length += 1
            current = int(images[current])
        if length:
            lengths.append(length)
    return lengths


def _restricted(coordinates: Sequence[int], x: Map, wanted: tuple[int, ...]) -> FloatArray | None:
    """x as a matrix on `wanted`; None when it moves any other coordinate."""
    matrix = permutation_matrix(x) if x.dtype.kind == "i" else np.asarray(x, dtype=np.float64)
    names = list(coordinates)
    outside = [i for i, c in enumerate(names) if c not in set(wanted)]
    away = np.abs(matrix - np.eye(len(matrix))) > 1e-6
    if away[outside].any() or away[:, outside].any():
        return None
    inside = [i for i, c in enumerate(names) if c in set(wanted)]
    missing = [c for c in wanted if c not in set(names)]
    full = direct_sum(matrix[np.ix_(inside, inside)], np.eye(len(missing)))
    place = {c: i for i, c in enumerate([names[i] for i in inside] + missing)}
    order = [place[c] for c in wanted]
    return full[np.ix_(order, order)]


def _plane_map(x: Map) -> FloatArray | None:
    if x.dtype.kind == "i":
        return np.eye(2) if _is_identity(permutation_matrix(x)) else None
    return np.asarray(x, dtype=np.float64) if x.shape == (2, 2) else None


def _same(a: FloatArray, b: FloatArray) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, atol=1e-6))


def _is_identity(y: FloatArray | None) -> bool:
    return y is None or _same(np.asarray(y), np.eye(len(y)))
