"""Real data, with what its makers' descriptions lead to expect; nobody knows the truth to the last element.

The files are not part of the repository: `--data` names their folder. Sets are cut to what a search of two minutes can
take; images are reduced by block means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evidence.runner import Array, Cell, Row, Task
from benchmarks.planted_images import TRUTHS

_BOARD = {
    "group": "custom",
    "name": "D4 of the board",
    "generators": [[6, 3, 0, 7, 4, 1, 8, 5, 2], [2, 1, 0, 5, 4, 3, 8, 7, 6]],
}
_HALF_TURN = ("C2", "C4", "D2", "D2d", "D4")


def answers(first: Sequence[str], never: Sequence[str] = ()) -> Callable[[Row], bool]:
    """A check: the first row is one of `first`, and none of `never` is certified."""
    return lambda row: row["best"] in first and not set(never) & set(row["certified"])


def load(data: Path, name: str) -> dict[str, Array]:
    """The arrays of a file."""
    with np.load(data / f"{name}.npz", allow_pickle=False) as held:
        return {key: held[key] for key in held.files}


def reduced(x: Array, factor: int) -> Array:
    """Block means of images (n, h, w), as float32 in [0, 1]."""
    n, h, w = x.shape
    blocks = x.reshape(n, h // factor, factor, w // factor, factor).astype(np.float32)
    return np.asarray(blocks.mean((2, 4)) / 255.0)


def some(count: int, n: int, seed: int) -> Array:
    """`n` of `count` rows, in order."""
    return np.sort(np.random.default_rng([seed, 31]).permutation(count)[:n])


def boards(truth: str, seed: int, data: Path) -> Task:
    """Tic-tac-toe end games as pictures about the centre."""
    held = load(data, "tic_tac_toe")
    x = held["x"].reshape(-1, 3, 3).astype(np.float32)
    candidates = [{"group": "D4", "translations": False}]
    name = "D4 about the centre"
    return Task(x, held["y"], candidates, name, expected="D4, exactly", check=answers([name]))


def boards_as_vectors(truth: str, seed: int, data: Path) -> Task:
    """The same as nine coordinates, among permutations that are none of the board's."""
    held = load(data, "tic_tac_toe")
    foreign: list[Any] = ["Z9", {"group": "S3", "on": [0, 1, 2]}]
    foreign += [{"group": "S2", "on": pair} for pair in ([0, 1], [0, 4], [1, 3], [2, 6])]
    name = "D4 of the board"
    expected = "the board's eight permutations, no other"
    x = held["x"].astype(np.float32)
    return Task(x, held["y"], [_BOARD, *foreign], name, expected=expected, subgroups=False)


def blood(truth: str, seed: int, data: Path) -> Task:
    """Cells of blood smears, 24 x 24 in colour; pictures of one smear stay together."""
    held = load(data, "blood_cells_bccd")
    rows = np.concatenate([np.flatnonzero(held["y"] == c)[:320] for c in range(3)])
    channels = [reduced(held["x"][rows][..., c], 2) for c in range(3)]
    expected = "D4 or a subgroup that the data suffices for; no mirror or turn refuted"

    def check(row: Row) -> bool:
        return row["best"] == "D4" and "refuted" not in row["verdicts"].values()

    candidates = ["T", "C2", "C4", "D1", "D4"]
    y, smear = held["y"][rows], held["image_id"][rows]
    return Task(np.stack(channels, 1), y, candidates, None, smear, False, expected=expected, check=check)


def textures(truth: str, seed: int, data: Path) -> Task:
    """Brick, grass, gravel: windows of 16 x 16 from the left part to train on, from the right part to test on."""
    held = load(data, "textures_cc0")
    column = held["pos"][:, 1]
    keep = np.flatnonzero((column < 240) | (column >= 272))
    keep = keep[some(len(keep), 1500, seed)]
    x, split = reduced(held["x"][keep], 2), (column[keep] >= 272).astype(np.int64)
    expected = "D4 for the label, though bricks lie one way; the light may break it a little"
    candidates = ["T", "C2", "C4", "D2", "D4"]
    check = answers(["D4", "C4", "D2", "C2"])
    return Task(x, held["y"][keep], candidates, None, None, False, expected=expected, check=check, split=split)


def sprites(truth: str, seed: int, data: Path) -> Task:
    """Which of six shapes, at any place, angle and size: 16 x 16 pixels."""
    held = load(data, "sprites_dn")
    rows = np.flatnonzero(held["y"] < 6)
    rows = rows[some(len(rows), 1500, seed)]
    x = reduced(held["x"][rows], 2)
    candidates = ["T", "C4", "D4", "C8", "SO(2)", "O(2)"]
    check = answers(["O(2)"])
    return Task(x, held["y"][rows], candidates, None, None, False, expected="O(2)", check=check)


def stereocentres(truth: str, seed: int, data: Path) -> Task:
    """R or S from the first three bond vectors."""
    held = load(data, "stereocentres")
    rows = some(len(held["y"]), 1500, seed)
    x = held["x"][rows, :3].reshape(len(rows), 9).astype(np.float32)
    on = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    candidates = [
        {"group": "O(3)", "on": on, "labels": "swap"},
        {"group": "O(3)", "on": on},
        {"group": "SO(3)", "on": on},
    ]
    expected = "O(3) with reflections exchanging R and S"
    return Task(
        x, held["y"][rows], candidates, "O(3) [swap]", held["mol"][rows], False, expected=expected,
        check=answers(["O(3) [swap]"], ["O(3)"]),
    )  # fmt: skip


