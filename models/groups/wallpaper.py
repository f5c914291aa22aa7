"""The 17 wallpaper groups on a pixel grid, and how they tie the weights of a convolution.

Every group is a set of affine maps p -> M p + t, M an integer matrix and t a multiple of half the unit cell: the glides
of pg, pmg, pgg and p4g, and the centring of cm and cmm. Square groups use pixels (x right, y down). Hexagonal groups
use axial coordinates with 60 degrees between the axes, so that the six neighbours of a pixel are (1, 0), (0, 1),
(-1, 1), (-1, 0), (0, -1), (1, -1).
Source of the general positions: International Tables for Crystallography, volume A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.groups.finite import IntArray, consecutive, generate
from models.groups.intertwiners import orbits

WALLPAPER_NAMES = (
    "p1", "p2", "pm", "pg", "cm", "pmm", "pmg", "pgg", "cmm", "p4", "p4m", "p4g", "p3", "p3m1", "p31m", "p6", "p6m",
)  # fmt: skip

_HALF_TURN = ((-1, 0), (0, -1))
_MIRROR_X = ((-1, 0), (0, 1))  # x -> -x
_MIRROR_Y = ((1, 0), (0, -1))
_QUARTER = ((0, -1), (1, 0))
_SIXTH = ((0, -1), (1, 1))  # (q, r) -> (-r, q + r), axes at 60 degrees
_THIRD = ((-1, -1), (1, 0))
_SWAP = ((0, 1), (1, 0))  # perpendicular to the lattice vector (1, -1)
_ANTISWAP = ((0, -1), (-1, 0))  # along the lattice vector (1, -1)
_STILL = ((1, 0), (0, 1))

# name: generators (matrix, shift in half cells) beside the translations by whole cells.
_GENERATORS: dict[str, tuple[tuple[tuple[tuple[int, int], tuple[int, int]], tuple[int, int]], ...]] = {
    "p1": (),
    "p2": ((_HALF_TURN, (0, 0)),),
    "pm": ((_MIRROR_X, (0, 0)),),
    "pg": ((_MIRROR_X, (0, 1)),),
    "cm": ((_MIRROR_X, (0, 0)), (_STILL, (1, 1))),
    "pmm": ((_MIRROR_X, (0, 0)), (_MIRROR_Y, (0, 0))),
    "pmg": ((_MIRROR_X, (1, 0)), (_HALF_TURN, (0, 0))),
    "pgg": ((_MIRROR_X, (1, 1)), (_HALF_TURN, (0, 0))),
    "cmm": ((_MIRROR_X, (0, 0)), (_MIRROR_Y, (0, 0)), (_STILL, (1, 1))),
    "p4": ((_QUARTER, (0, 0)),),
    "p4m": ((_QUARTER, (0, 0)), (_MIRROR_X, (0, 0))),
    "p4g": ((_QUARTER, (0, 0)), (_MIRROR_X, (1, 1))),
    "p3": ((_THIRD, (0, 0)),),
    "p3m1": ((_THIRD, (0, 0)), (_SWAP, (0, 0))),
    "p31m": ((_THIRD, (0, 0)), (_ANTISWAP, (0, 0))),
    "p6": ((_SIXTH, (0, 0)),),
    "p6m": ((_SIXTH, (0, 0)), (_SWAP, (0, 0))),
}
_POINT_GROUPS = {
    "p1": "C1", "p2": "C2", "pm": "D1", "pg": "D1", "cm": "D1", "pmm": "D2", "pmg": "D2", "pgg": "D2", "cmm": "D2",
    "p4": "C4", "p4m": "D4", "p4g": "D4", "p3": "C3", "p3m1": "D3", "p31m": "D3", "p6": "C6", "p6m": "D6",
}  # fmt: skip


@dataclass(frozen=True)
class WallpaperGroup:
    """Coset representatives of the whole-cell translations: p -> matrices[k] p + shifts[k] half cells.

    `matrices`: (count, 2, 2) and `shifts`: (count, 2), each 0 or 1; `hexagonal` says which coordinates they use.
    """

    name: str
    point_group: str
    hexagonal: bool
    matrices: IntArray
    shifts: IntArray

    @property
    def has_glides(self) -> bool:
        """True when some map shifts by half a cell, centring included: then the cell must be even."""
        return bool(self.shifts.any())


def wallpaper_group(name: str) -> WallpaperGroup:
    """The group called `name`. Raises ValueError naming the seventeen."""
    if name not in _GENERATORS:
        raise ValueError(f"no wallpaper group is called {name!r}; they are {', '.join(WALLPAPER_NAMES)}")
    found: dict[tuple[int, ...], None] = {(1, 0, 0, 1, 0, 0): None}
    frontier = list(found)
    while frontier:
        fresh = []
        for a in frontier:
            for matrix, shift in _GENERATORS[name]:
                m, s = np.reshape(a[:4], (2, 2)), np.asarray(a[4:])
                product = (*(m @ matrix).ravel().tolist(), *((m @ shift + s) % 2).tolist())
                if product not in found:
                    found[product] = None
                    fresh.append(product)
        frontier = fresh
    rows = np.asarray(list(found), dtype=np.int64)
    hexagonal = name.startswith(("p3", "p6"))
    return WallpaperGroup(name, _POINT_GROUPS[name], hexagonal, rows[:, :4].reshape(-1, 2, 2), rows[:, 4:])


def point_matrices(name: str) -> IntArray:
    """The matrices of the point group, identity first, (order, 2, 2) integers in the group's own coordinates."""
    matrices = wallpaper_group(name).matrices
    group = generate([m.astype(np.float64) for m in matrices], 2, 12)
    return np.round(group.matrices()).astype(np.int64)


