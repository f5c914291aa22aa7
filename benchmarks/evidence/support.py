"""Does the support test say `shown` where the data shows the moved poses, and `not_shown` where it never does?

Data sets of both kinds, several sizes and elements. `truth` is known by construction or, for photographs, by what the
pictures are: digits and two-body orbits have one pose, blood cells and sprites lie in every pose. A set in which a
tenth or more of the samples are turned counts as shown; upside-down digits are `unclear`, because half of them are
digits too. Writes `benchmarks/results/support.json`.

    python -m benchmarks.evidence.support --data FOLDER [--sizes 200,600,2000]

FOLDER holds mnist.npz, digits_8x8.npz, tic_tac_toe.npz, blood_cells_bccd.npz, sprites_dn.npz, stereocentres.npz and
two_body.npz, with the arrays x, y, and for blood cells image_id, for stereocentres mol.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evidence.rendered import rendered
from models.actions.interpolation import move, similarity
from workers.evidence.support import support
from workers.folds import Array, IntArray, clusters, orbit_links
from workers.samples import Samples

RESULTS = Path(__file__).parents[1] / "results" / "support.json"
TURNS = {"r180": [[-1, 0], [0, -1]], "r90": [[0, -1], [1, 0]], "mx": [[-1, 0], [0, 1]]}


def planar(name: str, coordinates: tuple[int, int] = (0, 1)) -> dict[str, Any]:
    matrix = np.asarray(TURNS[name], dtype=float).tolist()
    return {"matrix": matrix, "coordinates": list(coordinates), "labels": None, "interpolated": False}


def angle(degrees: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def turned(x: Array, degrees: Array) -> Array:
    """Each image (n, 1, h, h) turned by its own angle."""
    steps = np.round(degrees / 6.0).astype(int)
    out = np.empty_like(x)
    for step in np.unique(steps):
        rows = np.flatnonzero(steps == step)
        out[rows] = move(torch.from_numpy(x[rows]), similarity(angle(6.0 * step))).numpy()
    return out


Case = tuple[str, str, str, Array, IntArray | None, dict[str, Any]]


def cases(folder: Path, n: int, rng: np.random.Generator) -> Iterator[Case]:
    """(set, expected status, domain, x, groups, action)."""

    def load(name: str) -> dict[str, Array]:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
            return {key: data[key] for key in data.files}

    def some(x: Array) -> IntArray:
        return np.asarray(rng.permutation(len(x))[:n])

    board = load("tic_tac_toe")["x"]
    rows = some(board)
    yield "tic-tac-toe, 9 cells", "shown", "vector", board[rows].astype(np.float32), None, {
        "permutation": [6, 3, 0, 7, 4, 1, 8, 5, 2], "coordinates": list(range(9)), "labels": None}  # fmt: skip
    for element in ("r90", "mx"):
        noise = rng.standard_normal((n, 1, 14, 14)).astype(np.float32)
        yield f"white noise 14x14, {element}", "shown", "image2d", noise, None, planar(element)
    cells = load("blood_cells_bccd")
    rows = some(cells["x"])
    grey = cells["x"][rows].mean(-1)[:, None, ::2, ::2].astype(np.float32) / 255
    for element in ("r90", "mx"):
        yield f"blood cells, {element}", "shown", "image2d", grey, cells["image_id"][rows], planar(element)
    sprites = load("sprites_dn")["x"]
    yield "sprites, r90", "shown", "image2d", sprites[some(sprites)][:, None] / np.float32(255), None, planar("r90")
    mnist = load("mnist")["x"]
    digits = mnist[some(mnist)][:, None].astype(np.float32) / 255
    everywhere = turned(digits, rng.uniform(0, 360, len(digits)))
    yield "MNIST turned at random, r90", "shown", "image2d", everywhere, None, planar("r90")
    for share in (0.2, 0.1):
        few = np.where(rng.random((len(digits), 1, 1, 1)) < share, digits[..., ::-1, ::-1], digits)
        yield f"MNIST, {share:.0%} upside down, r180", "shown", "image2d", few, None, planar("r180")
    sector = turned(digits, rng.uniform(-30, 30, len(digits)))
    for element in ("r180", "r90"):
        truth = "unclear" if element == "r180" else "not_shown"  # half of the digits are others upside down: 0 1 8 6 9
        yield f"MNIST, {element}", truth, "image2d", digits, None, planar(element)
        yield f"MNIST within 30 degrees, {element}", truth, "image2d", sector, None, planar(element)
        small = load("digits_8x8")["x"]
        small = small[some(small)][:, None].astype(np.float32)
        yield f"digits 8x8, {element}", truth, "image2d", small, None, planar(element)
        blobs = rendered("sector", n, 1)[0]
        yield f"blobs within 30 degrees, {element}", "not_shown", "image2d", blobs, None, planar(element)
    yield "blobs at every angle, r90", "shown", "image2d", rendered("SO(2)", n, 1)[0], None, planar("r90")
    plane = np.mgrid[:16, :16] - 7.5
    for spread, expected in ((30.0, "not_shown"), (180.0, "shown")):
        t = np.radians(rng.uniform(-spread, spread, n))[:, None, None]
        wave = np.cos(1.2 * (plane[0] * np.cos(t) + plane[1] * np.sin(t)) + rng.uniform(0, 6.28, (n, 1, 1)))
        wave += 0.3 * rng.standard_normal(wave.shape)
        where = "within 30 degrees" if spread == 30.0 else "at every angle"
        yield f"stripes {where}, r90", expected, "image2d", wave[:, None].astype(np.float32), None, planar("r90")
    for d in (2, 4, 10):
        normal = rng.standard_normal((n, d)).astype(np.float32)
        yield f"normal vectors, d = {d}, r90", "shown", "vector", normal, None, planar("r90")
        t = rng.uniform(-np.pi / 6, np.pi / 6, n)
        radius = rng.uniform(1, 2, n)
        normal = normal.copy()
        normal[:, :2] = np.stack([radius * np.cos(t), radius * np.sin(t)], 1)
        for element in ("r90", "r180"):
            yield f"sector of 30 degrees, d = {d}, {element}", "not_shown", "vector", normal, None, planar(element)
    bonds = load("stereocentres")
    rows = some(bonds["x"])
    vectors = bonds["x"][rows].reshape(len(rows), -1).astype(np.float32)
    c = {
        "matrix": np.kron(np.eye(4), np.diag([-1.0, -1.0, 1.0])).tolist(),
        "coordinates": list(range(12)),
        "labels": None,
    }
    yield "stereocentres, half turn", "shown", "vector", vectors, bonds["mol"][rows], c
    orbits = load("two_body")
    x = orbits["x"].reshape(-1, 8)
    rows = some(x)
    flip = {"matrix": np.diag([1.0] * 4 + [-1.0] * 4).tolist(), "coordinates": list(range(8)), "labels": None}
    owner = np.repeat(np.arange(200), 50)[rows]
    yield "two-body orbits, time reversed", "not_shown", "vector", x[rows].astype(np.float32), owner, flip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", default="200,600,2000")
    options = parser.parse_args()
    rows = []
    for n in map(int, options.sizes.split(",")):
        for name, truth, domain, x, groups, action in cases(options.data, n, np.random.default_rng(n)):
            y = np.zeros(len(x), dtype=np.int64)
            images = action["permutation"] if "permutation" in action else None
            links = orbit_links(x, y, [(x[:, np.argsort(images)], y)], True) if images else []
            samples = Samples(x, y, True, 2, clusters(x, groups, links), [], [], np.zeros(2), np.ones(2))
            started = time.monotonic()
            found = support(samples, {"interpolated": False, **action}, domain)
            row = {"set": name, "n": len(x), "truth": truth, **found, "seconds": time.monotonic() - started}
            rows.append(row)
            wrong = "" if found["status"] == truth else "  unclear" if found["status"] == "unclear" else "  WRONG"
            print(
                f"{name:38} {len(x):5} {truth:9} overlap {found['overlap']:.2f} coverage {found['coverage']:.2f} "
                f"p {found['p_value']:.0e} {row['seconds']:.2f} s{wrong}",
                flush=True,
            )
    RESULTS.parent.mkdir(exist_ok=True)
    kinds = ("shown", "unclear", "not_shown")
    by = {t: [r["status"] for r in rows if r["truth"] == t] for t in kinds}
    counts = {t: {s: found.count(s) for s in kinds} for t, found in by.items()}
    print(json.dumps(counts))
    RESULTS.write_text(json.dumps({"counts": counts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
