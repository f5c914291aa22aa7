"""The groups that can be named in a search, as data."""

from __future__ import annotations

from typing import Any

from models.groups.action import ActingGroup, acting_group
from models.groups.families import named_group
from models.groups.lattice import subgroups
from models.groups.naming import element_name
from models.groups.planar import IMAGE_NAMES, planar_generators, planar_name, planar_title

_VECTOR_PLANAR = ("C2", "C3", "C4", "C5", "C6", "C8", "C12", "C16", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D3", "D4",
                  "D5", "D6", "D8")  # fmt: skip
_VECTOR_FAMILIES = (("S2", 2), ("S3", 3), ("S4", 4), ("S5", 5), ("A3", 3), ("A4", 4), ("A5", 5), ("Z3", 3), ("Z4", 4),
                    ("Z5", 5), ("Z6", 6), ("Z8", 8), ("B2", 2), ("B3", 3), ("Inv", 1), ("Flips", 2),
                    ("S3 x S2", 5))  # fmt: skip


def catalogue(domain: str | None = None) -> list[dict[str, Any]]:
    """Every named group, for one domain or all: order, generators, elements, subgroups, label actions.

    Vector families (S_n, A_n, Z_n, B_n, C_n, D_n, Flips, Inv and products) take any degree; some degrees are listed.
    """
    rows = [_trivial("E", "no symmetry at all, not even translation", ["image2d", "vector"])]
    rows.append(_trivial("T", "translations only: an ordinary convolutional network", ["image2d"]))
    for name in dict.fromkeys((*IMAGE_NAMES, *_VECTOR_PLANAR)):
        acting = acting_group((0, 1), planar_generators(name) or [])
        domains = [d for d, names in (("image2d", IMAGE_NAMES), ("vector", _VECTOR_PLANAR)) if name in names]
        names = [planar_name(acting.x_matrices()[sorted(s)]) for s in subgroups(acting.group, 512)]
        rows.append(_row(name, planar_title(name), acting, domains, ["E" if n == "C1" else n for n in names]))
    for name, degree in _VECTOR_FAMILIES:
        named = named_group(name, degree)
        if named is None:
            raise AssertionError(name)
        acting = acting_group(tuple(range(named.degree)), named.generators)
        rows.append(_row(name, named.title, acting, ["vector"], None))
    return [row for row in rows if domain is None or domain in row["supported"]]


def _trivial(name: str, title: str, domains: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "order": 1,
        "continuous": False,
        "generators": [],
        "elements": ["e"],
        "subgroups": [name],
        "supported": dict.fromkeys(domains, "exact"),
        "label_actions": ["trivial"],
    }


def _row(name: str, title: str, acting: ActingGroup, domains: list[str], below: list[str] | None) -> dict[str, Any]:
    spec = acting.spec()
    elements = ["e"] + [element_name(acting, i, f"g{i}")[0] for i in range(1, acting.group.order)]
    return {
        "name": name,
        "title": title,
        "order": acting.group.order,
        "continuous": False,
        "generators": spec["x"],
        "elements": elements,
        "subgroups": below,
        "supported": dict.fromkeys(domains, "exact"),
        "label_actions": ["trivial", "sign", "swap", "permutation", "vector"],
    }
