"""Names of groups and of representations, read and written: `D8`, `C2 x S3`, `8 regular + 2 sign`.

A product acts on the coordinates of its factors, one block after the other. A representation is a sum of terms, each a
multiplicity and a name:

    trivial, regular, defining      nothing moves; functions on the group; the group's own maps
    sign, sign1, sign2 ...          the homomorphisms to {1, -1}, the determinant being `sign`
    freq1, freq2 ...                turns by multiples of the angle of a cyclic or dihedral group
    irrep3a, irrep3b ...            other irreps, by dimension
    quotient(D1), quotient(#4)      functions on the cosets of a subgroup, by its name or its place in the lattice
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.groups.continuous import continuous_group
from models.groups.families import MAX_ORDER, factor_names, named_group
from models.groups.finite import FiniteGroup, generate
from models.groups.irreps import irreps
from models.groups.lattice import TooManySubgroups, subgroups
from models.groups.planar import planar_name
from models.groups.representations import (
    Representation,
    defining,
    direct_sum,
    multiple,
    quotient_representation,
    regular,
    trivial,
)

_MAX_SUBGROUPS = 512
_KNOWN_GROUPS = (
    "C1 ... C64, D1 ... D64, D1y, D1d, D1a, D2d, D4@22.5 (an axis in degrees), S2, A3, Z4, B2 ... (a letter and a "
    "number), Tet, Td, Th, O, Oh, I, Ih, E, and products such as C2 x S3"
)
_OPEN = re.compile(r"E|C1|Inv|Flips|[SAZB]_?n")  # act on as many coordinates as there are

Term = tuple[int, Representation]


class LanguageError(ValueError):
    """A name that means nothing here; the message quotes it and says what is known."""


@dataclass(frozen=True, eq=False)
class GroupExpression:
    """A finite group with the name that `parse_group` reads back."""

    name: str
    title: str
    group: FiniteGroup


def parse_group(text: str, available: int = 0) -> GroupExpression:
    """The finite group called `text`.

    `available` coordinates are acted on where a name leaves their number open (`Sn`, `Inv`, `Flips`, `E`). Raises
    LanguageError for unknown names, and GroupTooLarge beyond 512 elements.
    """
    factors = factor_names(text)
    for factor in factors:
        if continuous_group(factor) is not None:
            raise LanguageError(f"{factor!r} has infinitely many elements; finite groups are {_KNOWN_GROUPS}")
        if _OPEN.fullmatch(factor) and (available < 1 or len(factors) > 1):
            raise LanguageError(f"{factor!r} does not say on how many coordinates it acts: write a number, as in S3")
        if named_group(factor, available) is None:
            raise LanguageError(f"no group is called {factor!r}; known are {_KNOWN_GROUPS}")
    name = print_group(text)
    whole = named_group(name, available)
    if whole is None:
        raise LanguageError(f"no group is called {text!r}; known are {_KNOWN_GROUPS}")
    return GroupExpression(name, whole.title, generate(whole.generators, whole.degree, MAX_ORDER))


def print_group(text: str) -> str:
    """A group's name as it is written here: `C_4×S_3` is `C4 x S3`."""
    return " x ".join(re.sub(r"^([A-Z])_", r"\1", factor) for factor in factor_names(text))


def parse_representation(text: str, group: FiniteGroup) -> list[Term]:
    """The terms of a sum such as `8 regular + 2 sign`: multiplicities and representations.

    Raises LanguageError for an unknown name or a multiplicity that is not a positive number.
    """
    terms: list[Term] = []
    for part in text.split("+"):
        match = re.fullmatch(r"\s*(?:([0-9]{1,6})\s+)?(\S.*?)\s*", part)
        if not match or (match[1] is not None and int(match[1]) == 0):
            raise LanguageError(f"{part.strip()!r} is no term: write a multiplicity and a name, as in '8 regular'")
        terms.append((int(match[1] or 1), named_representation(match[2], group)))
    return terms


def print_representation(terms: Sequence[Term]) -> str:
    """The text that `parse_representation` reads back."""
    return " + ".join(rep.name if count == 1 else f"{count} {rep.name}" for count, rep in terms)


def sum_of_terms(terms: Sequence[Term]) -> Representation:
    """The direct sum of the terms, each repeated by its multiplicity."""
    return direct_sum([multiple(rep, count) for count, rep in terms], print_representation(terms))


def named_representation(name: str, group: FiniteGroup) -> Representation:
    """One representation by its name. Raises LanguageError saying which names the group has."""
    match = re.fullmatch(r"quotient\(\s*(.+?)\s*\)", name)
    if match:
        members, printed = _named_subgroup(match[1], group)
        return quotient_representation(group, members, f"quotient({printed})")
    basic = {"trivial": trivial, "regular": regular, "defining": defining}
    if name in basic:
        return basic[name](group)
    found = {irrep.name: irrep.representation for irrep in irreps(group)}
    if name not in found:
        known = ", ".join(dict.fromkeys([*basic, *found]))
        raise LanguageError(f"this group has no representation called {name!r}; it has {known}, quotient(...)")
    return found[name]


def _named_subgroup(name: str, group: FiniteGroup) -> tuple[frozenset[int], str]:
    try:
        found = subgroups(group, _MAX_SUBGROUPS)
    except TooManySubgroups as error:
        raise LanguageError(f"'quotient({name})' would need the lattice of this group, which has {error}") from None
    names = _planar_names(group, found)
    match = re.fullmatch(r"#([0-9]{1,6})", name)
    if match and int(match[1]) < len(found):
        position = int(match[1])
    elif name in names:
        position = names.index(name)
    else:
        known = f"#0 ... #{len(found) - 1}" + "".join(f", {n}" for n in dict.fromkeys(names))
        raise LanguageError(f"this group has no subgroup called {name!r}; it has {known}")
    # A name printed once reads back to the same subgroup; two subgroups never share one in the plane.
    return found[position], names[position] if names else f"#{position}"


def _planar_names(group: FiniteGroup, found: Sequence[frozenset[int]]) -> list[str]:
    """The names of the subgroups of a group of orthogonal maps of the plane; empty for other groups."""
    if group.is_permutation_group or group.elements.shape[1:] != (2, 2):
        return []
    maps = group.matrices()
    if not np.allclose(maps @ maps.transpose(0, 2, 1), np.eye(2), atol=1e-6):
        return []
    return [planar_name(maps[sorted(members)]) for members in found]
