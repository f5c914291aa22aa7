"""Filters that turn with the image by any angle: circular harmonics e^(i m theta) times radial profiles.

A filter is a functional of the continuous image: harmonic m read along circles about the centre. On the grid it is
replaced by the kernel k = C^-1 B that answers most nearly like it in the mean square, for images that are an isotropic
process with a flat spectrum up to w = .75 pi radians per pixel and a little white noise (C: autocorrelations between
pixels, B: between pixels and the functional). Profiles whose error is not small are left out: they are the harmonics
that would alias on their ring. Harmonics as a steerable basis: Worrall et al. (2017, arXiv:1612.04642); the form of
kernels between irreps: Weiler and Cesa (2019, arXiv:1911.08251).

A feature is a band-limited function on the group, by its coefficients [1, cos t, sin t, cos 2t, sin 2t, ...]: C =
1 + 2F for SO(2), and for O(2) the same twice, on the turns r_t and on r_t m with m the mirror x -> -x. The group acts
by (h.f)(g, p) = f(h^-1 g, h^-1 p). Coordinates are (x right, y down), theta = atan2(y, x).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import j1, jv

from models.layers.filter_counts import coefficient_count, profile_counts

FloatArray = NDArray[np.float64]

_CUTOFF = 0.75 * math.pi  # radians per pixel
_NOISE = 1e-5  # variance of the white noise over that of the image
_CIRCLES = 2  # read for each pixel of the radius
_NULL = 1e-6  # share of the response below which a combination of circles is nothing but rounding


def function_action(group: str, frequency: int, matrix: FloatArray) -> FloatArray:
    """What an element of O(2), a (2, 2) matrix, does to the coefficients of a function on the group: (C, C).

    Raises ValueError for a mirror that is not in the group.
    """
    count = coefficient_count(group, frequency)
    mirrors = float(np.linalg.det(matrix)) < 0.0
    if mirrors and group == "SO(2)":
        raise ValueError("SO(2) holds no mirrors")
    turn = matrix * np.array([-1.0, 1.0]) if mirrors else matrix
    angle = math.atan2(turn[1, 0], turn[0, 0])
    block = np.eye(1 + 2 * frequency)
    for k in range(1, frequency + 1):
        c, s = math.cos(k * angle), math.sin(k * angle)
        block[2 * k - 1 : 2 * k + 1, 2 * k - 1 : 2 * k + 1] = [[c, -s], [s, c]]
    if mirrors:
        block = block * _signs(len(block))
    copies = np.eye(count // len(block))
    return np.asarray(np.kron(copies[::-1] if mirrors else copies, block))


def circular_harmonics(size: int, frequency: int) -> list[FloatArray]:
    """For each m = 0 ... frequency the kernels of harmonic m, (profiles, 2, size * size): the cosine and the sine.

    Orthonormal for each m (the pair together), smoothest profile first; the sine of m = 0 is zero. Quarter turns and
    mirrors of the grid map the pairs to their turned and mirrored combinations exactly.
    """
    pixels = _pixels(size)
    radius, angle = np.hypot(*pixels.T), np.arctan2(pixels[:, 1], pixels[:, 0])
    process = cho_factor(_autocorrelation(pixels) + _NOISE * np.eye(size * size))
    counts = profile_counts(size, frequency)
    return [_harmonic(process, radius, m * angle, m, count) for m, count in enumerate(counts)]


def _harmonic(process: Any, radius: FloatArray, phase: FloatArray, m: int, count: int) -> FloatArray:
    if count == 0:
        return np.zeros((0, 2, len(radius)))
    circles = np.arange(1.0, _CIRCLES * radius.max() / math.sqrt(2.0) + 2.0) / _CIRCLES
    power = _radial_correlation(m, circles, circles) * (1.0 if m == 0 else 0.5)
    strength, modes = np.linalg.eigh(power)
    kept = strength > _NULL * strength[-1]
    modes = modes[:, kept] / np.sqrt(strength[kept])
    # A pixel at (r, theta) is correlated with the reading of harmonic m on a circle like cos(m theta) times this.
    radial = _radial_correlation(m, radius, circles) @ modes
    error = np.eye(radial.shape[1])
    for wave in (np.cos,) if m == 0 else (np.cos, np.sin):  # which a square grid treats differently for even m
        across = radial * wave(phase)[:, None]
        error -= across.T @ cho_solve(process, across) / (1.0 if m == 0 else 2.0)
    _, combination = np.linalg.eigh(error)
    radial = radial @ combination[:, :count]
    waves = [cho_solve(process, radial * wave(phase)[:, None]) for wave in (np.cos, np.sin)]
    size = math.isqrt(len(radius))
    return _canonical(_exact_at_right_angles(np.stack(waves, axis=1).transpose(2, 1, 0), size, m), radius, phase, m)


def lifting_basis(group: str, frequency: int, size: int) -> FloatArray:
    """Kernels from a scalar image to a field, (count, C, size * size); see `filter_counts.lifting_count`.

    Raises ValueError when the window holds no filter of the highest frequency.
    """
    count = coefficient_count(group, frequency)
    if 0 in profile_counts(size, frequency):
        raise ValueError(f"a {size} x {size} window holds no filter of frequency {frequency}: widen it or lower that")
    rows = []
    for m, profiles in enumerate(circular_harmonics(size, frequency)):
        for cosine, sine in profiles:
            for u, v in [(cosine, sine)] if m == 0 else [(cosine, sine), (-sine, cosine)]:
                kernel = np.zeros((1 + 2 * frequency, size * size))
                if m == 0:
                    kernel[0] = u
                else:
                    kernel[2 * m - 1 : 2 * m + 1] = u, v
                rows.append(kernel)
    basis = np.stack(rows)[:, :, None]
    if group == "O(2)":
        basis = np.concatenate([basis, _mirrored_outputs(_mirrored_plane(basis, size))], axis=1)
    return _normalised(basis, frequency, scalar_input=True).reshape(len(basis), count, size * size)


def convolution_basis(group: str, frequency: int, size: int) -> FloatArray:
    """Kernels from a field to a field, (count, C_out, C_in, size * size); see `filter_counts.convolution_count`."""
    coefficient_count(group, frequency)
    harmonics = circular_harmonics(size, 2 * frequency)
    rows = []
    for k in range(frequency + 1):  # input irrep z_k = a_k + i b_k, output irrep y_n = c H_(n-k) z_k + d H_(n+k) z_k*
        for n in range(frequency + 1):
            for m, conjugate in [(n - k, False)] + ([(n + k, True)] if k and n else []):
                for cosine, sine in harmonics[abs(m)]:
                    s = sine if m >= 0 else -sine
                    for u, v in [(cosine, s), (-s, cosine)]:
                        block = np.array([[u, v], [v, -u]] if conjugate else [[u, -v], [v, u]])
                        kernel = np.zeros((1 + 2 * frequency, 1 + 2 * frequency, size * size))
                        rows_of, columns_of = _place(n), _place(k)
                        block = block[: rows_of.stop - rows_of.start, : columns_of.stop - columns_of.start]
                        kernel[rows_of, columns_of] = block
                        if np.abs(block).max() > 0.0:
                            rows.append(kernel)
    basis = np.stack(rows)
    if group == "O(2)":
        turned = _mirrored_inputs(_mirrored_outputs(_mirrored_plane(basis, size)))
        zero = np.zeros_like(basis)
        same = np.concatenate([np.concatenate([basis, zero], axis=2), np.concatenate([zero, turned], axis=2)], axis=1)
        other = np.concatenate([np.concatenate([zero, basis], axis=2), np.concatenate([turned, zero], axis=2)], axis=1)
        basis = np.concatenate([same, other])
    return _normalised(basis, frequency, scalar_input=False)


def _place(k: int) -> slice:
    return slice(0, 1) if k == 0 else slice(2 * k - 1, 2 * k + 1)


def _signs(channels: int) -> FloatArray:
    """What t -> -t does to the coefficients: sines change sign."""
    signs = np.ones(channels)
    signs[2::2] = -1.0
    return signs


def _mirrored_outputs(basis: FloatArray) -> FloatArray:
    return np.asarray(basis * _signs(basis.shape[1])[:, None, None])


def _mirrored_inputs(basis: FloatArray) -> FloatArray:
    return np.asarray(basis * _signs(basis.shape[2])[:, None])


def _mirrored_plane(basis: FloatArray, size: int) -> FloatArray:
    return basis.reshape(*basis.shape[:-1], size, size)[..., ::-1].reshape(basis.shape)


def _normalised(basis: FloatArray, frequency: int, *, scalar_input: bool) -> FloatArray:
    """Kernels of unit norm between the orthonormal coefficients of [1, sqrt 2 cos t, sqrt 2 sin t, ...]."""
    half = np.full(1 + 2 * frequency, math.sqrt(2.0))
    half[0] = 1.0
    outputs = np.tile(half, basis.shape[1] // len(half))[:, None, None]
    inputs = np.ones((1, 1)) if scalar_input else np.tile(half, basis.shape[2] // len(half))[:, None]
    norms = np.sqrt(np.sum((basis / outputs * inputs) ** 2, axis=(1, 2, 3), keepdims=True))
    return np.asarray(basis / norms)


def _exact_at_right_angles(pair: FloatArray, size: int, m: int) -> FloatArray:
    """The part of (profiles, 2, pixels) that quarter turns and the mirror y -> -y move as harmonic m, to the last bit
    but one: what is taken away is rounding."""
    z = (pair[:, 0] + 1j * pair[:, 1]).reshape(-1, size, size)
    z = 0.5 * (z + z[:, ::-1].conj())
    # A quarter turn takes x to y: the value at (row i, column j) moves to (row j, column size - 1 - i).
    turns = [np.rot90(z, -q, axes=(1, 2)) * (1, 1j, -1, -1j)[(q * m) % 4] for q in range(4)]
    z = np.mean(turns, axis=0)
    return np.stack([z.real, z.imag], axis=1).reshape(len(pair), 2, size * size)


def _canonical(pair: FloatArray, radius: FloatArray, phase: FloatArray, m: int) -> FloatArray:
    """Another basis of the same span: what r^m exp(-r^2 / 2), r^(m+2) exp(-r^2 / 2), ... orthonormalise to in it.

    Signs and order then do not hang on a solver.
    """
    flat = np.linalg.qr(pair.reshape(len(pair), -1).T)[0]
    powers = m + 2 * np.arange(len(pair))
    width = radius.max() / 2.0 + 0.5
    profiles = (radius[:, None] / width) ** powers * np.exp(-0.5 * (radius[:, None] / width) ** 2)
    ideal = np.concatenate([profiles * np.cos(phase)[:, None], profiles * np.sin(phase)[:, None]])
    q, r = np.linalg.qr(flat.T @ ideal)
    basis = flat @ (q * np.sign(np.diag(r)))
    return np.asarray(basis.T.reshape(len(pair), 2, -1))


def _radial_correlation(m: int, a: FloatArray, b: FloatArray) -> FloatArray:
    """(len(a), len(b)): correlation of harmonic m on circles of radii a and b, 2 times the integral over 0 < s < 1 of
    J_m(w a s) J_m(w b s) s ds for the process whose spectrum is flat up to w."""
    nodes, weights = np.polynomial.legendre.leggauss(24 + 2 * math.ceil(max(a.max(), b.max())))
    s = 0.5 * (nodes + 1.0)
    left, right = (jv(m, _CUTOFF * np.outer(radii, s)) for radii in (a, b))
    return np.asarray((left * (weights * s)) @ right.T)


def _autocorrelation(pixels: FloatArray) -> FloatArray:
    """2 J1(wr) / (wr) between all pairs of pixels."""
    r = _CUTOFF * np.linalg.norm(pixels[:, None] - pixels[None], axis=-1)
    safe = np.maximum(r, 1e-9)
    return np.asarray(np.where(r < 1e-9, 1.0, 2.0 * j1(safe) / safe))


def _pixels(size: int) -> FloatArray:
    """Coordinates (x, y) of a window's pixels about its centre, row-major, (size^2, 2)."""
    axis = np.arange(size) - (size - 1) / 2.0
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1)
