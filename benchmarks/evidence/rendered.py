"""Images rendered at exact coordinates, with a planted symmetry of the plane.

A picture is a sum of Gaussian blobs about the centre: four blobs that form a shape without any symmetry, each a little
displaced and of a little different brightness from sample to sample, and three weak ones that lie anywhere. The shape
is mirrored by x -> -x (h = 1) or not, at random, and turned by an angle t, uniform on the circle; the blobs'
coordinates are turned, not pixels. So every pose is equally often in the data, and the labels say what the symmetry is:

| truth | label | classes |
|---|---|---|
| none | h, and on which side of a line through the centre t lies | 4 |
| Cn | h, and whether n t lies on the upper half of the circle | 4 |
| Dn | whether n t lies on the right half of the circle | 2 |
| SO(2) | h | 2 |
| O(2) | which of two shapes | 2 |
| sector | which of two shapes; t within 30 degrees of zero only | 2 |
| range | whether t is within 35 degrees of zero or of the half turn; no other poses | 2 |

The mirrors of Dn include x -> -x, their axes are 180 / n degrees apart, and `axis` (degrees) turns all of them. An
angle that lies a off the nearest member of Cn flips the labels that depend on t for a share n a / 180 of the
samples: no foreign element is harmless but the small turns. `sector` has every turn and the mirror x -> -x as far
as the data goes, which is some 60 degrees. `range` has the mirror x -> -x and no group of turns: those up to about
35 degrees cost little, those near 180 degrees everything.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SIDE = 24
TRUTHS = ("none", "C2", "C3", "C4", "C6", "C8", "D1", "D4", "SO(2)", "O(2)", "sector", "range")
_BLOBS = 4
_REACH = 0.42  # of half the side: the shape stays well inside the disc that such searches look through
_SIGMA = 0.115


def rendered(truth: str, n: int, seed: int, *, side: int = SIDE, axis: float = 0.0) -> tuple[Array, Array]:
    """x (n, 1, side, side) float32 and y (n,) int64: `n` pictures whose labels have exactly the symmetry `truth`.

    `truth` is one of the table above, with any n. Raises ValueError for another one.
    """
    match = re.fullmatch(r"([CD])([1-9][0-9]?)", truth)
    if match is None and truth not in TRUTHS:
        raise ValueError(f"{truth} is not planted here; known are none, Cn, Dn, SO(2), O(2), sector, range")
    rng = np.random.default_rng([seed, sum(map(ord, truth))])
    shapes = [_shape(rng), _shape(rng)]
    kind = rng.integers(0, 2, n)
    mirrored = rng.integers(0, 2, n)
    turn = rng.uniform(0.0, 2.0 * np.pi, n)
    order = int(match[2]) if match else 1
    if truth in ("O(2)", "sector"):
        y = kind
        if truth == "sector":
            turn = np.radians(rng.uniform(-30.0, 30.0, n))
    else:
        kind = np.zeros(n, dtype=np.int64)
        if truth == "SO(2)":
            y = mirrored
        elif truth == "range":
            y = rng.integers(0, 2, n)
            turn = np.pi * y + np.radians(rng.uniform(-35.0, 35.0, n))
        elif match and match[1] == "D":
            y = (np.cos(order * turn) > 0).astype(np.int64)
        else:
            y = 2 * mirrored + (np.sin(order * turn) > 0)
    turn = turn + np.radians(axis)
    x = np.stack([_picture(rng, shapes[k], h, t, side) for k, h, t in zip(kind, mirrored, turn, strict=True)])
    return x[:, None].astype(np.float32), y.astype(np.int64)


def _shape(rng: np.random.Generator) -> Array:
    """(blobs, 3): x, y and brightness of a shape that is not like any of its turned or mirrored copies.

    Drawn until the overlap with every copy that is turned by 20 degrees or more, or mirrored, is below .8.
    """
    while True:
        angles = rng.uniform(0.0, 2.0 * np.pi, _BLOBS)
        radii = _REACH * np.array([0.25, 0.7, 1.0, 1.0])
        places = np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)
        shape = np.concatenate([places, np.array([[1.2], [1.0], [0.9], [-0.8]])], axis=1)
        turns = np.radians(np.arange(20.0, 341.0, 10.0))
        copies = [_moved(shape, 0, t) for t in turns]
        copies += [_moved(shape, 1, t) for t in np.radians(np.arange(0.0, 360.0, 10.0))]
        own = _overlap(shape, shape)
        if max(_overlap(shape, c) for c in copies) < 0.8 * own:
            return shape


def _overlap(a: Array, b: Array) -> float:
    """Inner product of two sums of Gaussians, up to a factor."""
    apart = ((a[:, None, :2] - b[None, :, :2]) ** 2).sum(-1)
    return float((a[:, None, 2] * b[None, :, 2] * np.exp(-apart / (4 * _SIGMA**2))).sum())


def _moved(shape: Array, mirrored: int, turn: float) -> Array:
    """The blobs mirrored by x -> -x, if so, and then turned."""
    x = -shape[:, 0] if mirrored else shape[:, 0]
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([c * x - s * shape[:, 1], s * x + c * shape[:, 1], shape[:, 2]], 1)


def _picture(rng: np.random.Generator, shape: Array, mirrored: int, turn: float, side: int) -> Array:
    varied = shape.copy()
    varied[:, :2] += 0.03 * rng.standard_normal((_BLOBS, 2))
    varied[:, 2] *= 1.0 + 0.15 * rng.standard_normal(_BLOBS)
    radius, angle = 0.8 * np.sqrt(rng.uniform(size=3)), rng.uniform(0.0, 2.0 * np.pi, 3)
    strewn = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.25 * rng.standard_normal(3)], 1)
    blobs = np.concatenate([_moved(varied, mirrored, turn), strewn])
    grid = (np.arange(side) - (side - 1) / 2) / (side / 2)
    rows = np.exp(-((grid[None] - blobs[:, 1:2]) ** 2) / (2 * _SIGMA**2))
    columns = np.exp(-((grid[None] - blobs[:, :1]) ** 2) / (2 * _SIGMA**2))
    return np.asarray(np.einsum("b,br,bc->rc", blobs[:, 2], rows, columns))
