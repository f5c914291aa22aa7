"""Image sets whose symmetry is known because it was planted.

x: white noise. y: whether a functional F of x, averaged over the group, lies above its median. F looks at the responses
a, b of x to two random 5 x 5 filters of mean zero, so y is (up to the boundary) invariant to translations too. A draw
counts only when every element of D4 outside the group changes at least `flips` of the labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from models.actions.grid import grid_source
from models.groups.finite import element_key, generate
from models.groups.planar import IMAGE_NAMES, planar_generators

Array = NDArray[Any]
TRUTHS = ("T", *IMAGE_NAMES)
FAMILIES: dict[str, Callable[[Array, Array], Array]] = {
    "energy": lambda a, b: (np.maximum(a, 0) ** 2).mean((1, 2)),
    "texture": lambda a, b: np.maximum(a, 0).mean((1, 2)) + (a * b).mean((1, 2)),
    "detector": lambda a, b: a.max((1, 2)),
    "conjunction": lambda a, b: (np.maximum(a, 0) * np.maximum(b, 0)).mean((1, 2)),
}


def group_elements(name: str) -> Array:
    """The point group's matrices, (order, 2, 2)."""
    return generate(planar_generators("C1" if name == "T" else name) or [], 2, 8).matrices()


def turned(x: Array, matrix: Array) -> Array:
    """g.x for images (n, h, h)."""
    side = x.shape[-1]
    return x.reshape(len(x), -1)[:, grid_source(side, side, matrix)].reshape(x.shape)


def responses(x: Array, filters: Array) -> tuple[Array, Array]:
    """Responses (n, h - 4, w - 4) of images to two filters (2, 1, 5, 5), without padding."""
    out = F.conv2d(torch.from_numpy(x[:, None]), torch.from_numpy(filters)).numpy()
    return out[:, 0], out[:, 1]


def plant(
    truth: str, family: str, *, n: int = 2000, side: int = 14, seed: int = 0, flips: float = 0.2
) -> tuple[Array, Array, float]:
    """(x (n, side, side) float32, y (n,) int64, least share of labels that a foreign element flips).

    Raises RuntimeError when no draw of filters makes every foreign element flip enough.
    """
    rng = np.random.default_rng([seed, TRUTHS.index(truth), list(FAMILIES).index(family)])
    members = group_elements(truth)
    known = {element_key(m) for m in members}
    foreign = [m for m in group_elements("D4") if element_key(m) not in known]
    for _ in range(500):
        x = rng.standard_normal((n, side, side)).astype(np.float32)
        filters = rng.standard_normal((2, 1, 5, 5)).astype(np.float32)
        filters -= filters.mean((2, 3), keepdims=True)

        def value(images: Array, filters: Array = filters) -> Array:
            kept = [FAMILIES[family](*responses(turned(images, g), filters)) for g in members]
            return np.asarray(np.mean(kept, axis=0))

        plain = value(x)
        threshold = np.median(plain)
        y = plain > threshold
        flipped = [float(((value(turned(x, m)) > threshold) != y).mean()) for m in foreign]
        if min(flipped, default=1.0) >= flips:
            return x, y.astype(np.int64), min(flipped, default=1.0)
    raise RuntimeError(f"no draw of {family} filters plants {truth} firmly enough")
