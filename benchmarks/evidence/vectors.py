"""Random tasks on vectors with a planted group, and searches over them without networks.

A task: d = 2 to 4 coordinates (normal, uniform or Student t with 3 degrees of freedom), 30 to 250 samples, a random
function averaged over a random subgroup of a lattice, noise of .05 to 1 of its spread; regressions, two classes, and
labels that change sign. Every class of elements outside the planted group changes at least a tenth of the function's
variance (of the labels, for classes). The witnesses are the Gaussian processes of the candidates: all that runs is the
service's own code, but for the training of networks.

Judges the posterior: how often the first row is the planted group, and how often it says so (reliability). Writes
`benchmarks/results/calibration.json`.

    python -m benchmarks.evidence.vectors [--tasks 500] [--first 20000] [--processes 2]
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evidence.records import recorded
from models.actions.samples import transform_outputs, transform_samples
from models.groups.action import from_spec, is_trivial
from models.groups.plan import plan_search
from workers.evidence.support import support
from workers.intervals import mean_interval
from workers.kernel_evidence import kernel_said
from workers.ranking import rank_search
from workers.samples import class_actions, load_samples
from workers.training import write_arrays

RESULTS = Path(__file__).parents[1] / "results" / "calibration.json"
Array = NDArray[Any]
Function = Callable[[Array], Array]
LATTICES: dict[str, tuple[int, list[dict[str, Any]]]] = {  # least dimension, candidates
    "D4": (2, [{"group": "D4", "on": [0, 1]}]),
    "S3": (3, [{"group": "S3", "on": [0, 1, 2]}]),
    "flips": (3, [{"group": "Flips", "on": [0, 1, 2]}]),
    "D4 and sign": (2, [{"group": "D4", "on": [0, 1]}, {"group": "D4", "on": [0, 1], "labels": "sign"}]),
}
_MARGIN = 0.1


@dataclass(frozen=True)
class Task:
    """`truth`: position of the planted group in the plan; `function`: what labels are of."""

    kind: str
    task: str
    d: int
    n: int
    noise: float
    inputs: str
    x: Array
    y: Array
    plan: dict[str, Any]
    truth: int
    function: Function


def planned(
    candidates: list[Any], d: int, task: str, classes: int | None = None, *, subgroups: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(facts of a data set of vectors, plan of the search)."""
    facts = {
        "domain": "vector",
        "x_shape": [d],
        "task": task,
        "target_dim": 1 if task == "regression" else None,
        "classes": classes,
    }
    return facts, plan_search(candidates, **facts, include_subgroups=subgroups, max_candidates=64)  # type: ignore[arg-type]


def random_function(rng: np.random.Generator, d: int) -> Function:
    """One of four families that no kernel favours: waves, a tanh network, a clipped cubic, sums of steps."""
    kind = rng.integers(4)
    w = rng.normal(size=(8, d))
    shift, weight = rng.uniform(0, 2 * np.pi, 8), rng.normal(size=8)
    if kind == 0:
        return lambda x: np.sin(x @ w.T * 0.8 + shift) @ weight
    if kind == 1:
        return lambda x: np.tanh(x @ w.T * 1.5 + shift - np.pi) @ weight
    if kind == 2:
        return lambda x: _cubic(np.clip(x, -3, 3), w)
    return lambda x: (1.0 / (1.0 + np.exp(-6.0 * (x @ w[:4].T + 0.3 * weight[:4])))) @ weight[4:]


def _cubic(x: Array, w: Array) -> Array:
    return np.asarray((x @ w[:3].T + 0.5).prod(1) + (x @ w[3]) ** 2 + 2.0 * (x @ w[4]))


def draw_inputs(rng: np.random.Generator, kind: str, n: int, d: int) -> Array:
    if kind == "normal":
        return rng.normal(size=(n, d))
    if kind == "uniform":
        return rng.uniform(-math.sqrt(3.0), math.sqrt(3.0), (n, d))
    return rng.standard_t(3, (n, d)) / math.sqrt(3.0)


