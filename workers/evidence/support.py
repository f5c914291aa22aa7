"""Does the data show the moved poses at all? A nearest-neighbour comparison of x and g.x, without labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import stats
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from models.actions.samples import sham_samples, transform_samples
from workers.folds import Array
from workers.samples import Samples

_PROBES = 400
_REFERENCE = 3000
_SHOWN = 0.5
_NOT_SHOWN = 0.05


def support(samples: Samples, action: dict[str, Any], domain: str) -> dict[str, Any]:
    """{status, p_value, overlap}: `overlap` is the share of moved samples as near to the data as 95 % of samples are.

    `shown` from 50 % on, `not_shown` below 5 %, else `unclear`. The p-value (Wilcoxon, one-sided) is for "moved samples
    lie no farther from the data than samples do"; a small one with a large overlap says that the poses are seen, but
    not equally often. Where moving interpolates, the sham (moved and moved back) stands for the samples.
    """
    n = len(samples.x)
    order = np.random.default_rng(0).permutation(n)
    reference, probes = np.sort(order[:_REFERENCE]), np.sort(order[:_REFERENCE][:_PROBES])
    x = samples.x[probes]
    moved = transform_samples(torch.from_numpy(x), action, domain).numpy()
    unmoved = sham_samples(torch.from_numpy(x), action).numpy()
    own = np.searchsorted(reference, probes)
    pool = samples.x[reference].reshape(len(reference), -1).astype(np.float64)
    scale = pool.std(0)
    scale = np.where(scale > 1e-9, scale, 1.0) if domain == "vector" else np.ones_like(scale)
    near = _nearest(unmoved, pool, scale, own)
    far = _nearest(moved, pool, scale, own)
    overlap = float((far <= np.quantile(near, 0.95) + 1e-9).mean())
    difference = far - near
    p_value = (
        float(stats.wilcoxon(difference, alternative="greater").pvalue) if np.abs(difference).max() > 1e-12 else 1.0
    )
    status = "shown" if overlap >= _SHOWN else "not_shown" if overlap < _NOT_SHOWN else "unclear"
    return {"status": status, "p_value": p_value, "overlap": overlap}


def _nearest(x: Array, pool: Array, scale: Array, own: Array) -> Array:
    """Distance from each probe to the nearest reference sample other than itself."""
    probes = x.reshape(len(x), -1).astype(np.float64) / scale
    if pool.shape[1] <= 8:
        distances, indices = cKDTree(pool / scale).query(probes, k=2)
        return np.asarray(np.where(indices[:, 0] == own, distances[:, 1], distances[:, 0]))
    table = cdist(probes, pool / scale)
    table[np.arange(len(x)), own] = np.inf
    return np.asarray(table.min(1))
