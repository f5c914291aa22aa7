"""The simulations of Christie and Aston (2023, arXiv:2303.13616), examples 6.1 and 6.2, by the service's own evidence.

6.1: y = exp(-|x_1|) + noise of .05, x ~ N(0, 2 I_d). The law is invariant to both axis mirrors of the first two
coordinates and nothing else of D4, so the truth is D2 (the Klein four-group) among the ten subgroups of D4.

6.2: x ~ N(0, 2 I_3), noise of .01; among the turns about six axes of the icosahedron and three axes of coordinates, and
all rotations. f1 = sin |x| (SO(3)), f2 = sin |x_1| + cos |(x_2, x_3)| (turns about the first axis), f3 = sin |x_1| +
.2 x_2 - cos x_3 (none), f4: f2 turned by .1 about the third axis (none, nearly f2's). Steps of 30 degrees stand for all
turns about an axis, where the paper draws random ones.

Searches run without networks, with the Gaussian processes as witnesses (`benchmarks.evidence.vectors`). Writes
`benchmarks/results/christie_aston.json`, where the cells of other runs stay. "Published" is the paper's figure for its
permutation test: figure 5 for 6.1, the authors' stored results for 6.2 (lchristie/estimating_symmetries, 100 runs a
cell).

    python -m benchmarks.evidence.christie_aston [--runs 200] [--processes 2] [--examples 6.1,6.2] [--sizes 20,50,...]
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evidence.vectors import planned, search

Array = NDArray[Any]
RESULTS = Path(__file__).parents[1] / "results" / "christie_aston.json"
FIRST = ((2, "D2"), (4, "D2"))
SECOND = ((1, "SO(3)"), (2, "turns about x0"), (3, "E"), (4, "E"))
PUBLISHED = {
    ("6.1", 2): {20: 0.0, 50: 0.585, 100: 0.935, 200: 0.95},
    ("6.1", 4): {20: 0.0, 50: 0.005, 100: 0.21, 200: 0.9},
    ("6.2", 1): {20: 1.0, 50: 1.0, 100: 1.0, 200: 1.0},
    ("6.2", 2): {20: 0.0, 50: 0.6, 100: 1.0, 200: 1.0},
    ("6.2", 3): {20: 0.0, 50: 0.0, 100: 0.95, 200: 1.0},
    ("6.2", 4): {20: 0.0, 50: 0.0, 100: 0.05, 200: 0.87},
}
_GOLD = (1.0 + math.sqrt(5.0)) / 2.0
_AXES = {
    "(0,1,φ)": (0, 1, _GOLD),
    "(0,1,-φ)": (0, 1, -_GOLD),
    "(1,φ,0)": (1, _GOLD, 0),
    "(1,-φ,0)": (1, -_GOLD, 0),
    "(φ,0,1)": (_GOLD, 0, 1),
    "(φ,0,-1)": (_GOLD, 0, -1),
    "x0": (1, 0, 0),
    "x1": (0, 1, 0),
    "x2": (0, 0, 1),
}


def turn(axis: tuple[float, float, float], angle: float) -> Array:
    """The rotation about an axis (Rodrigues)."""
    u = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0.0, -u[2], u[1]], [u[2], 0.0, -u[0]], [-u[1], u[0], 0.0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * cross @ cross)


def _second_function(scenario: int, x: Array) -> Array:
    if scenario == 1:
        return np.asarray(np.sin(np.linalg.norm(x, axis=1)))
    if scenario == 3:
        return np.asarray(np.sin(np.abs(x[:, 0])) + 0.2 * x[:, 1] - np.cos(x[:, 2]))
    if scenario == 4:
        x = x @ turn((0, 0, 1), 0.1).T
    return np.asarray(np.sin(np.abs(x[:, 0])) + np.cos(np.hypot(x[:, 1], x[:, 2])))


def plan_of(example: str, which: int) -> dict[str, Any]:
    """The plan of 6.1 in `which` dimensions, or of 6.2."""
    if example == "6.1":
        return planned([{"group": "D4", "on": [0, 1]}], which, "regression")[1]
    circles = [
        {"group": "custom", "name": f"turns about {name}", "generators": [turn(axis, math.pi / 6).tolist()]}
        for name, axis in _AXES.items()
    ]
    return planned([*circles, {"group": "SO(n)", "on": [[0, 1, 2]]}], 3, "regression", subgroups=False)[1]


def sample(example: str, which: int, n: int, seed: int) -> tuple[Array, Array]:
    """(x (n, d), y (n, 1)) float32."""
    rng = np.random.default_rng([seed, round(10 * float(example)), which, n])
    d = which if example == "6.1" else 3
    x = rng.normal(0.0, math.sqrt(2.0), (n, d))
    y = np.exp(-np.abs(x[:, 0])) if example == "6.1" else _second_function(which, x)
    y = y + rng.normal(0.0, 0.05 if example == "6.1" else 0.01, n)
    return x.astype(np.float32), y.astype(np.float32)[:, None]


def run(seed: int, *, example: str, which: int, truth: str, n: int) -> dict[str, Any]:
    """One simulated data set: the best group, its posterior, the confidence, and what was wrongly certified."""
    torch.set_num_threads(1)
    plan = plan_of(example, which)
    x, y = sample(example, which, n, seed)
    ranking, _ = search(x, y, plan, task="regression", classes=None, seed=seed)
    true = next(set(node["classes"]) for node in plan["nodes"] if node["name"] == truth)
    wrong = [
        row["evidence"]["name"]
        for row in ranking["rows"]
        if row["verdict"] == "certified" and not set(plan["nodes"][row["position"]]["classes"]) <= true
    ]
    best = ranking["rows"][0]
    return {
        "best": best["evidence"]["name"],
        "verdict": best["verdict"],
        "posterior": best["posterior"],
        "confidence": ranking["confidence"],
        "wrong": wrong,
    }


def cell(rows: list[dict[str, Any]], *, example: str, which: int, truth: str, n: int, seconds: float) -> dict[str, Any]:
    """The summary of a cell's runs."""
    sure = [r for r in rows if r["posterior"] > 0.97]
    return {
        "example": example,
        "d" if example == "6.1" else "scenario": which,
        "truth": truth,
        "n": n,
        "runs": len(rows),
        "exact": sum(r["best"] == truth for r in rows) / len(rows),
        "published": PUBLISHED[example, which].get(n),
        "answers": dict(Counter(r["best"] for r in rows).most_common()),
        "mean_posterior": float(np.mean([r["posterior"] for r in rows])),
        "mean_confidence": float(np.mean([r["confidence"] for r in rows])),
        "above_97": len(sure),
        "above_97_exact": sum(r["best"] == truth for r in sure),
        "falsely_certified": sum(bool(r["wrong"]) for r in rows),
        "first_row_falsely_certified": sum(r["best"] in r["wrong"] for r in rows),
        "seconds": seconds,
    }


