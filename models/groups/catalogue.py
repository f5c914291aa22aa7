"""The groups that can be named in a search, as data."""

from __future__ import annotations

from typing import Any

from models.groups.action import ActingGroup, acting_group
from models.groups.continuous import continuous_group
from models.groups.entries import IMAGE_ARCHITECTURES, VECTOR_ARCHITECTURES
from models.groups.families import named_group
from models.groups.finite import FloatArray
from models.groups.image_candidates import (
    GRID_GROUPS,
    HIERARCHICAL,
    PLANE_LABELS,
    POINT_GROUPS,
    WALLPAPER,
    image_generators,
)
from models.groups.labels import sign_action
from models.groups.lattice import subgroups
from models.groups.naming import element_name
from models.groups.planar import planar_name, planar_title
from models.groups.polyhedral import POLYHEDRAL_NAMES
from models.groups.probed import PLANE_FAMILIES, PLANE_TITLES, Family
from models.groups.vector_candidates import ROTATION_LABELS
from models.groups.wallpaper import kernel_parameters

_VECTOR_FAMILIES = (
    ("S2", 2), ("S3", 3), ("S4", 4), ("S5", 5), ("A3", 3), ("A4", 4), ("A5", 5), ("Z3", 3), ("Z4", 4), ("Z5", 5),
    ("Z6", 6), ("Z8", 8), ("B2", 2), ("B3", 3), ("Inv", 1), ("Flips", 2), ("S3 x S2", 5),
    *((name, 3) for name in POLYHEDRAL_NAMES),
)  # fmt: skip
_ITEMS = (6, 10, 12)
_ROTATIONS = ("SO(3)", "O(3)", "SO(4)", "O(4)")
_MOST_ELEMENTS = 64


def catalogue(domain: str | None = None) -> list[dict[str, Any]]:
    """Every named group, for one domain or all: order, generators, elements, subgroups, label actions, architectures.

    Families on vectors (S_n, A_n, Z_n, B_n, C_n, D_n, SO(n), O(n), Flips, Inv and products) take any degree; some are
    listed. Generators are matrices or permutations, for continuous groups a basis of the Lie algebra; elements are
    named up to 64 of them, those of families that are tested.
    """
    rows = [_trivial("E", "no symmetry at all, not even translation", ["image2d", "vector"])]
    rows.append(_trivial("T", "translations only: an ordinary convolutional network", ["image2d"]))
    rows += [_point_group(name) for name in POINT_GROUPS]
    rows += [_plane_family(name) for name in PLANE_FAMILIES]
    rows += [_wallpaper(name, point) for name, point in WALLPAPER.items()]
    for name, degree in _VECTOR_FAMILIES:
        named = named_group(name, degree)
        if named is None:
            raise AssertionError(name)
        acting = acting_group(tuple(range(named.degree)), named.generators)
        rows.append(_listed(name, named.title, acting, {"vector": "exact"}))
    rows += [_rotations(name) for name in _ROTATIONS]
    rows += [_items(n) for n in _ITEMS]
    return [row for row in rows if domain is None or domain in row["supported"]]


def _trivial(name: str, title: str, domains: list[str]) -> dict[str, Any]:
    return _row(name, title, 1, ["e"], dict.fromkeys(domains, "exact"), subgroups=[name])


def _row(
    name: str,
    title: str,
    order: int | None,
    elements: list[str],
    supported: dict[str, str],
    *,
    continuous: bool = False,
    generators: list[Any] | None = None,
    subgroups: list[str] | None = None,
    label_actions: tuple[str, ...] = ("trivial",),
    architectures: dict[str, list[str]] | None = None,
    point_group: str | None = None,
    kernel: int | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "order": order,
        "continuous": continuous,
        "generators": generators or [],
        "elements": elements[:_MOST_ELEMENTS],
        "subgroups": subgroups,
        "supported": supported,
        "label_actions": list(label_actions),
        "architectures": {key: [] for key in supported} | (architectures or {}),
        "point_group": point_group,
        "kernel_parameters": kernel,
    }


