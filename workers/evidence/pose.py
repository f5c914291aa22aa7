"""Does the pose alone predict the label? Then the symmetry is broken in the plainest way: by how samples are shown.

A linear functional gives every sample a canonical element: the power of g that makes it largest. Where (x, y) is
symmetric, that element is uniform and independent of the label, whatever the functional.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from models.actions.powers import action_power, cyclic_order, power_samples
from models.actions.samples import transform_labels
from workers.folds import Array, IntArray
from workers.samples import Samples

_ROWS = 1200
_FEWEST = 100
_MOST = 50_000_000  # numbers in all copies of all samples, so that large images fit in memory
_ELEMENTS = 16
_CLASSES = 10
_REPLICATES = 199


def pose_predicts_label(
    samples: Samples, action: dict[str, Any], order: int | None, domain: str, seed: int = 0
) -> dict[str, Any]:
    """{bits, p_value}: mutual information of the canonical element and the label that it gives, and its p-value.

    Functionals (the classes' means, and one at random) are chosen on half of the clusters and judged on the others, one
    sample a cluster; real targets are taken by quarters. The bits are corrected for their bias (Miller and Madow). In a
    cyclic group of more than 16 elements a subgroup is used. None where there is no such group.
    """
    size = cyclic_order(action, order, samples.x.shape)
    elements = max((m for m in range(1, _ELEMENTS + 1) if size and size % m == 0), default=1)
    if size is None or elements < 2 or (order is None and "shift" not in action):
        return {"bits": None, "p_value": None}
    rng = np.random.default_rng([seed, 4])
    _, first = np.unique(samples.cluster, return_index=True)
    most = max(_FEWEST, _MOST // (elements * int(np.prod(samples.x.shape[1:]))))
    rows = rng.permutation(first)[: min(_ROWS, most)]
    if len(rows) < 4:
        return {"bits": None, "p_value": None}
    steps = [k * (size // elements) for k in range(elements)]
    x = torch.from_numpy(samples.x[rows])
    orbit = np.stack([power_samples(x, action, k, domain).flatten(1).numpy() for k in steps])
    labels = np.stack([_moved_labels(samples.y[rows], action, k) for k in steps])
    half = len(rows) // 2
    learn, judge = np.arange(half), np.arange(half, len(rows))
    best, chosen = -1.0, np.zeros(orbit.shape[2])
    for functional in _functionals(orbit[0, learn], _codes(labels[0, learn], samples.classification), rng):
        pose = _canonical(orbit[:, learn], functional, rng)
        bits = _bits(pose, _codes(labels[pose, learn], samples.classification))
        if bits > best:
            best, chosen = bits, functional
    pose = _canonical(orbit[:, judge], chosen, rng)
    codes = _codes(labels[pose, judge], samples.classification)
    own = _bits(pose, codes)
    as_large = sum(_bits(rng.permutation(pose), codes) >= own - 1e-12 for _ in range(_REPLICATES))
    bias = (len(np.unique(pose)) - 1) * (len(np.unique(codes)) - 1) / (2.0 * len(judge) * np.log(2.0))
    return {"bits": max(0.0, float(own - bias)), "p_value": (1 + as_large) / (1 + _REPLICATES)}


def _functionals(x: Array, codes: IntArray, rng: np.random.Generator) -> list[Array]:
    means = [x[codes == c].mean(0) - x.mean(0) for c in np.unique(codes)[:_CLASSES]]
    return [*means, rng.standard_normal(x.shape[1])]


def _canonical(orbit: Array, functional: Array, rng: np.random.Generator) -> IntArray:
    """Index of the power that makes the functional largest, (n,); ties, as on samples that g fixes, are drawn."""
    values = orbit @ functional
    top = values >= values.max(0) - 1e-5 * (np.abs(values).max(0) + 1e-300)
    return np.asarray(np.argmax(top * rng.random(top.shape), axis=0), dtype=np.int64)


def _codes(labels: Array, classification: bool) -> IntArray:
    if classification:
        return np.asarray(labels, dtype=np.int64)
    target = labels.reshape(len(labels), -1)[:, 0]
    return np.asarray(np.searchsorted(np.quantile(target, [0.25, 0.5, 0.75]), target), dtype=np.int64)


def _moved_labels(y: Array, action: dict[str, Any], exponent: int) -> Array:
    if action["labels"] is None:
        return y
    return np.asarray(transform_labels(torch.from_numpy(y), action_power(action, exponent)).numpy())


def _bits(first: IntArray, second: IntArray) -> float:
    """Mutual information of two discrete variables, bits."""
    a, b = int(first.max()) + 1, int(second.max()) + 1
    table = np.bincount(first * b + second, minlength=a * b).reshape(a, b) / len(first)
    expected = table.sum(1, keepdims=True) * table.sum(0)
    seen = table > 0
    return float((table[seen] * np.log2(table[seen] / expected[seen])).sum())
