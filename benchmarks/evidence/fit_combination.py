"""Fit the weights of `workers.evidence.combination` on random vector tasks whose group is known.

The likelihood is the posterior probability of the planted group under the service's own score. The weight of objections
is held at .2 or more where kernel evidence exists: on these tasks the witnesses are the Gaussian processes themselves,
and what they object to their evidence has counted already, but a network sees what a kernel cannot.

    python -m benchmarks.evidence.fit_combination [--tasks 366] [--first 10000] [--records FILE]

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

from benchmarks.evidence.vectors import record
from workers.evidence.combination import Weights, consistency
from workers.evidence.posterior import posterior

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
    regressions = [t for t in tasks if t["task"] == "regression"]
    classes = [t for t in tasks if t["task"] == "classification"]
    for name, chosen, kernel in (
        ("REGRESSION", regressions, True),
        ("CLASSES", classes, True),
        ("ORBITS_ALONE", tasks, False),
    ):
        weights, lost = fit(chosen, kernel=kernel)
        values = ", ".join(f"{key}={value:.2f}" for key, value in vars(weights).items())
        print(f"{name} = Weights({values})  # {len(chosen)} tasks, {lost:.3f} nats a task")


if __name__ == "__main__":
    main()
