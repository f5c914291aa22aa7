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
