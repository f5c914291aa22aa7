"""Groups with infinitely many elements: rotations, orthogonal maps, and changes of scale, with their samplers.

Those that act on the plane of an image (SO(2), O(2), Scale, SIM(2)) act about its centre; translations belong to the
convolution. Source of the uniform sampler: Stewart, The efficient generation of random orthogonal matrices (1980).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from models.groups.finite import FloatArray

_MAX_DEGREE = 1024


@dataclass(frozen=True)
class ContinuousGroup:
    """A Lie group of matrices.

    `dimension` of the group itself, `degree` of its matrices, whether it is compact, and in how many connected
    `components` it falls: 2 for O(n), 1 for the others.
    """

    name: str
    dimension: int
    degree: int
    compact: bool
    components: int
    title: str

    def sample(self, rng: np.random.Generator, count: int, largest_scale: float = 2.0) -> FloatArray:
        """Random elements, (count, degree, degree).

        Uniform for compact groups. There is no uniform distribution of scales: their logarithms are drawn evenly
        between those of 1 / largest_scale and largest_scale.
        """
        maps = np.broadcast_to(np.eye(self.degree), (count, self.degree, self.degree)).copy()
        if self.name != "Scale":
            maps = _orthogonal(rng, count, self.degree)
            if self.components == 1:
                maps[:, :, 0] *= np.sign(np.linalg.det(maps))[:, None]
        if not self.compact:
            reach = np.log(largest_scale)
            maps *= np.exp(rng.uniform(-reach, reach, count))[:, None, None]
        return maps

    def contains(self, matrix: FloatArray, tolerance: float = 1e-8) -> bool:
        """True when a (degree, degree) matrix is an element."""
        if matrix.shape != (self.degree, self.degree):
            return False
        determinant = float(np.linalg.det(matrix))
        if self.compact:
            scale = 1.0
        else:
            scale = abs(determinant) ** (1.0 / self.degree)
            if scale < tolerance:
                return False
        unit = matrix / scale
        if self.name == "Scale":
            return bool(np.allclose(unit, np.eye(self.degree), atol=tolerance))
        orthogonal = np.allclose(unit @ unit.T, np.eye(self.degree), atol=tolerance)
        return bool(orthogonal and (self.components == 2 or determinant > 0))

    def lie_algebra(self) -> FloatArray:
        """A basis of the tangent space at the identity, (dimension, degree, degree): turns in pairs of axes, scale."""
        basis = []
        if self.name != "Scale":
            for i in range(self.degree):
                for j in range(i + 1, self.degree):
                    turn = np.zeros((self.degree, self.degree))
                    turn[i, j], turn[j, i] = -1.0, 1.0
                    basis.append(turn)
        if not self.compact:
            basis.append(np.eye(self.degree))
        return np.stack(basis) if basis else np.zeros((0, self.degree, self.degree))


def continuous_group(name: str) -> ContinuousGroup | None:
    """`SO(n)`, `O(n)` for n from 1 to 1024, `Scale`, `SIM(2)`; None for any other name."""
    if name == "Scale":
        return ContinuousGroup(name, 1, 2, False, 1, "changes of scale")
    if name == "SIM(2)":
        return ContinuousGroup(name, 2, 2, False, 1, "rotations by any angle and changes of scale")
    match = re.fullmatch(r"(S?O)\(([0-9]{1,4})\)", name)
    if not match or not 1 <= int(match[2]) <= _MAX_DEGREE:
        return None
    n = int(match[2])
    title = f"rotations of {n} coordinates" if match[1] == "SO" else f"rotations and mirrors of {n} coordinates"
    if n == 2:
        title = "rotations by any angle" + ("" if match[1] == "SO" else " and mirrors")
    return ContinuousGroup(f"{match[1]}({n})", n * (n - 1) // 2, n, True, 1 if match[1] == "SO" else 2, title)


def _orthogonal(rng: np.random.Generator, count: int, degree: int) -> FloatArray:
    """Uniform orthogonal matrices: the factor Q of a Gaussian one, with the signs that make R's diagonal positive."""
    q, r = np.linalg.qr(rng.standard_normal((count, degree, degree)))
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
    return np.asarray(q * signs[:, None, :])
