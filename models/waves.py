"""Images known everywhere, not only at pixels: sums of plane waves, evaluated at turned, mirrored or scaled places.

What a network makes of them at g^-1 p has nothing of an interpolated image in it. Coordinates are (x right, y down) in
pixels about the centre of the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.groups.finite import FloatArray, Map

_WAVES = 32
_SOFT = 0.5  # share of a disc's radius on which it fades out


@dataclass(frozen=True)
class Waves:
    """`count` images of `channels` channels, each the sum of waves amplitude * cos(frequency . p + phase); variance 1.

    frequencies: (count, channels, waves, 2) in radians per pixel, phases: (count, channels, waves).
    """

    frequencies: FloatArray
    phases: FloatArray

    def image(self, height: int, width: int, inverse: Map | None = None) -> FloatArray:
        """The images moved by g, at the pixels of a grid: (count, channels, height, width).

        `inverse` is g^-1 as a (2, 2) matrix, the identity unless given: the value at p is that of the image at g^-1 p.
        """
        places = pixel_places(height, width, inverse)
        values = np.cos(self.frequencies @ places + self.phases[..., None]).sum(-2)
        values *= math.sqrt(2.0 / self.phases.shape[-1])
        return np.asarray(values.reshape(*self.phases.shape[:2], height, width))


def band_limited(rng: np.random.Generator, count: int, channels: int, band: float) -> Waves:
    """Random images whose spectrum is flat up to `band` radians per pixel in every direction, and zero above."""
    shape = (count, channels, _WAVES)
    direction, phase = rng.uniform(0.0, 2.0 * np.pi, (2, *shape))
    length = band * np.sqrt(rng.uniform(0.0, 1.0, shape))
    return Waves(np.stack([length * np.cos(direction), length * np.sin(direction)], axis=-1), phase)


def disc_window(height: int, width: int, radius: float, inverse: Map | None = None) -> FloatArray:
    """1 near the centre, 0 beyond `radius` pixels, smooth between, moved by g: (height, width)."""
    distance = np.hypot(*pixel_places(height, width, inverse))
    inside = np.clip((radius - distance) / (_SOFT * radius), 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * inside) ** 2).reshape(height, width)


def pixel_places(height: int, width: int, inverse: Map | None = None) -> FloatArray:
    """Where the pixels of a grid, row by row, come from under g: g^-1 p, (2, height * width)."""
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    places = np.stack([x.ravel(), y.ravel()])
    return places if inverse is None else np.asarray(inverse, dtype=np.float64) @ places
