"""The finite subgroups of O(2): matrices, names and readable element titles.

Coordinates are (x, y) with x to the right and y in the direction of growing row index, so that for an image
`D1` (x -> -x) flips the columns, `D1y` the rows, `D1d` is the transpose and `D1a` the mirror in the other diagonal.
"""

from __future__ import annotations

import math
import re

import numpy as np

from models.groups.finite import FloatArray

MIRROR_X = np.array([[-1.0, 0.0], [0.0, 1.0]])
MIRROR_Y = np.array([[1.0, 0.0], [0.0, -1.0]])
MIRROR_D = np.array([[0.0, 1.0], [1.0, 0.0]])
MIRROR_A = np.array([[0.0, -1.0], [-1.0, 0.0]])

IMAGE_NAMES = ("C2", "C4", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D4")
_SPECIAL = {"D1y": [MIRROR_Y], "D1d": [MIRROR_D], "D1a": [MIRROR_A]}
_MAX_N = 64


def rotation(degrees: float) -> FloatArray:
    """The 2 x 2 rotation; exact for multiples of a quarter turn."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.array([[c, -s], [s, c]])
    nearest = np.round(matrix)
    return nearest + 0.0 if np.allclose(matrix, nearest, atol=1e-12) else matrix


def planar_generators(name: str) -> list[FloatArray] | None:
    """Generators of `C2 C3 ... D1 D1y D1d D1a D2 D2d D3 ...`, `D4@22.5` with a mirror axis at that angle; else None."""
    if name in _SPECIAL:
        return list(_SPECIAL[name])
    if name == "D2d":
        return [rotation(180), MIRROR_D]
    match = re.fullmatch(r"([CD])_?([0-9]{1,3})(?:@([0-9]{1,3}(?:\.[0-9]{1,4})?))?", name)
    if not match or not 1 <= int(match[2]) <= _MAX_N or (match[1] == "C" and match[3]):
        return None
    n = int(match[2])
    turns = [rotation(360.0 / n)] if n > 1 else []
    if match[1] == "C":
        return turns
    return [*turns, MIRROR_X if match[3] is None else mirror(float(match[3]))]


def mirror(axis_degrees: float) -> FloatArray:
    """The 2 x 2 reflection whose fixed line has this angle; exact for multiples of 45 degrees."""
    return np.asarray(rotation(2.0 * axis_degrees) @ MIRROR_Y)


def mirror_axis_degrees(matrix: FloatArray) -> float:
    """The angle of a reflection's fixed line, in [0, 180)."""
    return round(_axis_degrees(matrix), 4) % 180.0


def _axis_degrees(matrix: FloatArray) -> float:
    return math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])) / 2.0 % 180.0


def turn_degrees(matrix: FloatArray) -> float:
    """The angle of a rotation, in [0, 360)."""
    return round(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])) % 360.0, 4) % 360.0


def planar_name(matrices: FloatArray) -> str:
    """The name of a finite subgroup of O(2) given by all its elements, (order, 2, 2); `C1` for the trivial one.

    A dihedral group whose mirrors lie between the named ones carries the angle of one: `D4@22.5`.
    """
    mirrors = [m for m in matrices if np.linalg.det(m) < 0]
    n = len(matrices) - len(mirrors)
    if not mirrors:
        return f"C{n}"
    # Axes repeat every 180 / n degrees: the mean direction on that circle has no seam for rounding to cross.
    step = 180.0 / n
    directions = [math.radians(360.0 / step * _axis_degrees(m)) for m in mirrors]
    mean = math.atan2(sum(map(math.sin, directions)), sum(map(math.cos, directions)))
    axis = math.degrees(mean) / 360.0 * step % step
    offset = abs(axis - 90.0 % step)
    if min(offset, step - offset) < 1e-3:
        return f"D{n}"
    axis = 0.0 if round(step - axis, 3) == 0.0 else round(axis, 4)
    named = {(1, 0.0): "D1y", (1, 45.0): "D1d", (1, 135.0): "D1a", (2, 45.0): "D2d"}
    text = f"{axis:.4f}".rstrip("0").rstrip(".")
    return named.get((n, round(axis, 3)), f"D{n}@{text}")


def planar_element(matrix: FloatArray) -> tuple[str, str, float | None]:
    """(short name, title, turn in degrees or None for a mirror) of one element of O(2)."""
    if np.linalg.det(matrix) > 0:
        angle = turn_degrees(matrix)
        return f"r{angle:g}", f"rotation by {angle:g}°", angle
    axis = mirror_axis_degrees(matrix)
    known = {
        90.0: ("mx", "mirror x → -x"),
        0.0: ("my", "mirror y → -y"),
        45.0: ("md", "mirror in the main diagonal"),
        135.0: ("ma", "mirror in the other diagonal"),
    }
    short, title = known.get(axis, (f"m@{axis:g}", f"mirror with its axis at {axis:g}°"))
    return short, title, None


def planar_title(name: str) -> str:
    """What a planar group name means."""
    fixed = {
        "C1": "no point symmetry",
        "D1": "mirror x → -x",
        "D1y": "mirror y → -y",
        "D1d": "mirror in the main diagonal",
        "D1a": "mirror in the other diagonal",
        "D2": "half turn and both axis mirrors",
        "D2d": "half turn and both diagonal mirrors",
    }
    if name in fixed:
        return fixed[name]
    family, n = name[0], re.sub(r"@.*", "", name[1:])
    turns = f"rotations by 360°/{n}" if n != "1" else "no rotation"
    if family == "C":
        return turns
    extra = f", axis at {name.split('@')[1]}°" if "@" in name else ""
    return f"{turns} and {n} mirrors{extra}"
