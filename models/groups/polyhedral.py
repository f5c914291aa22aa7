"""The symmetry groups of the regular solids, as matrices on three coordinates.

`Tet`, `O` and `I` hold rotations only; `Td` adds the mirrors of the tetrahedron, `Th`, `Oh` and `Ih` the inversion
x -> -x. The cube has its faces across the axes, the icosahedron its corners at the cyclic shifts of (0, 1, golden
ratio) with any signs, so that the rotations of the tetrahedron belong to both. (T alone means translations here.)
"""

from __future__ import annotations

import math

import numpy as np

from models.groups.finite import FloatArray

POLYHEDRAL_NAMES = ("Tet", "Td", "Th", "O", "Oh", "I", "Ih")

_CYCLE = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # x -> y -> z -> x
_HALF_TURN = np.diag([-1.0, -1.0, 1.0])
_QUARTER_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_DIAGONAL_MIRROR = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_INVERSION = -np.eye(3)


def _fifth_turn() -> FloatArray:
    """The turn by 72 degrees about the corner (0, 1, golden ratio); its entries are 1/2, phi / 2 and (phi - 1) / 2."""
    phi = (1.0 + math.sqrt(5.0)) / 2.0
    a, b, c = 0.5, phi / 2.0, (phi - 1.0) / 2.0
    return np.array([[c, -b, a], [b, a, c], [-a, c, b]])


def polyhedral_generators(name: str) -> list[FloatArray] | None:
    """Generators, (3, 3) each, of the groups of orders 12, 24, 24, 24, 48, 60, 120; None for other names."""
    tetrahedral = [_HALF_TURN, _CYCLE]
    generators = {
        "Tet": tetrahedral,
        "Td": [*tetrahedral, _DIAGONAL_MIRROR],
        "Th": [*tetrahedral, _INVERSION],
        "O": [_QUARTER_TURN, _CYCLE],
        "Oh": [_QUARTER_TURN, _CYCLE, _INVERSION],
        "I": [_fifth_turn(), *tetrahedral],
        "Ih": [_fifth_turn(), *tetrahedral, _INVERSION],
    }
    return generators.get(name)


def polyhedral_title(name: str) -> str:
    """What a polyhedral group name means."""
    titles = {
        "Tet": "rotations of the tetrahedron",
        "Td": "rotations and mirrors of the tetrahedron",
        "Th": "rotations of the tetrahedron, and point inversion",
        "O": "rotations of the cube",
        "Oh": "rotations and mirrors of the cube",
        "I": "rotations of the icosahedron",
        "Ih": "rotations and mirrors of the icosahedron",
    }
    return titles[name]
