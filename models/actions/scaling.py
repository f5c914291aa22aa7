"""Standardising vectors in a way that commutes with a group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.groups.action import ActingGroup
from models.groups.finite import FloatArray

ROUNDED = 1e-6  # of the largest entry: a coordinate that varies by less is constant but for float32's rounding
NOISE = 1e-15


def spreads(x: NDArray[Any]) -> FloatArray:
    """Standard deviations (d,) of the coordinates of x (n, d), whatever their units; for coordinates that do not vary
    the largest of all, or 1 where none does. What varies 1e-15 times as much as others are rounding errors of zero."""
    # Squares of small numbers underflow, those of large ones overflow; powers of two change no digit.
    unit = np.ldexp(np.ones(x.shape[1], dtype=x.dtype), np.frexp(np.abs(x).max(0))[1])
    share = (x / unit).std(0)
    found = np.where(share > ROUNDED, share, 0.0).astype(np.float64) * unit
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
    d = x.shape[1]
    mean, variance = x.mean(0), spreads(x) ** 2
    if acting.group.order == 1:
        return mean, np.diag(variance**-0.5)
    # Off the coordinates that move the group is the identity, and matrices of all d coordinates would be large.
    where = np.asarray(acting.coordinates)
    maps = acting.x_matrices()
    shift = mean.copy()
    shift[where] = maps.mean(0) @ mean[where]
    turned = maps.transpose(0, 2, 1)
    if not np.allclose(maps @ turned, np.eye(len(where)), atol=1e-6):
        return shift, np.eye(d) / np.sqrt(variance.mean())
    values, vectors = np.linalg.eigh(((maps * variance[where]) @ turned).mean(0))
    scale = np.diag(variance**-0.5)
    scale[np.ix_(where, where)] = (vectors * values**-0.5) @ vectors.T
    return shift, scale
