"""Fit the weights of `workers.evidence.combination` on random tasks whose group is known, vectors or images.

The likelihood is the posterior probability of the planted group under the service's own score. The weight of objections
is held at .2 or more where there is evidence of the second kind: on vectors the witnesses are the Gaussian processes
themselves, on images the network whose features are read out, and what these object to that evidence has counted
already, but the networks of other groups see what they cannot.

    python -m benchmarks.evidence.fit_combination [--kind vectors] [--tasks 366] [--first 10000] [--records FILE]
        [--halves]
    python -m benchmarks.evidence.fit_combination --kind images [--tasks 90] [--judges 42] [--pairs 11] [--keep FOLDER]

`--halves`: fit on the odd seeds and judge on the even ones, and the other way round (cross-validation).
`--records`: a file of JSON lines to which finished tasks are added, so that a fit can be repeated or gone on with.
`--keep`: where the trials of images stay, so that they can be ranked and fitted anew without training.
Images are judged by the seeds from 20000 on. In a tenth of the images' tasks, beside those that `--tasks` and
`--judges` count, a larger group holds nearly (seeds from `image_tasks.NEARLY` on). `--pairs`: tasks, from seed 10100 on
and of at most 450 samples, of which every group's network is trained, to see what their paired losses add.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.evidence import image_tasks, vectors
from benchmarks.evidence.statistics import expected_calibration_error
from workers.evidence.combination import ORBITS_ALONE, Weights, consistency, or_broken, or_nearly
from workers.evidence.posterior import posterior

RESULTS = Path(__file__).parents[1] / "results"
_LEAST_OBJECTION = 0.2
_JUDGES, _PAIRS, _PAIRED_SAMPLES = 20_000, 10_100, 450
Array = NDArray[Any]
Task = dict[str, Any]
PARTS = ("kernel", "silence", "objection")
_CHANCES = {"faint": 0.014, "nearly": 0.2}  # held where patches speak: priors, which these tasks hardly know


def probabilities(task: Task, weights: Weights, paired: float = 0.0) -> list[float]:
    """The posterior over a recorded task's groups under `weights`; `paired`: what the studentised paired losses weigh,
    in bits for each standard error."""
    elements = [e["bits"] for e in task["elements"]]
    classes = [set(node["classes"]) for node in task["nodes"]]
    above = [[q for q, more in enumerate(classes) if own < more] for own in classes]
    first = task["nodes"][0]["kernel"]
    kernels = or_nearly({p: n["kernel"] - first for p, n in enumerate(task["nodes"])}, above, weights.faint)

    def consistent(p: int, patches: float) -> float:
        node = task["nodes"][p]
        mine = [elements[c] for c in node["classes"]] if task["learned"] else []
        kernel = kernels[p] if weights.kernel > 0.0 else None
        return consistency(mine, node["bits"], kernel, weights, 1.0, task.get("trust", 1.0) * patches)

    scores = []
    for p, node in enumerate(task["nodes"]):
        larger = node.get("broken") or []
        broken = [consistent(q, bits) - task["nodes"][q]["complexity"] + node["complexity"] for q, bits in larger]
        chance = weights.nearly * task.get("trust", 1.0)
        term = or_broken(consistent(p, node.get("patches", 0.0)), broken, chance)
        term += paired * _studentised(node.get("paired"))
        scores.append(node["accuracy"] * task["learned"] + term - node["complexity"])
    return posterior(scores)


def _studentised(paired: dict[str, Any] | None) -> float:
    return 0.0 if paired is None else paired["bits"] / max(paired["error"], 1e-9)


def nats(tasks: Sequence[Task], weights: Weights, paired: float = 0.0) -> Array:
    """Minus the log of the planted group's posterior, for each task."""
    return np.array([-np.log(max(probabilities(t, weights, paired)[t["truth"]], 1e-300)) for t in tasks])


