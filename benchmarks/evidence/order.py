"""What the order of candidates saves where a search may stop early: trainings until everything is settled.

    python -m benchmarks.evidence.order [--tasks 7]

Every candidate of a planted search is trained once. What a search would have trained is then read off: a candidate's
network does not depend on the order, only whether it is trained at all does. Compared are plan order, the order of
`workers.stopping.most_telling_first`, and the mean of random orders; `T` comes first in all of them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evidence.lattice import firm
from benchmarks.evidence.runner import Settings, facts, planned, stored_job
from benchmarks.planted_images import TRUTHS
from workers.stopping import most_telling_first, spared
from workers.training import run_trial

RESULTS = Path(__file__).parents[1] / "results" / "evidence_order.json"
TASKS = [(1000, "C2"), (1000, "C4"), (1000, "D1"), (1000, "D1a"), (1000, "D2d"), (1500, "C4"), (1500, "D2")]
SETTINGS = Settings(epochs=15, folds=2, stopping="settled")
RANDOM_ORDERS = 20
Order = Callable[[dict[str, Any], list[int]], list[int]]


def trained(job: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Every candidate, none spared."""
    trials = []
    for position in range(len(job["plan"]["nodes"])):
        out = folder / str(position)
        out.mkdir()
        metrics = run_trial({**job, "position": position, "done": []}, out, lambda _fraction, _message: None)
        arrays = {f.name: str(f) for f in out.iterdir()}
        trials.append({"position": position, "state": "done", "metrics": metrics, "arrays": arrays})
    return trials


def sequence(job: dict[str, Any], trials: list[dict[str, Any]], order: Order) -> list[str]:
    """The candidates that a search with one worker trains when it takes them in this order."""
    left, done, names = list(range(len(trials))), list[dict[str, Any]](), list[str]()
    while left:
        so_far = {**job, "done": done}
        position = order(so_far, left)[0]
        left.remove(position)
        if spared({**so_far, "position": position}) is None:
            done = [*done, trials[position]]
            names.append(str(job["plan"]["nodes"][position]["name"]))
    return names


def shuffled(seed: int) -> Order:
    rng = np.random.default_rng(seed)
    return lambda job, left: left if not job["done"] else [int(p) for p in rng.permutation(left)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=len(TASKS), help="only the first so many")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    print(f"{'task':14} {'of':>3} {'plan order':>10} {'telling first':>13} {'random':>7}  trained, most telling first")
    for n, truth in TASKS[: options.tasks]:
        seed = TRUTHS.index(truth)
        task = firm(truth, seed, n)
        about, began = facts(task), time.process_time()
        with tempfile.TemporaryDirectory() as name:
            job = stored_job(task, about, planned(task, about), SETTINGS.request(seed), Path(name))
            trials = trained(job, Path(name))
            plan = sequence(job, trials, lambda _job, left: sorted(left))
            telling = sequence(job, trials, most_telling_first)
            random = [len(sequence(job, trials, shuffled(k))) for k in range(RANDOM_ORDERS)]
        rows.append({
            "n": n, "truth": truth, "seed": seed, "candidates": len(trials), "plan_order": plan,
            "telling_first": telling, "random_mean": float(np.mean(random)),
            "cpu_seconds": time.process_time() - began,
        })  # fmt: skip
        counts = f"{len(trials):3} {len(plan):10} {len(telling):13} {np.mean(random):7.1f}"
        print(f"{truth + f', n = {n}':14} {counts}  {', '.join(telling)}", flush=True)
    total = {key: sum(len(r[key]) for r in rows) for key in ("plan_order", "telling_first")}
    total["random"] = round(sum(r["random_mean"] for r in rows), 2)
    print(f"in all: {total}, of {sum(r['candidates'] for r in rows)}")
    options.output.write_text(json.dumps({"searches": rows, "trainings": total}, indent=1) + "\n")


if __name__ == "__main__":
    main()