def draw(seed: int) -> Task:
    """The task of a seed."""
    rng = np.random.default_rng([seed, 2303])
    while True:
        kind = str(rng.choice(list(LATTICES)))
        task = "classification" if rng.random() < 0.3 else "regression"
        least, candidates = LATTICES[kind]
        d = int(rng.integers(least, 5))
        n = round(float(np.exp(rng.uniform(np.log(30), np.log(250)))))
        noise = float(np.exp(rng.uniform(np.log(0.05), 0.0)))
        inputs = str(rng.choice(["normal", "uniform", "t3"]))
        if task == "classification":
            candidates = [{**c, "labels": "swap"} if "labels" in c else c for c in candidates]
        _, plan = planned(candidates, d, task, 2 if task == "classification" else None)
        truth = int(rng.integers(len(plan["nodes"])))
        function = planted_function(rng, plan, truth, d, task)
        many = draw_inputs(rng, inputs, 2000, d)
        if function is None or not firm(function, many, plan, truth, task):
            continue
        x = draw_inputs(rng, inputs, n, d).astype(np.float32)
        y = function(x.astype(float)) + noise * rng.normal(size=n)
        if task == "classification":
            y = (y > 0).astype(np.int64)
            if min(y.sum(), n - y.sum()) < 8:
                continue
        else:
            y = y.astype(np.float32)[:, None]
        return Task(kind, task, d, n, noise, inputs, x, y, plan, truth, function)


def planted_function(rng: np.random.Generator, plan: dict[str, Any], truth: int, d: int, task: str) -> Function | None:
    """A random function averaged over the planted group with its label action; unit spread, classes in balance."""
    inner = random_function(rng, d)
    acting = from_spec(plan["nodes"][truth]["spec"])
    where = list(acting.coordinates)
    matrices = acting.x_matrices() if acting.group.order > 1 else np.eye(len(where))[None]
    signs = np.ones(len(matrices))
    if acting.y is not None:
        signs = acting.y[:, 0, 0] if task == "regression" else 2.0 * acting.y[:, 0, 0] - 1.0

    def averaged(x: Array) -> Array:
        total = np.zeros(len(x))
        for g, sign in zip(matrices, signs, strict=True):
            moved = x.copy()
            moved[:, where] = x[:, where] @ g.T
            total += sign * inner(moved)
        return total / len(matrices)

    sample = averaged(rng.normal(size=(2000, d)))
    moving = bool((signs < 0).any())
    centre = 0.0 if moving else float(np.median(sample))
    spread = float(sample.std())
    if spread < 1e-3:
        return None
    return lambda x: (averaged(x) - centre) / spread


def firm(function: Function, x: Array, plan: dict[str, Any], truth: int, task: str) -> bool:
    f = function(x)
    for c, actions in enumerate(class_actions(plan)):
        if c in plan["nodes"][truth]["classes"]:
            continue
        moved = function(transform_samples(torch.from_numpy(x), actions[0], "vector").numpy())
        if task == "classification":
            labels = torch.from_numpy(np.stack([f <= 0, f > 0], 1).astype(float))
            expected = transform_outputs(labels, actions[0]).numpy()[:, 1] > 0.5
            changed = float(((moved > 0) != expected).mean())
        else:
            expected = transform_outputs(torch.from_numpy(f[:, None]), actions[0]).numpy()[:, 0]
            changed = float(((moved - expected) ** 2).mean() / f.var())
        if changed < _MARGIN:
            return False
    return True


