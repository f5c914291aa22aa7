"""Data sets whose symmetry acts on the labels: reflections that exchange classes, turns that permute or turn targets.

Each function returns a `LabelTask`: the samples, the candidates to post, and the pair (group, label action) that holds
as planted. The label action is never told to the search: every candidate that has one asks for it to be found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.planted_images import FAMILIES, Array, group_elements, responses, turned
from models.groups.planar import rotation

Maps = list[list[int]] | list[list[list[float]]]


@dataclass(frozen=True)
class LabelTask:
    """x (n, ...) float32; y (n,) classes or (n, p) targets; `truth` is the name of the largest group that holds.

    `action` is what each generator of the true group, in the order of its catalogue entry or of the custom candidate,
    does to labels: permutations c -> action[c] of classes, or p x p matrices of targets. `least` is the least share of
    labels that an element of the other candidates changes, where that was controlled.
    """

    name: str
    x: Array
    y: Array
    task: str
    candidates: list[dict[str, Any]]
    truth: str
    action: Maps
    least: float | None = None
    groups: Array | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def chirality(n: int = 2000, seed: int = 0, side: int = 14, family: str = "energy") -> LabelTask:
    """Two classes of noise images, left- and right-handed: turns keep the class, mirrors exchange it.

    y: whether the mean over D4 of det(g) F(g x) is positive, with F a functional of two random filters as in
    `benchmarks.planted_images`. Truth: D4, mirrors exchange the classes.
    """
    rng = np.random.default_rng([seed, 101])
    x = rng.standard_normal((n, side, side)).astype(np.float32)
    filters = _filters(rng)
    value = np.mean(
        [round(np.linalg.det(g)) * FAMILIES[family](*responses(turned(x, g), filters)) for g in group_elements("D4")],
        axis=0,
    )
    candidates = [{"group": "D4", "labels": "permutation"}]
    return LabelTask("chirality", x, (value > 0).astype(np.int64), "classification", candidates, "D4", [[0, 1], [1, 0]])


def quarter_turns(n: int = 2000, seed: int = 0, side: int = 14, flips: float = 0.2) -> LabelTask:
    """Four classes of noise images that a quarter turn permutes cyclically, and mirrors do not permute.

    y = argmax over k of F(r^-k x), F the energy of a random filter's response: y(r x) = y(x) + 1. A draw counts only
    when every mirror, with the best permutation of the classes, changes at least `flips` of the labels. Truth: C4.
    """
    rng = np.random.default_rng([seed, 102])
    turns = [rotation(-90.0 * k) for k in range(4)]
    for _ in range(100):
        x = rng.standard_normal((n, side, side)).astype(np.float32)
        filters = _filters(rng)

        def label(images: Array, filters: Array = filters) -> Array:
            energies = [FAMILIES["energy"](*responses(turned(images, r), filters)) for r in turns]
            return np.asarray(np.argmax(energies, axis=0))

        y = label(x)
        mirrors = [g for g in group_elements("D4") if np.linalg.det(g) < 0]
        least = min(1.0 - best_agreement(y, label(turned(x, m)), 4) for m in mirrors)
        if least >= flips:
            cycle = [int(c) for c in _map_of(y, label(turned(x, rotation(90.0))), 4)]
            candidates = [{"group": "D4", "labels": "permutation"}]
            return LabelTask("quarter turns", x, y.astype(np.int64), "classification", candidates, "C4", [cycle], least)
    raise RuntimeError("no draw of filters breaks every mirror firmly enough")


def gradients(n: int = 2000, seed: int = 0, side: int = 14, slope: float = 0.12) -> LabelTask:
    """Noise images on a ramp of brightness that rises to the right, down, left or up: the class says where to.

    The whole square group permutes the four directions. Truth: D4.
    """
    rng = np.random.default_rng([seed, 103])
    y = rng.integers(4, size=n)
    along = np.arange(side) - (side - 1) / 2
    towards = np.stack([rotation(90.0 * k) @ np.array([1.0, 0.0]) for k in range(4)])[y]
    ramp = towards[:, 0, None, None] * along[None, None, :] + towards[:, 1, None, None] * along[None, :, None]
    x = (rng.standard_normal((n, side, side)) + slope * ramp).astype(np.float32)
    x -= x.mean((1, 2), keepdims=True)
    quarter, mirror = [1, 2, 3, 0], [2, 1, 0, 3]
    candidates = [{"group": "D4", "labels": "auto", "translations": False}]
    return LabelTask("gradients", x, y.astype(np.int64), "classification", candidates, "D4", [quarter, mirror])


def heavier_side(n: int = 1000, seed: int = 0, items: int = 6, noise: float = 0.2) -> LabelTask:
    """Weights on a balance: does it tip to the right? Reading the weights backwards exchanges the answers.

    x: log-normal weights at `items` even places about the pivot; y: the sign of the torque with noise.
    """
    rng = np.random.default_rng([seed, 104])
    x = rng.lognormal(0.0, 0.6, size=(n, items)).astype(np.float32)
    arms = np.arange(items) - (items - 1) / 2
    torque = x @ arms + noise * rng.standard_normal(n)
    backwards = {"group": "custom", "name": "reversal", "generators": [list(range(items))[::-1]], "labels": "auto"}
    return LabelTask(
        "heavier side", x, (torque > 0).astype(np.int64), "classification", [backwards], "reversal", [[1, 0]]
    )


def turning_target(n: int = 600, seed: int = 0, noise: float = 0.1) -> LabelTask:
    """A force in the plane from two vectors a, b: y = a (a.b) / (1 + a.a) + b / 2 + noise, which turns as they do."""
    rng = np.random.default_rng([seed, 105])
    x = rng.standard_normal((n, 4)).astype(np.float32)
    a, b = x[:, :2], x[:, 2:]
    y = a * ((a * b).sum(1) / (1.0 + (a * a).sum(1)))[:, None] + 0.5 * b
    y = y + noise * rng.standard_normal(y.shape)
    candidates = [{"group": "D4", "on": [[0, 1], [2, 3]], "labels": "auto"}]
    quarter, mirror = [[0.0, -1.0], [1.0, 0.0]], [[-1.0, 0.0], [0.0, 1.0]]
    return LabelTask("turning target", x, y, "regression", candidates, "D4", [quarter, mirror])


def signed_area(n: int = 600, seed: int = 0, noise: float = 0.1) -> LabelTask:
    """The signed area that two plane vectors span: turns keep it, mirrors change its sign."""
    rng = np.random.default_rng([seed, 106])
    x = rng.standard_normal((n, 4)).astype(np.float32)
    y = (x[:, 0] * x[:, 3] - x[:, 1] * x[:, 2])[:, None] + noise * rng.standard_normal((n, 1))
    candidates = [{"group": "D4", "on": [[0, 1], [2, 3]], "labels": "auto"}]
    return LabelTask("signed area", x, y, "regression", candidates, "D4", [[[1.0]], [[-1.0]]])


def exchanged_targets(n: int = 600, seed: int = 0, noise: float = 0.1) -> LabelTask:
    """Three targets y_i = x_i^2 - x_i x_(i+1) + noise: a cyclic shift of the inputs shifts the targets."""
    rng = np.random.default_rng([seed, 107])
    x = rng.standard_normal((n, 3)).astype(np.float32)
    y = x**2 - x * np.roll(x, -1, axis=1) + noise * rng.standard_normal((n, 3))
    y -= y.mean(0)
    candidates = [{"group": "Z_n", "labels": "auto"}]
    shift = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    return LabelTask("exchanged targets", x, y, "regression", candidates, "Z_n", [shift])


def waveforms(data: Path, n: int | None = None, seed: int = 0) -> LabelTask:
    """UCI waveform (columns 0 to 20 of `waveform40.npz`): reading the wave backwards exchanges two of three classes."""
    x, y = _stored(data / "waveform40.npz", n, seed)
    backwards = {"group": "custom", "name": "time reversal", "generators": [list(range(21))[::-1]]}
    candidates = [backwards | {"labels": "permutation"}]
    return LabelTask("waveforms", x[:, :21], y, "classification", candidates, "time reversal", [[0, 2, 1]])


def stereocentres(data: Path, n: int | None = None, seed: int = 0) -> LabelTask:
    """R and S of `stereocentres.npz` from the first three bond vectors: turns keep the class, mirrors exchange it."""
    x, y = _stored(data / "stereocentres.npz", n, seed)
    with np.load(data / "stereocentres.npz", allow_pickle=False) as held:
        groups = held["mol"][_rows(len(held["y"]), n, seed)]
    candidates = [{"group": "O(3)", "on": [[0, 1, 2], [3, 4, 5], [6, 7, 8]], "labels": "auto"}]
    vectors = x[:, :3].reshape(len(x), 9)
    return LabelTask("stereocentres", vectors, y, "classification", candidates, "O(3)", [[0, 1], [1, 0]], groups=groups)


PLANTED: dict[str, Callable[[int, int], LabelTask]] = {
    "chirality": chirality,
    "quarter turns": quarter_turns,
    "gradients": gradients,
    "heavier side": heavier_side,
    "turning target": turning_target,
    "signed area": signed_area,
    "exchanged targets": exchanged_targets,
}
REAL: dict[str, Callable[[Path, int | None, int], LabelTask]] = {
    "waveforms": waveforms,
    "stereocentres": stereocentres,
}


def best_agreement(y: Array, moved: Array, classes: int) -> float:
    """Share of samples on which `moved` is the image of `y` under the best permutation of the classes."""
    return float((_map_of(y, moved, classes)[y] == moved).mean())


def _map_of(y: Array, moved: Array, classes: int) -> NDArray[np.int64]:
    counts = np.zeros((classes, classes))
    np.add.at(counts, (y, moved), 1.0)
    return np.asarray(linear_sum_assignment(-counts)[1], dtype=np.int64)


def _filters(rng: np.random.Generator) -> Array:
    filters = rng.standard_normal((2, 1, 5, 5)).astype(np.float32)
    return filters - filters.mean((2, 3), keepdims=True)


def _stored(path: Path, n: int | None, seed: int) -> tuple[Array, Array]:
    with np.load(path, allow_pickle=False) as held:
        rows = _rows(len(held["y"]), n, seed)
        return held["x"][rows].astype(np.float32), held["y"][rows].astype(np.int64)


def _rows(total: int, n: int | None, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng([seed, 108]).permutation(total)[: n or total])
