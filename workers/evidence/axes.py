"""Principal axes of few rows in many coordinates, or of many rows in few."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from workers.folds import Array


def principal_axes(centred: Array, most: int) -> Array:
    """Leading principal axes of centred rows (m, d), at most `most`: (d, axes), unit columns.

    By the smaller of the two matrices of products.
    """
    m, d = centred.shape
    if m >= d:
        return np.asarray(eigh(centred.T @ centred, subset_by_index=[max(0, d - most), d - 1])[1])
    squares, vectors = eigh(centred @ centred.T, subset_by_index=[max(0, m - most), m - 1])
    axes = centred.T @ vectors[:, squares > 1e-12 * max(float(squares[-1]), 1e-300)]
    return np.asarray(axes / np.linalg.norm(axes, axis=0))