def fit(
    tasks: Sequence[Task], *, kernel: bool, pays: bool = True, patches: bool = False, without: str | None = None
) -> tuple[Weights, float]:
    """(weights of least cost, mean nats lost on the planted group); `without`: a weight that is held at zero.

    Where imposing a group does not pay for its name (images), the chance of nearly true groups is fitted as well, but
    held where there are `patches`, as that of groups that patches find nearly true is."""

    free = [part for part in PARTS if kernel or part != "kernel"]
    free += ["patches"] if patches else []
    free += ["faint"] if kernel and not pays and not patches else []
    free = [part for part in free if part != without]
    held = _CHANCES if patches else {}

    def read(values: Array) -> Weights:
        chosen = dict.fromkeys(PARTS, 0.0) | dict(zip(free, map(float, np.exp(values)), strict=True))
        chosen |= {chance: 0.0 if chance == without else value for chance, value in held.items()}
        chosen["faint"] = min(chosen.get("faint", 0.0), 0.5)
        if kernel and "objection" in free:
            chosen["objection"] += _LEAST_OBJECTION
        return Weights(**chosen, pays=pays)

    def cost(values: Array) -> float:
        logs = [v for v, part in zip(values, free, strict=True) if part != "faint"]
        return float(nats(tasks, read(values)).mean()) + 1e-3 * float(np.square(logs).sum())

    start = np.array([np.log(0.01 if part == "faint" else 0.5) for part in free])
    found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 1500, "xatol": 0.005, "fatol": 1e-6})
    return read(found.x), float(nats(tasks, read(found.x)).mean())


def _judged(tasks: list[Task], parity: int, *, kernel: bool) -> list[Task]:
    """The tasks whose seed has this parity, with the answer under weights fitted on the others."""
    weights, _ = fit([t for t in tasks if t["seed"] % 2 != parity], kernel=kernel)
    return [answered(t, weights) for t in tasks if t["seed"] % 2 == parity]


def answered(task: Task, weights: Weights) -> Task:
    """The task with the answer that other weights give."""
    chances = probabilities(task, weights)
    best = int(np.argmax(chances))
    return {**task, "posterior": chances[best], "exact": best == task["truth"]}


def quality(tasks: Sequence[Task], weights: Weights) -> dict[str, Any]:
    """How good the answers under `weights` are: hits, mean posterior of the first row, log-loss, calibration."""
    answers = [answered(t, weights) for t in tasks]
    said, right = [float(a["posterior"]) for a in answers], [bool(a["exact"]) for a in answers]
    sure = [hit for p, hit in zip(said, right, strict=True) if p > 0.9]
    return {
        "tasks": len(tasks),
        "hits": sum(right),
        "mean_posterior": float(np.mean(said)),
        "nats": float(nats(tasks, weights).mean()),
        "calibration_error": expected_calibration_error(said, right),
        "above_90": len(sure),
        "above_90_right": sum(sure),
    }


def _difference(tasks: Sequence[Task], worse: Weights, better: Weights) -> tuple[float, float]:
    """Mean nats that `worse` loses more than `better`, with the standard error over tasks."""
    more = nats(tasks, worse) - nats(tasks, better)
    return float(more.mean()), float(more.std(ddof=1) / math.sqrt(len(more)))


def fit_images(tasks: list[Task], judges: list[Task], nearly: list[Task], pairs: list[Task]) -> dict[str, Any]:
    """Weights with and without read-outs of features, what each term is worth, and what paired losses would add.

    `nearly`: tasks with a larger group that holds nearly, not fitted; every other one is a judge too."""
    firm, judges = judges, judges + nearly[::2]
    found: dict[str, Any] = {}
    fits = {
        "PATCHES": fit(tasks, kernel=True, pays=False, patches=True)[0],
        "FEATURES": fit(tasks, kernel=True, pays=False)[0],
        "FEATURES, paying for complexity": fit(tasks, kernel=True)[0],
        "IMAGES_ALONE": fit(tasks, kernel=False)[0],
        "ORBITS_ALONE, fitted on vectors": ORBITS_ALONE,
    }
    for name, weights in fits.items():
        sets = {"fitted": tasks, "judged": judges, "judged, firm alone": firm, "judged, nearly true": nearly}
        found[name] = {"weights": vars(weights)} | {title: quality(part, weights) for title, part in sets.items()}
        print(f"{name} = {weights}" + "".join(f"\n  {title} {found[name][title]}" for title in sets))
    best = fits["PATCHES"]
    for part in (*PARTS, *_CHANCES, "patches"):
        without = fit(tasks, kernel=True, pays=False, patches=True, without=part)[0]
        costs = {"fitted": _difference(tasks, without, best), "judged": _difference(judges, without, best)}
        found[f"without {part}"] = {"weights": vars(without)} | {
            k: {"nats": m, "error": e} for k, (m, e) in costs.items()
        }
        print(f"without {part}: " + ", ".join(f"{k} {m:+.3f} nats (se {e:.3f})" for k, (m, e) in costs.items()))
    if pairs:
        found["paired losses"] = _fit_paired(pairs, best)
        print(f"paired losses: {found['paired losses']}")
    return found


