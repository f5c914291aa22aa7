"""What spectra say of rendered images whose symmetry is known: exact, an honest set that holds the truth, or wrong.

For each truth of `benchmarks.evidence.rendered` networks without symmetry are trained on n pictures (O(2) is posted, so
turns and mirrors are in question), and their spectra are read. Writes `benchmarks/results/spectra.json`.

    python -m benchmarks.evidence.spectra [--n 600,1000] [--seeds 1] [--truths C4,D4] [--epochs 15]
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.evidence.rendered import TRUTHS, rendered
from models.groups.plan import plan_search
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.planned import planned_config
from models.networks.standardise import standardise
from workers.evidence.curves import found_curves, spectra_at
from workers.fitting import FitOptions, Fitted, fit
from workers.folds import IntArray
from workers.samples import Samples, constant_losses, load_samples
from workers.spectra import write_spectra
from workers.witnesses import Predictor, bits, fold_predictors

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


def search(truth: str, n: int, seed: int, epochs: int) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """(spectra, {accuracy, training, spectrum: seconds}) of networks without symmetry, one for each of two folds."""
    name, _, axis = truth.partition("@")
    x, y = rendered(name, n, seed, axis=float(axis or 0.0))
    facts: dict[str, Any] = {
        "domain": "image2d",
        "x_shape": x.shape[1:],
        "task": "classification",
        "target_dim": None,
        "classes": int(y.max()) + 1,
    }
    plan = plan_search(["O(2)"], **facts, include_subgroups=True, max_candidates=32)
    request = {"folds": 2, "seed": seed, "tolerance": 0.05}
    cpu = torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        np.save(here / "x.npy", x)
        np.save(here / "y.npy", y)
        dataset = {"x": str(here / "x.npy"), "y": str(here / "y.npy"), "groups": None, "split": None, "n": n, **facts}
        job = {"dataset": dataset, "plan": plan, "request": request, "position": 0}
        samples = load_samples(job)
        started = time.monotonic()
        fitted = _networks(samples, planned_config(plan["nodes"][0], x.shape[1:], samples.outputs), seed, epochs)
        training = time.monotonic() - started
        measured = write_spectra(here, samples, fitted, job, cpu, float("inf"))
        outputs = [predict(torch.from_numpy(samples.x[rows])) for predict, rows in _by_fold(fitted, samples)]
        targets = [torch.from_numpy(samples.y[rows]) for rows in samples.tests]
        np.save(here / "base.npy", torch.cat([bits(o, t) for o, t in zip(outputs, targets, strict=True)])[None].numpy())
        np.save(here / "constant.npy", constant_losses(samples)[None])
        np.save(here / "cluster.npy", samples.cluster[np.concatenate(samples.tests)])
        metrics = {"spectrum": measured, "folds": len(samples.splits)}
        trial = {"metrics": metrics, "arrays": {f.name: str(f) for f in here.iterdir()}}
        found = [s.as_json() for s in spectra_at(found_curves({0: trial}), request["tolerance"])]
    right = torch.cat([o.argmax(-1) == t for o, t in zip(outputs, targets, strict=True)])
    return found, {"accuracy": float(right.float().mean()), "training": training, "spectrum": measured["seconds"]}


def _networks(samples: Samples, config: NetworkConfig, seed: int, epochs: int) -> Fitted:
    networks: list[nn.Module] = []
    x = torch.from_numpy(samples.x)
    for k in range(len(samples.splits)):
        torch.manual_seed(1000 * seed + k)
        networks.append(build_network(config))
        standardise(networks[-1], x, config.spec)
    options = FitOptions(epochs=epochs, classification=True, seed=seed, deadline=float("inf"))
    return fit(networks, x, torch.from_numpy(samples.y), samples.splits, options, lambda fraction, message: None)


def _by_fold(fitted: Fitted, samples: Samples) -> Iterator[tuple[Predictor, IntArray]]:
    return zip(fold_predictors(fitted, samples), samples.tests, strict=True)


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
    parser.add_argument("--n", default="1000")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for n in map(int, options.n.split(",")):
        for truth in options.truths.split(","):
            for seed in range(options.seeds):
                spectra, metrics = search(truth, n, seed, options.epochs)
                row: dict[str, Any] = {"truth": truth, "n": n, "seed": seed, **metrics}
                for s in spectra:
                    kept = {key: s[key] for key in _KEPT}
                    row[s["kind"]] = {"verdict": judge(s, expected(truth)[s["kind"]]), **kept}
                rows.append(row)
                marks = [f"{k} {row[k]['verdict']}: {row[k]['sentence']}" for k in ("turns", "mirrors") if k in row]
                head = f"{truth:9} {n:5} {seed} {row['accuracy']:.2f} {row['training']:4.0f} {row['spectrum']:4.0f}  "
                print(head + " | ".join(marks), flush=True)
                facts = {"machine": platform.processor() or platform.machine(), "epochs": options.epochs}
                options.output.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
    for kind in ("turns", "mirrors"):
        verdicts = [r[kind]["verdict"] if kind in r else "silent" for r in rows]
        print(kind, {name: verdicts.count(name) for name in ("exact", "honest", "wrong", "silent")})


if __name__ == "__main__":
    main()