def _key(cell: dict[str, Any]) -> tuple[str, int, int]:
    """What tells a cell from the others in the file: example, dimension or scenario, n."""
    return cell["example"], cell.get("d") or cell["scenario"], cell["n"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--examples", default="6.1,6.2")
    parser.add_argument("--sizes", default="20,50,100,200")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    cells = json.loads(options.output.read_text())["cells"] if options.output.exists() else []
    print(
        f"{'':12} {'n':>4} {'exact':>6} {'published':>9} {'posterior':>9} {'> .97':>9} {'certified wrong':>15} {'s':>5}"
    )
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for example in options.examples.split(","):
            for n in map(int, options.sizes.split(",")):
                for which, truth in FIRST if example == "6.1" else SECOND:
                    facts = {"example": example, "which": which, "truth": truth, "n": n}
                    started = time.monotonic()
                    rows = list(pool.map(partial(run, **facts), range(options.runs), chunksize=4))
                    c = cell(rows, **facts, seconds=time.monotonic() - started)
                    cells = sorted([*(old for old in cells if _key(old) != _key(c)), c], key=_key)
                    options.output.parent.mkdir(exist_ok=True)
                    options.output.write_text(json.dumps({"cells": cells}, indent=1) + "\n")
                    name = f"6.1, d = {which}" if example == "6.1" else f"6.2, f{which}"
                    sure = f"{c['above_97_exact']}/{c['above_97']}"
                    published = "" if c["published"] is None else f"{c['published']:.3f}"
                    print(
                        f"{name:12} {n:4} {c['exact']:6.3f} {published:>9} {c['mean_posterior']:9.3f} {sure:>9} "
                        f"{c['falsely_certified']:18} {c['seconds']:5.0f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
