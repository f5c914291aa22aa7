"""How the symmetries of the square move pixels and kernels: exactly, as permutations of the grid."""

from __future__ import annotations

import numpy as np

from models.groups.finite import IntArray, Map


def grid_source(height: int, width: int, matrix: Map) -> IntArray:
    """For each pixel p of the turned image the index of the pixel it comes from: (g.x)[p] = x[source[p]].

    `matrix` is g in coordinates (x right, y down) about the centre of the grid; indices are flat and row-major,
    (height * width,). Raises ValueError when g does not map the grid to itself.
    """
    rows, columns = np.divmod(np.arange(height * width), width)
    centred = np.stack([2 * columns - (width - 1), 2 * rows - (height - 1)])
    back = np.asarray(matrix, dtype=np.float64).T @ centred  # g is orthogonal: its inverse is its transpose
    x, y = np.round(back)
    from_column, from_row = (x + width - 1) / 2, (y + height - 1) / 2
    inside = (from_column >= 0) & (from_column < width) & (from_row >= 0) & (from_row < height)
    if not np.allclose(back, (x, y), atol=1e-6) or not inside.all() or (from_column % 1 != 0).any():
        raise ValueError(f"this element does not map a {height} x {width} grid to itself")
    return np.asarray(from_row * width + from_column, dtype=np.int64)


def maps_grid_to_itself(height: int, width: int, matrix: Map) -> bool:
    """Whether an element about the centre moves every pixel of the grid onto a pixel."""
    m = np.asarray(matrix, dtype=np.float64)
    signs = np.round(m)
    if not np.allclose(m, signs, atol=1e-6) or not np.array_equal(np.abs(signs).sum(axis=0), (1.0, 1.0)):
        return False
    return height == width or signs[0, 1] == 0.0
