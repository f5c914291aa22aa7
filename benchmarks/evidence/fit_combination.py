"""Fit the weights of `workers.evidence.combination` on random vector tasks whose group is known.

The likelihood is the posterior probability of the planted group under the service's own score. The weight of objections
is held at .2 or more where kernel evidence exists: on these tasks the witnesses are the Gaussian processes themselves,
and what they object to their evidence has counted already, but a network sees what a kernel cannot.

    python -m benchmarks.evidence.fit_combination [--tasks 366] [--first 10000] [--records FILE] [--halves]

`--halves`: fit on the odd seeds and judge on the even ones, and the other way round (cross-validation).
`--records`: a file of JSON lines to which finished tasks are added, so that a fit can be repeated or gone on with.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize

from benchmarks.evidence.vectors import record, reliability
from workers.evidence.combination import Weights, consistency
from workers.evidence.posterior import posterior

RESULTS = Path(__file__).parents[1] / "results" / "combination.json"
_LEAST_OBJECTION = 0.2


def probabilities(task: dict[str, Any], weights: Weights) -> list[float]:
    """The posterior over a recorded task's groups under `weights`."""
    elements = [e["bits"] for e in task["elements"]]
    first = task["nodes"][0]["kernel"]
    scores = []
    for node in task["nodes"]:
        mine = [elements[c] for c in node["classes"]] if task["learned"] else []
        kernel = node["kernel"] - first if weights.kernel > 0.0 else None
        term = consistency(mine, node["bits"], kernel, weights)
        scores.append(node["accuracy"] * task["learned"] + term - node["complexity"])
    return posterior(scores)


def fit(tasks: list[dict[str, Any]], *, kernel: bool) -> tuple[Weights, float]:
    """(weights of least cost, mean nats lost on the planted group)."""

    def read(values: np.ndarray[Any, Any]) -> Weights:
        silence, objection, k = np.exp(values)
        if not kernel:
            return Weights(0.0, float(silence), float(objection))
        return Weights(float(k), float(silence), float(objection + _LEAST_OBJECTION))

    def cost(values: np.ndarray[Any, Any]) -> float:
        weights = read(values)
        lost = [-np.log(max(probabilities(t, weights)[t["truth"]], 1e-300)) for t in tasks]
        return float(np.mean(lost)) + 1e-3 * float(np.square(values).sum())

    found = minimize(cost, np.log([0.5, 0.5, 0.5]), method="Nelder-Mead", options={"maxiter": 400, "xatol": 0.01})
    return read(found.x), cost(found.x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=366)
    parser.add_argument("--first", type=int, default=10_000)
    parser.add_argument("--records", type=Path, default=None)
    parser.add_argument("--halves", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    known: dict[int, dict[str, Any]] = {}
    if options.records is not None and options.records.exists():
        known = {task["seed"]: task for task in map(json.loads, options.records.read_text().splitlines())}
    tasks = []
    for seed in range(options.first, options.first + options.tasks):
        if seed not in known:
            known[seed] = record(seed)
            if options.records is not None:
                with options.records.open("a") as lines:
                    lines.write(json.dumps(known[seed]) + "\n")
        tasks.append(known[seed])
    found: dict[str, Any] = {}
    for name, task, kernel in (
        ("REGRESSION", "regression", True),
        ("CLASSES", "classification", True),
        ("ORBITS_ALONE", None, False),
    ):
        chosen = [t for t in tasks if task in (None, t["task"])]
        if options.halves:
            found[name] = reliability([j for k in (0, 1) for j in _judged(chosen, k, kernel=kernel)])
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")
            print(f"{name}: {json.dumps({key: value for key, value in found[name].items() if key != 'reliability'})}")
            continue
        weights, lost = fit(chosen, kernel=kernel)
        values = ", ".join(f"{key}={value:.2f}" for key, value in vars(weights).items())
        print(f"{name} = Weights({values})  # {len(chosen)} tasks, {lost:.3f} nats a task")


def _judged(tasks: list[dict[str, Any]], parity: int, *, kernel: bool) -> list[dict[str, Any]]:
    """The tasks whose seed has this parity, with the answer under weights fitted on the others."""
    weights, _ = fit([t for t in tasks if t["seed"] % 2 != parity], kernel=kernel)
    judged = []
    for task in tasks:
        if task["seed"] % 2 == parity:
            chances = probabilities(task, weights)
            best = int(np.argmax(chances))
            judged.append({**task, "posterior": chances[best], "exact": best == task["truth"]})
    return judged


if __name__ == "__main__":
    main()