def _fit_paired(tasks: list[Task], weights: Weights) -> dict[str, Any]:
    """The weight of studentised paired losses beside fixed other weights, with its standard error by curvature."""
    found = minimize(lambda v: float(nats(tasks, weights, float(v[0])).sum()), [0.0], method="Nelder-Mead")
    w, step = float(found.x[0]), 0.05
    around = [float(nats(tasks, weights, w + d).sum()) for d in (-step, 0.0, step)]
    curvature = (around[0] - 2.0 * around[1] + around[2]) / step**2
    gain = (nats(tasks, weights) - nats(tasks, weights, w)).mean()
    error = 1.0 / math.sqrt(curvature) if curvature > 0 else math.inf
    return {"tasks": len(tasks), "weight": w, "error": error, "nats_gained": float(gain)}


def _images(options: argparse.Namespace, keep: Path) -> None:
    count = options.tasks or 90
    tasks = [image_tasks.record(seed, keep) for seed in range(options.first, options.first + count)]
    judges = [image_tasks.record(seed, keep) for seed in range(_JUDGES, _JUDGES + options.judges)]
    first = image_tasks.NEARLY
    nearly = [image_tasks.record(seed, keep) for seed in range(first, first + count // 9 + 2 * (options.judges // 9))]
    tasks, others = tasks + nearly[: count // 9], nearly[count // 9 :]
    small = (s for s in range(_PAIRS, _JUDGES) if len(image_tasks.image_task(s).task.x) <= _PAIRED_SAMPLES)
    pairs = [image_tasks.record(seed, keep, every=True) for seed, _ in zip(small, range(options.pairs), strict=False)]
    found = fit_images(tasks, judges, others, pairs)
    (RESULTS / "combination_images.json").write_text(json.dumps(found, indent=1) + "\n")


def _vectors(options: argparse.Namespace) -> None:
    known: dict[int, Task] = {}
    if options.records is not None and options.records.exists():
        known = {task["seed"]: task for task in map(json.loads, options.records.read_text().splitlines())}
    tasks = []
    for seed in range(options.first, options.first + (options.tasks or 366)):
        if seed not in known:
            known[seed] = vectors.record(seed)
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
            found[name] = vectors.reliability([j for k in (0, 1) for j in _judged(chosen, k, kernel=kernel)])
            (RESULTS / "combination.json").write_text(json.dumps(found, indent=1) + "\n")
            print(f"{name}: {json.dumps({key: value for key, value in found[name].items() if key != 'reliability'})}")
            continue
        weights, lost = fit(chosen, kernel=kernel)
        values = ", ".join(f"{key}={getattr(weights, key):.2f}" for key in PARTS)
        print(f"{name} = Weights({values})  # {len(chosen)} tasks, {lost:.3f} nats a task")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kind", choices=("vectors", "images"), default="vectors")
    parser.add_argument("--tasks", type=int, default=None)
    parser.add_argument("--first", type=int, default=10_000)
    parser.add_argument("--records", type=Path, default=None)
    parser.add_argument("--halves", action="store_true")
    parser.add_argument("--judges", type=int, default=42)
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--keep", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.kind == "vectors":
        _vectors(options)
        return
    with tempfile.TemporaryDirectory() as name:
        _images(options, options.keep or Path(name))


if __name__ == "__main__":
    main()
