"""Filters that keep their response when the image is turned or rescaled: the basis of scale convolutions.

A filter is a functional of the continuous image, f(x) = sum_j w_j x(v_j), v_j points of a disc; its copy at rotation g
and scale s reads x at s g v_j. On the pixel grid the copy is replaced by the kernel k = C^-1 B w that answers most
nearly like it in the mean square, when images are an isotropic process with a flat spectrum up to the frequency
w = .75 pi, plus a little white noise: C holds the autocorrelations between pixels, B those between pixels and the
points s g v_j. The basis is, for each angular harmonic, the w of least mean error over all scales among those of unit
response (a generalised eigenvalue problem). The same idea without scale turns the filters of group convolutions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh

from models.actions.grid import grid_source
from models.groups.action import ActingGroup
from models.layers.filter_counts import scale_basis_count, scale_shells
from models.layers.turning import autocorrelation, pixel_points

FloatArray = NDArray[np.float64]

_NOISE = 1e-4  # variance of the white noise over that of the image
_RINGS = 4  # of reading points about the centre
_ANGLES = 16  # points of each ring
_NULL = 1e-5  # response below which a combination of rings is nothing but rounding


def scaled_basis(acting: ActingGroup, scales: tuple[float, ...], size: int) -> FloatArray:
    """Kernels of every basis filter at every scale and rotation, (|G|, scales, basis, size * size).

    Scales are relative to the first; the disc of reading points is as large as the window allows at the last. Elements
    that map the pixel grid to itself permute the kernels' pixels exactly. Raises ValueError unless the scales grow.
    """
    shells = scale_shells(size)
    count = scale_basis_count(size)
    relative = np.asarray(scales) / scales[0]
    if (np.diff(relative) <= 0).any():
        raise ValueError(f"scales must grow, not {scales}")
    pixels = pixel_points(size)
    radius = size / (2.0 * relative[-1])
    process = cho_factor(autocorrelation(pixels, pixels) + _NOISE * np.eye(size * size))
    points = _reading_points(radius)
    filters = _best_filters(process, pixels, radius, relative, shells)
    matrices = acting.x_matrices()
    sources = _grid_sources(matrices, size)
    bank = np.zeros((acting.group.order, len(scales), count, size * size))
    done: set[int] = set()
    for g in range(acting.group.order):
        if g in done:
            continue
        turned = np.stack([_optimal(process, pixels, s * points @ matrices[g].T) @ filters for s in relative])
        for h, source in sources.items():  # the coset H g of the elements H that map the grid to itself
            hg = int(acting.group.table[h, g])
            bank[hg] = turned.transpose(0, 2, 1)[..., source]
            done.add(hg)
    return bank


def _best_filters(
    process: Any, pixels: FloatArray, radius: float, scales: FloatArray, shells: tuple[int, ...]
) -> FloatArray:
    """Weights of the reading points, (points, basis): least mean error over scales and angles at unit mean response.

    Each angular harmonic is a problem of its own over the rings. The chosen span is then given the basis that
    r^m exp(-2 r^2), r^(m+2) exp(-2 r^2), ... orthonormalise to, so that signs and order do not hang on a solver.
    """
    points = _reading_points(radius)
    error = np.zeros((len(points), len(points)))
    response = np.zeros_like(error)
    for s in scales:
        ideal = autocorrelation(s * points, s * points)
        both = autocorrelation(pixels, s * points)
        response += ideal / len(scales)
        error += (ideal - both.T @ cho_solve(process, both)) / len(scales)
    filters = []
    for m, count in enumerate(shells):
        waves = _harmonics(m)  # (points, rings) for the cosine and, beyond m = 0, the sine
        # The mean over all angles: cosine and sine have the same error then.
        e, p = (np.mean([w.T @ a @ w for w in waves], axis=0) for a in (error, response))
        power, directions = eigh(p)
        kept = power > _NULL * power[-1]
        unit = directions[:, kept] / np.sqrt(power[kept])
        best = unit @ eigh(unit.T @ e @ unit, subset_by_index=(0, count - 1))[1]
        r = np.arange(0 if m == 0 else 1, _RINGS + 1) / _RINGS
        known = np.stack([r ** (m + 2 * k) * np.exp(-2.0 * r**2) for k in range(count)], axis=1)
        q, upper = np.linalg.qr(best.T @ p @ known)
        radial = best @ (q * np.sign(np.diag(upper)))
        filters += [w @ radial for w in waves]
    return np.concatenate(filters, axis=1)


def _reading_points(radius: float) -> FloatArray:
    """The centre, then the points of each ring, (1 + rings * angles, 2)."""
    angles = np.arange(_ANGLES) * 2.0 * np.pi / _ANGLES
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = [circle * radius * k / _RINGS for k in range(1, _RINGS + 1)]
    return np.concatenate([np.zeros((1, 2)), *rings])


def _harmonics(m: int) -> list[FloatArray]:
    """The m-th angular waves on each ring, (points, rings): the cosine and the sine; the constant for m = 0."""
    angles = np.arange(_ANGLES) * 2.0 * np.pi / _ANGLES
    waves = []
    for wave in [np.ones(_ANGLES)] if m == 0 else [np.cos(m * angles), np.sin(m * angles)]:
        ring = np.kron(np.eye(_RINGS), wave[:, None])  # (rings * angles, rings)
        centre = np.zeros((1, _RINGS))
        without = np.concatenate([centre, ring])
        waves.append(np.concatenate([np.eye(len(without), 1), without], axis=1) if m == 0 else without)
    return waves


def _optimal(process: Any, pixels: FloatArray, points: FloatArray) -> FloatArray:
    """C^-1 B: the kernels that answer like readings of the image at `points`, (pixels, points)."""
    return np.asarray(cho_solve(process, autocorrelation(pixels, points)))


def _grid_sources(matrices: FloatArray, size: int) -> dict[int, NDArray[np.int64]]:
    """The elements that map the grid to itself, with how they move a window's pixels."""
    integral = [i for i, m in enumerate(matrices) if np.allclose(m, np.round(m), atol=1e-9)]
    return {i: grid_source(size, size, matrices[i]) for i in integral}
