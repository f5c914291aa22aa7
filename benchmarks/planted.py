"""Exact recovery of planted symmetries through the HTTP interface.

Each planted set (2,000 images of 14 x 14) is uploaded to a real service and searched over the ten subgroups of D4. A
search is exact when the first row is the planted group; a certificate is false when a group outside the truth is
certified. Writes `benchmarks/results/planted.json`.

    python -m benchmarks.planted [--families energy,texture,detector,conjunction] [--seed 0] [--n 2000]
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planted_images import FAMILIES, TRUTHS, group_elements, plant
from benchmarks.service import Service
from models.groups.finite import element_key

RESULTS = Path(__file__).parent / "results" / "planted.json"


def is_subgroup(name: str, truth: str) -> bool:
    """Whether the point group `name` lies in `truth`."""
    return {element_key(m) for m in group_elements(name)} <= {element_key(m) for m in group_elements(truth)}


def search(service: Service, folder: Path, truth: str, family: str, n: int, seed: int) -> dict[str, Any]:
    """Plant, upload, search; what came back."""
    x, y, least = plant(truth, family, n=n, seed=seed)
    path = folder / f"{family}-{truth}-{seed}.npz"
    np.savez(path, x=x, y=y)
    client = service.client
    dataset = client.upload(path, name=path.stem)
    started = time.monotonic()
    search_id = client.start(dataset, list(TRUTHS))["id"]
    *_, ended = client.follow(search_id)
    if ended["state"] != "done":
        raise RuntimeError(f"the search ended {ended['state']}: {ended['error']}")
    items = client.ranking(search_id)["items"]
    certified = [i["group"] for i in items if i["verdict"] == "certified"]
    return {
        "family": family,
        "truth": truth,
        "n": n,
        "seed": seed,
        "least_flipped": least,
        "best": ended["best"]["group"],
        "posterior": ended["best"]["posterior"],
        "verdict": ended["best"]["verdict"],
        "exact": ended["best"]["group"] == truth,
        "certified": certified,
        "false_certificates": [g for g in certified if not is_subgroup(g, truth)],
        "seconds": time.monotonic() - started,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--families", default="energy")
    parser.add_argument("--truths", default=",".join(TRUTHS))
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    families = options.families.split(",")
    unknown = set(families) - set(FAMILIES)
    if unknown:
        parser.error(f"unknown families: {', '.join(sorted(unknown))}")
    rows: list[dict[str, Any]] = []
    print(f"{'family':12} {'truth':5} {'best':5} {'posterior':>9} {'verdict':12} {'seconds':>7}  certified")
    with tempfile.TemporaryDirectory() as name, Service(Path(name) / "service", embedded_workers=0) as service:
        for family in families:
            for truth in options.truths.split(","):
                row = search(service, Path(name), truth, family, options.n, options.seed)
                rows.append(row)
                mark = " " if row["exact"] else "!"
                print(
                    f"{family:12} {truth:5} {row['best']:5}{mark}{row['posterior']:9.3f} {row['verdict']:12} "
                    f"{row['seconds']:7.0f}  {' '.join(row['certified'])}",
                    flush=True,
                )
    for family in families:
        mine = [r for r in rows if r["family"] == family]
        false = sum(len(r["false_certificates"]) for r in mine)
        print(f"{family}: exact in {sum(r['exact'] for r in mine)} of {len(mine)}, false certificates {false}")
    options.output.parent.mkdir(exist_ok=True)
    facts = {"machine": platform.processor() or platform.machine(), "n": options.n, "seed": options.seed}
    options.output.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
