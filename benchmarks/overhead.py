"""How much of a search is not training: wall time against the seconds spent in `run_trial`.

A small search (four candidates, seconds each) and a middling one (the ten subgroups of D4 on 14 x 14 images), on the
embedded backends. "before" runs from the request to the first claim, "training" adds up the trials' own seconds,
"between" is what lies between them, "ranking" runs from the last trial to the ranking. Writes
`benchmarks/results/overhead.json`.

    python -m benchmarks.overhead
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kill import events, write_data
from benchmarks.service import Service
from erlangen_client import Client

RESULTS = Path(__file__).parent / "results" / "overhead.json"
D4_SUBGROUPS = ["T", "C2", "C4", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D4"]
PARTS = ("wall", "training", "before", "between", "ranking")


def write_images(path: Path, n: int = 600) -> None:
    """Blobs of 14 x 14 pixels whose class says whether their upper half is the brighter one."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 14, 14)).astype(np.float32)
    np.savez(path, x=x, y=(x[:, :7].sum((1, 2)) > x[:, 7:].sum((1, 2))).astype(np.int64))


def measure(service: Service, request: dict[str, Any]) -> dict[str, float]:
    """Seconds of one search by what they were spent on."""
    client: Client = service.client
    search_id = client.start(**request)["id"]
    *_, ended = client.follow(search_id)
    if ended["state"] != "done":
        raise RuntimeError(f"the search ended {ended['state']}: {ended['error']}")
    log = events(service, search_id)
    trials = [data for kind, data in log if kind == "trial"]
    first = _moment(next(data["at"] for data in trials if data["state"] == "running"))
    last = _moment([data["at"] for data in trials if data["state"] == "done"][-1])
    began, finished = _moment(ended["created_at"]), _moment(ended["finished_at"])
    items = client.ranking(search_id)["items"]
    training = sum(client.candidate(item["candidate_id"])["metrics"]["seconds"] for item in items)
    return {
        "wall": finished - began,
        "training": training,
        "before": first - began,
        "between": last - first - training,
        "ranking": finished - last,
    }


def _moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    print(f"{'search':22}" + "".join(f"{part:>10}" for part in PARTS) + f"{'overhead':>10}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_data(folder / "points.npz")
        write_images(folder / "images.npz")
        with Service(folder / "service", worker_threads=1) as service:
            points, images = (service.client.upload(folder / f"{name}.npz")["id"] for name in ("points", "images"))
            small = {
                "dataset": points,
                "candidates": ["E", "C2", "D1", "D2"],
                "include_subgroups": False,
                "folds": 2,
                "budget": {"max_epochs": 5, "max_seconds": 600},
            }
            middling = {
                "dataset": images,
                "candidates": D4_SUBGROUPS,
                "include_subgroups": False,
                "folds": 2,
                "budget": {"max_epochs": 8, "max_seconds": 1200},
            }
            for name, request in (("small, cold trainer", small), ("small", small), ("middling", middling)):
                parts = measure(service, request)
                results[name] = parts | {"overhead_share": 1 - parts["training"] / parts["wall"]}
                shown = "".join(f"{parts[part]:>8.2f} s" for part in PARTS)
                print(f"{name:22}{shown}{results[name]['overhead_share']:>10.1%}", flush=True)
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
