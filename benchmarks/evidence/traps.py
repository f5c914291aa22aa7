"""Data sets made to mislead, each with what must come out."""

from __future__ import annotations

import numpy as np

from benchmarks.evidence.lattice import SIDE
from benchmarks.evidence.runner import Array, Cell, Row, Task
from benchmarks.planted_images import TRUTHS, plant

_PLANE = [{"group": "D4", "on": [0, 1]}]
_FEW = ("T", "C2", "C4", "D1", "D4")


def nothing_certified(row: Row) -> bool:
    """No group that asks for a symmetry is certified."""
    return all(name in ("T", "E") for name in row["certified"])


def mirror_trap(truth: str, seed: int) -> Task:
    """Class 1 is made of mirror images of class 0: an invariant network is right in exactly half of the cases.

    A handed glyph (an F of 5 x 4) at a random place, in a random quarter turn, under noise.
    """
    rng = np.random.default_rng([seed, 21])
    glyph = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]], float)
    n = 1000
    x, y = rng.normal(0, 0.25, (n, SIDE, SIDE)), rng.integers(0, 2, n)
    for image, label in zip(x, y, strict=True):
        shape = np.rot90(glyph[:, ::-1] if label else glyph, rng.integers(4))
        row, column = rng.integers(0, SIDE - shape.shape[0] + 1), rng.integers(0, SIDE - shape.shape[1] + 1)
        image[row : row + shape.shape[0], column : column + shape.shape[1]] += shape
    candidates = [*_FEW, {"group": "D4", "labels": "swap"}]
    expected = "D4 with swapped labels; no mirror that keeps labels is certified"
    return Task(x, y, candidates, "D4 [swap]", subgroups=False, expected=expected)


def sector(truth: str, seed: int) -> Task:
    """Stripes within 20 degrees of upright, fine or coarse: a quarter turn is never shown."""
    rng = np.random.default_rng([seed, 22])
    n, side = 1000, 16
    y = rng.integers(0, 2, n)
    angle, phase = np.radians(rng.uniform(-20, 20, n)), rng.uniform(0, 2 * np.pi, n)
    wave = np.where(y == 1, 1.5, 0.9) + rng.normal(0, 0.1, n)
    i, j = np.mgrid[:side, :side] - (side - 1) / 2
    along = np.cos(angle)[:, None, None] * j + np.sin(angle)[:, None, None] * i
    x = np.sin(wave[:, None, None] * along + phase[:, None, None]) + rng.normal(0, 0.1, (n, side, side))
    expected = "groups with a quarter turn are untested, not certified and not refuted"

    def check(row: Row) -> bool:
        return all(row["verdicts"][name] == "untested" for name in ("C4", "D4"))

    return Task(x, y, ["T", "C2", "C4", "D2", "D4"], None, subgroups=False, expected=expected, check=check)


def no_signal(truth: str, seed: int) -> Task:
    """Labels thrown by a coin."""
    rng = np.random.default_rng([seed, 23])
    x, y = rng.standard_normal((600, SIDE, SIDE)), rng.integers(0, 2, 600)

    def check(row: Row) -> bool:
        return not row["certified"] and all(v == "undetermined" for v in row["verdicts"].values())

    expected = "every verdict is undetermined"
    return Task(x, y, _FEW, None, subgroups=False, expected=expected, check=check)


def leaked(truth: str, seed: int) -> Task:
    """Labels thrown by a coin, every sample four times over with a little noise: memory looks like signal."""
    rng = np.random.default_rng([seed, 24])
    x, y = rng.standard_normal((250, SIDE, SIDE)), rng.integers(0, 2, 250)
    copies = [x] + [x + rng.normal(0, 0.01, x.shape) for _ in range(3)]

    def check(row: Row) -> bool:
        warned = any(word in w.lower() for w in row["warnings"] for word in ("duplicate", "copies", "near-identical"))
        return warned and nothing_certified(row)

    expected = "a warning about duplicates; no symmetry certified"
    return Task(np.concatenate(copies), np.tile(y, 4), _FEW, None, subgroups=False, expected=expected, check=check)