def window(name: str, radius: int) -> IntArray:
    """The offsets of a kernel as a mask, (2 radius + 1, 2 radius + 1), row dy + radius and column dx + radius.

    All of the square, or for hexagonal groups those at most `radius` steps away: 1, 7, 19 ... of them.
    """
    steps = np.arange(-radius, radius + 1)
    dy, dx = np.meshgrid(steps, steps, indexing="ij")
    far = np.abs(dx + dy) > radius if wallpaper_group(name).hexagonal else np.zeros_like(dx, dtype=bool)
    return (~far).astype(np.int64)


def kernel_orbits(name: str, radius: int) -> IntArray:
    """Orbits of offsets under the point group, numbered from 0 and -1 outside the window, (2r + 1, 2r + 1)."""
    pairs = _orbits(point_matrices(name), None, (1, 1), window(name, radius), radius)
    return np.asarray(pairs[0, 0])


def kernel_parameters(name: str, radius: int) -> int:
    """How many weights a kernel symmetric under the point group has: 3 for p4m and radius 1, of 9."""
    return int(kernel_orbits(name, radius).max()) + 1


def pair_orbits(name: str, cell: tuple[int, int], radius: int) -> IntArray:
    """Orbits of (pixel of the unit cell, offset) under the whole group: (height, width, 2r + 1, 2r + 1), -1 outside.

    `cell`: (width, height) in pixels; the group repeats with it. The map y(p) = sum_d K(p, d) x(p + d) commutes with
    the group when K is constant on these orbits: (p, d) goes to (M p + t, M d). Raises ValueError for a cell that the
    group does not fit: groups with turns by 90, 60 or 120 degrees need width = height, half-cell shifts even sides.
    """
    group = wallpaper_group(name)
    width, height = cell
    if width < 1 or height < 1:
        raise ValueError("a unit cell has at least one pixel")
    if group.point_group not in ("C1", "C2", "D1", "D2") and width != height:
        raise ValueError(f"{name} needs a unit cell of equal sides, not {width} x {height}")
    for axis, side in enumerate(cell):
        if group.shifts[:, axis].any() and side % 2:
            raise ValueError(f"{name} shifts by half a cell: its sides must be even, not {width} x {height}")
    shifts = group.shifts * np.asarray(cell) // 2
    return _orbits(group.matrices, shifts, cell, window(name, radius), radius)


def _orbits(
    matrices: IntArray, shifts: IntArray | None, cell: tuple[int, int], mask: IntArray, radius: int
) -> IntArray:
    width, height = cell
    side = 2 * radius + 1
    y, x, dy, dx = np.meshgrid(*(np.arange(n) for n in (height, width, side, side)), indexing="ij")
    moves = []
    for k, m in enumerate(matrices):
        t = np.zeros(2, dtype=np.int64) if shifts is None else shifts[k]
        to_x = (m[0, 0] * x + m[0, 1] * y + t[0]) % width
        to_y = (m[1, 0] * x + m[1, 1] * y + t[1]) % height
        to_dx = m[0, 0] * (dx - radius) + m[0, 1] * (dy - radius) + radius
        to_dy = m[1, 0] * (dx - radius) + m[1, 1] * (dy - radius) + radius
        inside = np.broadcast_to(mask[None, None] > 0, x.shape)
        to = ((to_y * width + to_x) * side + to_dy) * side + to_dx
        moves.append(np.where(inside, to, np.arange(x.size).reshape(x.shape)).ravel())
    labels = orbits(moves, x.size).reshape(x.shape)
    outside = np.broadcast_to(mask[None, None] == 0, x.shape)
    result = np.full(x.shape, -1, dtype=np.int64)
    result[~outside] = consecutive(labels[~outside])
    return result