def _listed(name: str, title: str, acting: ActingGroup, supported: dict[str, str], **more: Any) -> dict[str, Any]:
    """A group of which every element is known."""
    architectures = {"vector": list(VECTOR_ARCHITECTURES)} if "vector" in supported else {}
    if "image2d" in supported:
        point = more.get("point_group") or name
        offered = {"hierarchical": HIERARCHICAL, "constrained": GRID_GROUPS}
        architectures["image2d"] = [a for a in IMAGE_ARCHITECTURES if point in offered.get(a, (point,))]
    below = None
    planar = acting.plane_maps
    if planar is not None:
        names = [planar_name(planar[sorted(members)]) for members in subgroups(acting.group, 512)]
        below = ["E" if n == "C1" else n for n in names]
    elements = ["e"] + [element_name(acting, i, f"g{i}")[0] for i in range(1, acting.group.order)]
    return _row(
        name,
        title,
        acting.group.order,
        elements,
        supported,
        generators=acting.spec()["x"],
        subgroups=below,
        label_actions=_label_actions([acting.x_matrices()[i] for i in _generating(acting)]),
        architectures=architectures,
        **more,
    )


def _generating(acting: ActingGroup) -> list[int]:
    return acting.group.generators_of(frozenset(range(acting.group.order)))


def _label_actions(generators: list[FloatArray]) -> tuple[str, ...]:
    """What may be asked of a group with these generators; `permutation` and `matrix` may give a map for each."""
    signed = generators and sign_action(generators) is not None
    return ("trivial", *(("sign", "swap") if signed else ()), "permutation", "vector", "matrix", "auto")


def _point_group(name: str) -> dict[str, Any]:
    acting = acting_group((0, 1), image_generators(name))
    supported = {"image2d": "exact" if name in GRID_GROUPS else "interpolated", "vector": "exact"}
    return _listed(name, planar_title(name), acting, supported)


def _wallpaper(name: str, point: str) -> dict[str, Any]:
    supported = {"image2d": "exact" if point in GRID_GROUPS else "interpolated"}
    kernel = kernel_parameters(name, 1)
    if point == "C1":
        return _row(name, "translations only", 1, ["e"], supported, subgroups=["E"], point_group="E", kernel=kernel)
    acting = acting_group((0, 1), image_generators(point))
    title = f"{planar_title(point)}, over all translations"
    return _listed(name, title, acting, supported, point_group=point, kernel=kernel)


def _plane_family(name: str) -> dict[str, Any]:
    family = Family("image2d", name)
    below = {
        "SO(2)": ["E", "C_n", "SO(2)"],
        "O(2)": ["E", "C_n", "D_n", "SO(2)", "O(2)"],
        "Scale": ["E", "Scale"],
        "SIM(2)": ["E", "C_n", "SO(2)", "Scale", "SIM(2)"],
    }
    supported = {"image2d": "interpolated"} | ({"vector": "exact"} if name in ("SO(2)", "O(2)") else {})
    return _family(name, PLANE_TITLES[name], family, supported, below[name], PLANE_LABELS[name])


def _rotations(name: str) -> dict[str, Any]:
    kind, n = name.split("(")[0], int(name[:-1].split("(")[1])
    family = Family("vector", f"{kind}(n)", vectors=(tuple(range(n)),))
    title = f"all rotations{'' if kind == 'SO' else ' and mirrors'} of {n} coordinates"
    return _family(name, title, family, {"vector": "exact"}, None, ROTATION_LABELS[kind])


def _family(
    name: str, title: str, family: Family, supported: dict[str, str], below: list[str] | None, labels: tuple[str, ...]
) -> dict[str, Any]:
    lie = continuous_group(name)
    if lie is None:
        raise AssertionError(name)
    return _row(
        name,
        title,
        None,
        ["e", *(probe.name for probe in family.probes)],
        supported,
        continuous=True,
        generators=lie.lie_algebra().tolist(),
        subgroups=below,
        label_actions=(*labels, "auto") if len(labels) > 1 else labels,
    )


def _items(n: int) -> dict[str, Any]:
    family = Family("vector", "S", sets=(tuple((i,) for i in range(n)),))
    first, cycle = family.probes[0], family.probes[2]
    exchange = [*first.x.tolist(), *range(2, n)]
    return _row(
        f"S{n}",
        f"all permutations of {n} items",
        family.order,
        ["e", *(probe.name for probe in family.probes)],
        {"vector": "exact"},
        generators=[exchange, cycle.x.tolist()],
    )
