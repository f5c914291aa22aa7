"""What spectra say of rendered images whose symmetry is known: exact, an honest set that holds the truth, or wrong.

For each truth of `benchmarks.evidence.rendered` one network without symmetry is trained on n pictures (O(2) is posted,
so turns and mirrors are in question), and its spectra are read. Writes `benchmarks/results/spectra.json`.

    python -m benchmarks.evidence.spectra [--n 600,1500] [--seeds 2] [--truths C4,D4] [--epochs 15]
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evidence.rendered import TRUTHS, rendered
from models.groups.plan import plan_search
from workers.ranking import rank_search
from workers.training import run_trial

RESULTS = Path(__file__).parent.parent / "results" / "spectra.json"
TILTED = "D1@5.73", "D4@5.73"  # the mirrors of D1 and D4 turned by .1 rad, which no candidate has
_KEPT = ("groups_supported", "not_told_apart", "reach", "between", "sentence")
_WHOLE = {"SO(2)": ("SO(2)", "C1"), "O(2)": ("SO(2)", "O(2)"), "sector": ("SO(2)", "O(2)"), "range": ("C1", "D1")}


def expected(truth: str) -> dict[str, str]:
    """The groups of turns and of mirrors that a truth has; C1 for none."""
    if truth in _WHOLE:
        turns, mirrors = _WHOLE[truth]
    elif truth.startswith("D"):
        turns, mirrors = "C" + truth[1:].split("@")[0], truth
    else:
        turns, mirrors = ("C1" if truth == "none" else truth), "C1"
    return {"turns": turns, "mirrors": mirrors}


def search(truth: str, n: int, seed: int, epochs: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(spectra, metrics of the trial) of the network without symmetry on n pictures."""
    name, _, axis = truth.partition("@")
    x, y = rendered(name, n, seed, axis=float(axis or 0.0))
    facts: dict[str, Any] = {
        "domain": "image2d",
        "x_shape": x.shape[1:],
        "task": "classification",
        "target_dim": None,
        "classes": int(y.max()) + 1,
    }
    plan = plan_search(["O(2)", "D8"], **facts, include_subgroups=False, max_candidates=8)
    budget = {"max_seconds": 3000, "max_epochs": epochs}
    request = {"folds": 2, "seeds": 1, "seed": seed, "tolerance": 0.05, "budget": budget, "weights": {}}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        np.save(here / "x.npy", x)
        np.save(here / "y.npy", y)
        out = here / "trial"
        out.mkdir()
        dataset = {"x": str(here / "x.npy"), "y": str(here / "y.npy"), "groups": None, "split": None, "n": n, **facts}
        job = {"dataset": dataset, "plan": plan, "request": request, "position": 0, "threads": 1, "device": "cpu"}
        metrics = run_trial(job, out, lambda fraction, message: None)
        arrays = {f.name: str(f) for f in out.iterdir()}
        trial = {"position": 0, "state": "done", "metrics": metrics, "error": None, "arrays": arrays}
        ranking = rank_search({"plan": plan, "request": request, "trials": [trial]})
    return ranking["evidence"]["spectrum"] or [], metrics


def judge(spectrum: dict[str, Any], wanted: str) -> str:
    """`exact`, `honest` (a set that holds the truth), or `wrong`."""
    told_apart = not spectrum["not_told_apart"]
    if told_apart:
        found = (spectrum["groups_supported"] or ["C1"])[-1]
        return "exact" if _same(found, wanted) else "wrong"
    return "honest" if any(_same(g, wanted) for g in spectrum["not_told_apart"]) else "wrong"


def _same(found: str, wanted: str) -> bool:
    """Equal names; a tilted dihedral group with its axis within a degree and a half of the planted one."""
    (group, _, axis), (truth, _, planted) = found.partition("@"), wanted.partition("@")
    if group != truth or bool(axis) != bool(planted):
        return False
    period = 180.0 / int(group[1:]) if axis else 1.0
    return not axis or abs((float(axis) - float(planted) - 90.0 + period / 2) % period - period / 2) <= 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--truths", default=",".join((*TRUTHS, *TILTED)))
    parser.add_argument("--n", default="600,1500")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for n in map(int, options.n.split(",")):
        for truth in options.truths.split(","):
            for seed in range(options.seeds):
                spectra, metrics = search(truth, n, seed, options.epochs)
                row: dict[str, Any] = {"truth": truth, "n": n, "seed": seed, "accuracy": metrics["accuracy"]["mean"]}
                row["share_of_time"] = metrics["spectrum"]["seconds"] / metrics["seconds"]
                for s in spectra:
                    row[s["kind"]] = {
                        "verdict": judge(s, expected(truth)[s["kind"]]),
                        **{
                            key: s[key]
                            for key in ("groups_supported", "not_told_apart", "reach", "between", "sentence")
                        },
                    }
                rows.append(row)
                marks = [f"{k} {row[k]['verdict']}: {row[k]['sentence']}" for k in ("turns", "mirrors") if k in row]
                print(f"{truth:9} {n:5} {seed} {row['accuracy']:.2f} {row['share_of_time']:4.0%}  " + " | ".join(marks),
                      flush=True)  # fmt: skip
                facts = {"machine": platform.processor() or platform.machine(), "epochs": options.epochs}
                options.output.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
    for kind in ("turns", "mirrors"):
        verdicts = [r[kind]["verdict"] if kind in r else "silent" for r in rows]
        print(kind, {name: verdicts.count(name) for name in ("exact", "honest", "wrong", "silent")})


if __name__ == "__main__":
    main()