def search(
    x: Array, y: Array, plan: dict[str, Any], *, task: str, classes: int | None, folds: int = 3, seed: int = 0
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(ranking, trials) of a search by kernels alone, over vectors x (n, d) and y (n,) classes or (n, p) targets.

    A candidate whose group has no kernel is not ranked.
    """
    request = {"folds": folds, "seeds": 1, "seed": seed, "tolerance": 0.05, "weights": {}, "budget": {}}
    outputs = None if classes else y.shape[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", y)
        facts = {"domain": "vector", "task": task, "target_dim": outputs, "classes": classes}
        dataset = {**facts, "x": str(folder / "x.npy"), "y": str(folder / "y.npy")}
        job = {"dataset": dataset, "plan": plan, "request": request}
        samples = load_samples(job)
        cluster = samples.cluster[np.concatenate(samples.tests)]
        trials = []
        for position, node in enumerate(plan["nodes"]):
            out = folder / str(position)
            out.mkdir()
            said = kernel_said(samples, job, node["spec"], set(node["classes"]))
            if said is None or said.testimony is None:
                trials.append({"position": position, "state": "crashed", "metrics": None, "arrays": {}})
                continue
            metrics = {**said.metrics(), "witnesses": ["kernel"]}
            metrics["validation_shares"] = [said.testimony.share]
            gains = said.testimony.constant - said.testimony.base
            if classes:
                metrics["gain_bits"] = mean_interval(gains, cluster)["mean"]
            else:
                share = mean_interval(gains / said.testimony.constant.mean(), cluster)["mean"]
                metrics["gain_bits"] = -0.5 * samples.outputs * math.log2(max(1.0 - share, 1e-9))
            if is_trivial(node["spec"]):
                metrics["support"] = [support(samples, a[0], "vector") for a in class_actions(plan)]
            write_arrays(out, samples, [said.testimony], request)
            arrays = {f.name: str(f) for f in out.iterdir()}
            trials.append({"position": position, "state": "done", "metrics": metrics, "arrays": arrays})
        return rank_search({"plan": plan, "request": request, "trials": trials}), trials


def record(seed: int) -> dict[str, Any]:
    """The task of a seed, the service's answer to it, and everything that the answer was made of, as JSON."""
    task = draw(seed)
    classes = 2 if task.task == "classification" else None
    ranking, trials = search(task.x, task.y, task.plan, task=task.task, classes=classes, seed=seed)
    found = recorded(task.plan, ranking, task.truth)
    for node, trial in zip(found["nodes"], trials, strict=True):
        node |= {"kernel": trial["metrics"]["log2_evidence"], "noise": trial["metrics"]["kernel_noise"]}
    return {"seed": seed, **{key: getattr(task, key) for key in ("kind", "task", "d", "n", "noise", "inputs")}, **found}


def reliability(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Hit rate, calibration error (ten bins of the first row's posterior, weighed by count), rows above .97."""
    said = np.array([t["posterior"] for t in tasks])
    right = np.array([t["exact"] for t in tasks])
    kernel = [int(np.argmax([n["kernel"] for n in t["nodes"]])) == t["truth"] for t in tasks]
    bins = np.clip((said * 10).astype(int), 0, 9)
    rows = [
        {"from": k / 10, "count": int((bins == k).sum()), "said": float(said[bins == k].mean()),
         "right": float(right[bins == k].mean())}
        for k in range(10) if (bins == k).any()
    ]  # fmt: skip
    sure = said > 0.97
    return {
        "tasks": len(tasks),
        "hit_rate": float(right.mean()),
        "hit_rate_kernel_alone": float(np.mean(kernel)),
        "mean_posterior": float(said.mean()),
        "calibration_error": sum(abs(r["said"] - r["right"]) * r["count"] for r in rows) / len(tasks),
        "above_97": int(sure.sum()),
        "above_97_right": int(right[sure].sum()),
        "falsely_certified": sum(bool(t["falsely_certified"]) for t in tasks),
        "reliability": rows,
    }


def _alone(seed: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    return record(seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--first", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--records", type=Path, default=None, help="also keep every task there, as lines of JSON")
    options = parser.parse_args()
    tasks: list[dict[str, Any]] = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for task in pool.map(_alone, range(options.first, options.first + options.tasks), chunksize=4):
            tasks.append(task)
            if options.records is not None:
                with options.records.open("a") as lines:
                    lines.write(json.dumps(task) + "\n")
            if len(tasks) % 20 == 0 or len(tasks) == options.tasks:
                kinds = {
                    "all": tasks,
                    **{k: [t for t in tasks if t["task"] == k] for k in ("regression", "classification")},
                }
                found = {name: reliability(chosen) for name, chosen in kinds.items() if chosen}
                options.output.write_text(json.dumps({"first_seed": options.first, **found}, indent=1) + "\n")
    for name, r in found.items():
        print(
            f"{name}: {r['tasks']} tasks, hit {r['hit_rate']:.3f} (kernel alone {r['hit_rate_kernel_alone']:.3f}), "
            f"said {r['mean_posterior']:.3f}, calibration error {r['calibration_error']:.3f}, above .97 "
            f"{r['above_97_right']}/{r['above_97']}, falsely certified {r['falsely_certified']}"
        )
        for row in r["reliability"]:
            print(f"  {row['from']:.1f}: {row['count']:4} said {row['said']:.3f} right {row['right']:.3f}")


if __name__ == "__main__":
    main()
