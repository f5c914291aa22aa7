"""Filters that can be turned: a basis of K x K filters and its copy under every element of a planar group.

Inputs are modelled as an isotropic process of band w = .75 pi, whose autocorrelation is c(r) = 2 J1(wr) / (wr). Of all
filters on the same pixels, C^-1 C_g v answers most like v turned by g, where C[i, j] = c(|p_i - p_j|) and
C_g[i, j] = c(|p_i - g p_j|). What no filter on these pixels can answer is the turning error
v^T (C - C_g^T C^-1 C_g) v / v^T C v. The filters of least error, averaged over the group, span the basis: as many as
the process has degrees of freedom on the window, K^2 w^2 / (4 pi) (Landau, 1967, doi:10.1007/BF02395039). An element
that maps the pixel grid to itself moves pixels and has no error; a group of such elements keeps every filter.
"""

from __future__ import annotations

import numpy as np

from models.groups.action import ActingGroup
from models.groups.finite import FloatArray, IntArray
from models.groups.planar import planar_name

BAND = 0.75 * np.pi  # radians per pixel
_NODES = 64  # exact to rounding for kernels up to 21 x 21


def turned_basis(acting: ActingGroup, size: int, basis_of: ActingGroup | None = None) -> FloatArray:
    """The basis turned by every element, (|G|, basis, size * size), pixels row-major.

    Independent coefficients of variance 1 / basis give filters of norm near 1. Where there is a choice of filters they
    come with the spectrum of the process, smooth ones larger, so that what later layers see can be turned as well.
    Elements that map the grid to itself turn every copy by moving its pixels, to the bit. `basis_of`: a group of which
    the acting one is a subgroup H. The basis is then made of the group's filters and their copies turned by one element
    of each coset H c, so that a layer of H can hold the filters of a layer of the group exactly.
    """
    if basis_of is not None:
        whole, cosets = turned_basis(basis_of, size), coset_elements(basis_of, acting)
        return np.asarray(whole[cosets].transpose(1, 0, 2, 3).reshape(acting.group.order, -1, size * size))
    points = pixel_points(size)
    filters = _filters(acting, size)
    copies = np.zeros((acting.group.order, *filters.shape))
    for g, (matrix, coset) in _grid_cosets(acting, size).items():
        turned = filters
        if g > 0:
            process = autocorrelation(points, points)
            turned = np.asarray(np.linalg.solve(process, _moved(points, matrix) @ filters.T).T, dtype=np.float64)
        for element, sources in coset:
            copies[element] = turned[:, sources]
    return copies


def maps_the_grid(acting: ActingGroup) -> bool:
    """Whether every element maps a square grid of pixels to itself."""
    matrices = acting.x_matrices()
    return bool(np.allclose(matrices, np.round(matrices), atol=1e-6))


def coset_elements(acting: ActingGroup, sub: ActingGroup) -> IntArray:
    """elements[c, h]: the index in the group of (element h of the subgroup) times c, one c for each coset H c.

    The first row, c the identity, is the subgroup itself. Raises ValueError when `sub` is not a subgroup.
    """
    whole, part = acting.x_matrices(), sub.x_matrices()
    same = (np.abs(whole[None] - part[:, None]) < 1e-6).all((-2, -1))  # (|H|, |G|)
    if not (same.sum(1) == 1).all() or same.sum(0).max() > 1:
        raise ValueError(f"{planar_name(part)} is not a subgroup of {planar_name(whole)}")
    members = np.argmax(same, axis=1)
    rows: list[IntArray] = []
    seen: set[int] = set()
    for c in range(acting.group.order):
        if c not in seen:
            rows.append(acting.group.table[members, c])
            seen.update(int(element) for element in rows[-1])
    return np.stack(rows)


def basis_count(acting: ActingGroup, size: int) -> int:
    """The number of filters in the basis: a layer's free parameters per pair of fields and element."""
    if maps_the_grid(acting):
        return size * size
    return _kept(np.asarray(np.linalg.eigvalsh(_turning_error(acting, size)[1]), dtype=np.float64))


def _filters(acting: ActingGroup, size: int) -> FloatArray:
    """Filters that span those of least mean turning error, (basis, size * size).

    Eigenvectors of one eigenvalue are kept or left together, so that the span is the same on every machine; so are
    its coordinates, the projections of x^i y^j, lowest degree first, made orthonormal and given the covariance of the
    process on the span.
    """
    if maps_the_grid(acting):
        return np.eye(size * size)
    points = pixel_points(size)
    factor, error = _turning_error(acting, size)
    values, vectors = np.linalg.eigh(error)
    span = np.linalg.qr(factor.T @ vectors[:, : _kept(values)])[0]
    rows = _named_coordinates(span, points)
    energies, directions = np.linalg.eigh(rows @ autocorrelation(points, points) @ rows.T)
    root = (directions * np.sqrt(energies / energies.mean())) @ directions.T
    return np.asarray(root @ rows, dtype=np.float64)