def waveforms(truth: str, seed: int, data: Path) -> Task:
    """Three classes of waves: reading backwards exchanges two of them; 19 further columns are noise."""
    held = load(data, "waveform40")
    rows = some(len(held["y"]), 2000, seed)
    backwards = {"group": "custom", "generators": [[*range(20, -1, -1), *range(21, 40)]]}
    permuted = {"name": "reversal, classes 1 and 2 exchanged", "labels": "permutation", "label_generators": [[0, 2, 1]]}
    candidates = [
        backwards | permuted,
        backwards | {"name": "reversal"},
        {"group": "S19", "on": list(range(21, 40))},
    ]
    name = "reversal, classes 1 and 2 exchanged [permutation]"
    expected = "reversal with the two classes exchanged, and S19 on the noise, certified; plain reversal refuted"

    def check(row: Row) -> bool:
        right = {name, "S19"} <= set(row["certified"])
        return right and row["verdicts"]["reversal"] == "refuted"

    return Task(held["x"][rows], held["y"][rows], candidates, None, None, False, expected=expected, check=check)


def sixes(truth: str, seed: int, data: Path) -> Task:
    """Sixes, and other sixes upside down."""
    held = load(data, "mnist")
    x = reduced(held["x"][held["y"] == 6][some(5000, 800, seed)], 2)
    x[400:] = x[400:, ::-1, ::-1]
    y = np.repeat([0, 1], 400)
    candidates = [*TRUTHS, {"group": "C2", "labels": "swap"}]
    expected = "the half turn exchanges the classes; no group that keeps them under it is certified"
    check = answers(["C2 [swap]"], _HALF_TURN)
    return Task(x, y, candidates, "C2 [swap]", None, False, expected=expected, check=check)


def digits(truth: str, seed: int, data: Path) -> Task:
    """Handwritten digits, 8 x 8."""
    held = load(data, "digits_8x8")
    x = held["x"].astype(np.float32) / 16.0
    return Task(x, held["y"], TRUTHS, None, expected="no symmetry", check=answers(["T"], TRUTHS[1:]))


def orbits(truth: str, seed: int, data: Path, target: str) -> Task:
    """Two bodies: (places, momenta) to their rates of change, or to the energy. Samples of one orbit stay together."""
    held = load(data, "two_body")
    x = held["x"][:, ::8].reshape(-1, 8)
    orbit = np.repeat(np.arange(200), x.shape[0] // 200)
    blocks = [[0, 2], [1, 3], [4, 6], [5, 7]]
    exchange = {"group": "custom", "name": "exchange", "generators": [[1, 0, 3, 2, 5, 4, 7, 6]]}
    if target == "dx":
        y = held["dx"][:, ::8].reshape(-1, 8)
        candidates = [{"group": "D4", "on": blocks, "labels": "vector"}, exchange | {"labels": "vector"}]
        first = ["C4 [vector]", "D4 [vector]"]
    else:
        y = held["energy"][:, ::8].reshape(-1, 1)
        candidates = [{"group": "D4", "on": blocks}, exchange]
        first = ["C4", "D4"]
    expected = "turns and the exchange of the bodies; mirrors are true but not shown (all orbits turn one way)"
    return Task(x, y, candidates, None, orbit, expected=expected, check=answers(first))


def wallpaper(truth: str, seed: int, data: Path, name: str, first: str) -> Task:
    """The colour of a wallpaper at a place near a centre of symmetry: x (u, v), y three colours."""
    held = load(data, "wallpaper_17")
    picture = held["x"][list(held["name"]).index(name)].astype(np.float32) / 255.0
    centre = (np.array(picture.shape[:2]) - 1) / 2
    i, j = np.indices(picture.shape[:2])
    places = np.stack([(j - centre[1]).ravel(), (centre[0] - i).ravel()], 1) / 20.0
    near = np.flatnonzero((places**2).sum(1) < 4.0)
    near = near[some(len(near), 800, seed)]
    candidates = [{"group": g, "on": [0, 1]} for g in ("D4", "D6")]
    y = picture.reshape(-1, 3)[near]
    return Task(places[near], y, candidates, first, expected=f"{first}, as measured", check=answers([first]))


def cells(data: Path) -> list[Cell]:
    """Every set of the folder, one search each."""
    makers: dict[str, Callable[..., Task]] = {
        "tic-tac-toe, pictures": boards,
        "tic-tac-toe, vectors": boards_as_vectors,
        "stereocentres": stereocentres,
        "waveform40": waveforms,
        "6 and half-turned 6": sixes,
        "digits 8 x 8": digits,
        "two bodies, rates": partial(orbits, target="dx"),
        "two bodies, energy": partial(orbits, target="energy"),
        "wallpaper p4m": partial(wallpaper, name="p4m", first="D4"),
        "wallpaper p3m1": partial(wallpaper, name="p3m1", first="D3"),
        "textures": textures,
        "blood cells": blood,
        "sprites": sprites,
    }
    return [Cell(name, ["real"], partial(make, data=data)) for name, make in makers.items()]
