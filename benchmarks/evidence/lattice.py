"""Images with every subgroup of D4 planted: labels from the energy of random filters, averaged over the group.

`benchmarks.planted_images` plants the firm ones: every foreign element flips at least 20 % of the labels. In the faint
ones the least foreign element flips little more than 5 %.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.evidence.runner import Array, Cell, Row, Task
from benchmarks.planted_images import TRUTHS, group_elements, plant, responses, turned
from models.groups.finite import element_key

SIDE = 12
_KINDS = ("energy", "texture")


def firm(truth: str, seed: int, n: int) -> Task:
    """Margin 20 %; even seeds are `energy`, odd ones `texture`."""
    x, y, margin = plant(truth, _KINDS[seed % 2], n=n, side=SIDE, seed=seed)
    return Task(x, y, TRUTHS, truth, margin=None if truth == "D4" else margin)


def faint(truth: str, seed: int, n: int) -> Task:
    """Margin 5 %: labels say whether F_D4 + a F_truth lies above its median, a the least for which the margin holds.

    F_G is the mean over G of the energy of a random filter's response to white noise.
    """
    x, energy, products = _energies(seed, n, list(TRUTHS).index(truth))
    names = [element_key(m) for m in group_elements("D4")]
    members = [names.index(element_key(m)) for m in group_elements(truth)]
    foreign = [k for k in range(len(names)) if k not in members]
    whole, part = energy.mean(0), energy[members].mean(0)
    for share in np.linspace(0.02, 4.0, 200):
        value = whole + share * part
        threshold = np.median(value)
        y = value > threshold
        moved = [whole + share * energy[products[members, k]].mean(0) for k in foreign]
        margin = min((float(((v > threshold) != y).mean()) for v in moved), default=None)
        if margin is None or margin >= 0.05:
            expected = "nothing false certified; the truth is first or not told apart from it, or undetermined"
            return Task(x, y.astype(np.int64), TRUTHS, truth, margin=margin, expected=expected, check=not_wrong)
    raise RuntimeError(f"{truth} cannot be planted with this filter")


def not_wrong(row: Row) -> bool:
    """Nothing false is certified, and a wrong first row is not passed off as certain."""
    return not row["false_certified"] and (row["in_set"] or row["verdict"] == "undetermined")


def _energies(seed: int, n: int, salt: int) -> tuple[Array, Array, Array]:
    """(x, energy of h.x for each element h of D4 (8, n), table of the products h k as positions (8, 8))."""
    rng = np.random.default_rng([seed, salt, 5])
    x = rng.standard_normal((n, SIDE, SIDE)).astype(np.float32)
    filters = rng.standard_normal((2, 1, 5, 5)).astype(np.float32)
    filters -= filters.mean((2, 3), keepdims=True)
    elements = group_elements("D4")
    energy = np.stack([(np.maximum(responses(turned(x, h), filters)[0], 0) ** 2).mean((1, 2)) for h in elements])
    names = [element_key(m) for m in elements]
    products = np.array([[names.index(element_key(h @ k)) for k in elements] for h in elements])
    return x, energy, products


CELLS = [
    Cell("margin 20 %, n = 2000", TRUTHS, partial(firm, n=2000)),
    Cell("margin 20 %, n = 500", TRUTHS, partial(firm, n=500)),
    Cell("margin 5 %, n = 2000", TRUTHS, partial(faint, n=2000)),
]