def _turning_error(acting: ActingGroup, size: int) -> tuple[FloatArray, FloatArray]:
    """(W, E): W whitens the process, W C W^T = 1, and v^T E v is the mean turning error of the filter W^T v."""
    points = pixel_points(size)
    factor = np.linalg.inv(np.linalg.cholesky(autocorrelation(points, points)))
    error = np.zeros_like(factor)
    for g, (matrix, coset) in _grid_cosets(acting, size).items():
        if g > 0:  # moving pixels after a turn adds no error: one element speaks for its coset
            unlike = factor @ _moved(points, matrix) @ factor.T
            error += len(coset) / acting.group.order * (np.eye(len(points)) - unlike.T @ unlike)
    return factor, error


def _kept(errors: FloatArray) -> int:
    """How many filters are kept, of one for each eigenvalue in ascending order: equal ones together."""
    count = max(1, round(len(errors) * BAND**2 / (4.0 * np.pi)))
    while count < len(errors) and errors[count] - errors[count - 1] < 1e-9:
        count += 1
    return count


def _grid_cosets(acting: ActingGroup, size: int) -> dict[int, tuple[FloatArray, list[tuple[int, IntArray]]]]:
    """g -> (its matrix, [(u g, pixels of u)]) for one g of each coset U g, U the elements that map the grid to itself.

    U itself comes first, with the identity as its g.
    """
    matrices = acting.x_matrices()
    grid = [(u, sources) for u, matrix in enumerate(matrices) if (sources := _grid_move(matrix, size)) is not None]
    cosets: dict[int, tuple[FloatArray, list[tuple[int, IntArray]]]] = {}
    seen: set[int] = set()
    for g, matrix in enumerate(matrices):
        if g not in seen:
            coset = [(int(acting.group.table[u, g]), sources) for u, sources in grid]
            seen.update(element for element, _ in coset)
            cosets[g] = (matrix, coset)
    return cosets


def _named_coordinates(span: FloatArray, points: FloatArray) -> FloatArray:
    """An orthonormal basis, as rows, of the column space of `span` (orthonormal columns) that depends on it alone."""
    x, y = points.T / max(1.0, float(np.abs(points).max()))
    rows: list[FloatArray] = []
    degree = 0
    while len(rows) < span.shape[1]:
        for power in range(degree + 1):
            row = span @ (span.T @ (x ** (degree - power) * y**power))
            length = float(np.linalg.norm(row))
            for _ in range(2):  # twice is enough for orthogonality to rounding
                for earlier in rows:
                    row = row - (earlier @ row) * earlier
            if np.linalg.norm(row) > 1e-3 * length:
                rows.append(row / np.linalg.norm(row))
        degree += 1
    return np.stack(rows)


def autocorrelation(a: FloatArray, b: FloatArray) -> FloatArray:
    """2 J1(wr) / (wr) between points a (n, 2) and b (m, 2) at distances r, (n, m).

    The mean of the plane waves of all frequencies below w, by Gauss-Chebyshev quadrature.
    """
    r = np.linalg.norm(a[:, None] - b[None], axis=-1)
    angles = np.arange(1, _NODES // 2 + 1) * (np.pi / (_NODES + 1))  # the other half repeats these
    waves = np.cos(BAND * r[..., None] * np.cos(angles))
    return np.asarray(waves @ np.sin(angles) ** 2 * (4.0 / (_NODES + 1)), dtype=np.float64)


def pixel_points(size: int) -> FloatArray:
    """The pixels of a kernel as points (x, y) about its centre, row-major, (size * size, 2)."""
    rows, columns = np.divmod(np.arange(size * size), size)
    return np.stack([columns, rows], axis=1) - (size - 1) / 2.0


def _moved(points: FloatArray, matrix: FloatArray) -> FloatArray:
    """C_g: the correlation of every pixel with every pixel moved by g."""
    return autocorrelation(points, points @ matrix.T)


def _grid_move(matrix: FloatArray, size: int) -> IntArray | None:
    """For each pixel the pixel it comes from, when g maps a square grid to itself; else None."""
    nearest = np.round(matrix)
    if not np.allclose(matrix, nearest, atol=1e-6):
        return None
    back = np.round(pixel_points(size) @ nearest + (size - 1) / 2.0).astype(np.int64)
    return np.asarray(back[:, 1] * size + back[:, 0], dtype=np.int64)
