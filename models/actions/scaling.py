"""Standardising vectors in a way that commutes with a group."""

from __future__ import annotations

import numpy as np

from models.groups.action import ActingGroup
from models.groups.finite import FloatArray


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
    mean, variance = x.mean(0), np.maximum(x.var(0), 1e-12)
    if acting.group.order == 1:
        return mean, np.diag(variance**-0.5)
    maps = embedded_maps(acting, d)
    shift = maps.mean(0) @ mean
    if not np.allclose(maps @ maps.transpose(0, 2, 1), np.eye(d), atol=1e-6):
        return shift, np.eye(d) / np.sqrt(variance.mean())
    spread = np.einsum("gij,j,gkj->ik", maps, variance, maps) / len(maps)
    values, vectors = np.linalg.eigh(spread)
    return shift, (vectors * values**-0.5) @ vectors.T