def between_axes(truth: str, seed: int) -> Task:
    """One mirror, .1 rad off every candidate's axis: no candidate but E is true."""
    rng = np.random.default_rng([seed, 25])
    n, angle = 600, 0.1
    x = rng.normal(0, np.sqrt(2.0), (n, 2))
    margin, value = _between(x, angle)
    y = value + rng.normal(0, 0.05, n)
    expected = "no symmetry certified; an axis between the candidates' named"

    def check(row: Row) -> bool:
        return nothing_certified(row) and any(s["between"] for s in row["spectra"])

    return Task(x, y, _PLANE, "E", margin=margin, expected=expected, check=check)


def _between(x: Array, angle: float) -> tuple[float, Array]:
    """(least share of the variance that an element of D4 changes, targets): mirrored in the axis at `angle` alone."""

    def value(points: Array) -> Array:
        u, v = np.cos(angle), np.sin(angle)
        along, across = points @ np.array([u, v]), points @ np.array([-v, u])
        return np.asarray(np.exp(-np.abs(across)) + 0.5 * np.tanh(2 * along) * np.exp(-np.abs(across)))

    plain = value(x)
    mirror, turn = np.diag([1.0, -1.0]), np.array([[0.0, -1.0], [1.0, 0.0]])
    elements = [np.linalg.matrix_power(turn, k) @ m for k in range(4) for m in (np.eye(2), mirror)][1:]
    return min(float(((value(x @ g.T) - plain) ** 2).mean() / (2 * plain.var())) for g in elements), plain


def heavy_tails(truth: str, seed: int) -> Task:
    """Christie and Aston's 6.1 with noise from a t distribution of two degrees of freedom."""
    rng = np.random.default_rng([seed, 26])
    x = rng.normal(0, np.sqrt(2.0), (400, 2))
    y = np.exp(-np.abs(x[:, 0])) + 0.1 * rng.standard_t(2, 400)
    return Task(x, y, _PLANE, "D2", expected="D2, or not told apart from it; nothing false certified")


def mislabelled(truth: str, seed: int) -> Task:
    """A planted group with one label in a hundred thrown over."""
    x, y, margin = plant(truth, "energy", n=2000, side=SIDE, seed=900 + seed)
    rng = np.random.default_rng([seed, 27])
    wrong = rng.permutation(len(y))[:20]
    y[wrong] = 1 - y[wrong]
    return Task(x, y, TRUTHS, truth, margin=margin, expected="the planted group; nothing false certified")


def imbalanced(truth: str, seed: int) -> Task:
    """Fifty samples of one class for each of the other: bars in noise, upright or lying."""
    rng = np.random.default_rng([seed, 28])
    n, rare = 3060, 60
    y = np.zeros(n, dtype=np.int64)
    y[:rare] = 1
    x = rng.normal(0, 0.4, (n, SIDE, SIDE))
    for image, label in zip(x, y, strict=True):
        place = rng.integers(1, SIDE - 1)
        start = rng.integers(0, SIDE - 7)
        if label:
            image[start : start + 8, place] += 1.0
        else:
            image[place, start : start + 8] += 1.0
    expected = "D2 (a quarter turn exchanges the bars); nothing false certified"
    return Task(x, y, ["T", "C2", "D1", "D2", "D4"], "D2", subgroups=False, expected=expected)


CELLS = [
    Cell("mirror images as classes", ["D4 [swap]"], mirror_trap),
    Cell("a sector of angles", ["?"], sector),
    Cell("no signal", ["?"], no_signal),
    Cell("leaked duplicates", ["?"], leaked),
    Cell("axis between the candidates", ["E"], between_axes),
    Cell("heavy-tailed noise", ["D2"], heavy_tails),
    Cell("1 % mislabelled", ["C2"], mislabelled),
    Cell("50 : 1 classes", ["D2"], imbalanced),
]
