"""Standardising vectors in a way that commutes with a group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from models.groups.action import ActingGroup
from models.groups.finite import FloatArray

_FLAT = 1e-13  # of the largest variance: no direction in which samples differ
NOISE = 1e-15  # of the largest spread: what varies less are rounding errors of zero


def spreads(x: NDArray[Any]) -> FloatArray:
    """Standard deviations (d,) of the coordinates of x (n, d), whatever their units; 0 where one does not vary."""
    # Squares of small numbers underflow, those of large ones overflow; powers of two change no digit.
    unit = np.ldexp(1.0, np.frexp(np.abs(x).max(0))[1] - 1)
    found = (x.astype(np.float64, copy=False) / unit).std(0) * unit
    return np.where(x.max(0) > x.min(0), found, 0.0)


def filled(found: FloatArray) -> FloatArray:
    """Spreads, all of them positive: where one is 0 or nothing but rounding beside the others, the largest of all (1 if
    none varies) stands for it."""
    largest = float(found.max(initial=0.0))
    return np.where(found > NOISE * largest, found, largest or 1.0)


def embedded_maps(acting: ActingGroup, dimension: int) -> FloatArray:
    """The group's maps of the whole vector, (order, d, d): the identity off the coordinates it acts on."""
    maps = np.tile(np.eye(dimension), (acting.group.order, 1, 1))
    where = np.asarray(acting.coordinates)
    if acting.group.order > 1:
        maps[:, where[:, None], where[None, :]] = acting.x_matrices()
    return maps


def invariant_scaling(x: FloatArray, acting: ActingGroup) -> tuple[FloatArray, FloatArray]:
    """(shift (d,), scale (d, d)) from samples x (n, d): the shift is fixed by the group, the scale commutes with it."""
    mean, found = x.mean(0), spreads(x)
    scale = np.diag(1.0 / filled(found))
    if acting.group.order == 1:
        return mean, scale
    # Off the coordinates that move the group is the identity, and matrices of all d coordinates would be large.
    where = np.asarray(acting.coordinates)
    maps = acting.x_matrices()
    shift = mean.copy()
    shift[where] = maps.mean(0) @ mean[where]
    turned = maps.transpose(0, 2, 1)
    if not np.allclose(maps @ turned, np.eye(len(where)), atol=1e-6):
        return shift, np.eye(len(mean)) / np.sqrt((found**2).mean() or 1.0)
    found = np.where(found > NOISE * found.max(), found, 0.0)
    averaged = ((maps * found[where] ** 2) @ turned).mean(0)
    # Coordinates that no element mixes have units of their own.
    count, block = connected_components(np.abs(maps).max(0) > 1e-9, directed=False)
    for k in range(count):
        own = np.flatnonzero(block == k)
        values, vectors = np.linalg.eigh(averaged[np.ix_(own, own)])
        least = max(float(values[-1]), 0.0) or (float(found.max()) or 1.0) ** 2
        values = np.where(values > _FLAT * least, values, least)
        scale[np.ix_(where[own], where[own])] = (vectors * values**-0.5) @ vectors.T
    return shift, scale
