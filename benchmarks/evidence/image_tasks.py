"""Random image tasks whose group is known: what the weights for images are fitted on, and judged by with other seeds.

x: white noise. A functional F of the responses to two random filters is averaged over the planted subgroup of D4; its
value, standardised, is the target, or whether it lies above its median is the label. n, the functional, the noise, the
least change that a foreign element makes and how long networks are trained are drawn with the task, so that witnesses
are good and poor.

Seeds from NEARLY on plant a subgroup under which D4 holds nearly: to the mean of F over D4 comes as much of its mean
over the subgroup as makes the least foreign element change 5 %. They are searched with a tolerance of .02.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evidence.records import recorded
from benchmarks.evidence.runner import Array, Settings, Task, facts, keep_trials, kept_trials, planned, stored_job
from benchmarks.planted_images import FAMILIES, TRUTHS, group_elements, responses, turned
from models.groups.finite import element_key
from workers.evidence.combination import patch_trust
from workers.ranking import rank_search
from workers.training import run_trial

SIDE = 10
NEARLY = 30_000
_SIZES = (200, 300, 450, 700, 1000, 2000)
_ODDS = (0.22, 0.22, 0.22, 0.16, 0.12, 0.06)
_NOISES = {"classification": (0.0, 0.0, 0.05, 0.15), "regression": (0.05, 0.3, 1.0)}
_DRAWS = 500
_FAINT, _FINE = 0.05, 0.02


@dataclass(frozen=True)
class ImageTask:
    """A task with the epochs that its networks get."""

    task: Task
    epochs: int


def image_task(seed: int) -> ImageTask:
    """The task of a seed. Labels are flipped with the probability of the noise, targets have normal noise added.

    The margin is the least share of (clean) labels that a foreign element flips, or half of the mean squared change of
    a target of variance 1.
    """
    rng = np.random.default_rng([seed, 17])
    nearly = seed >= NEARLY
    truth = TRUTHS[rng.integers(len(TRUTHS) - nearly)]  # D4 is the last
    family = list(FAMILIES)[rng.integers(len(FAMILIES))]
    n = int(rng.choice(_SIZES, p=_ODDS))
    kind = "regression" if rng.uniform() < 0.3 else "classification"
    noise = float(rng.choice(_NOISES[kind]))
    least = float(rng.choice([0.08, 0.15, 0.22]))
    epochs = int(rng.choice([6, 12, 20]))
    elements = group_elements("D4")
    names = [element_key(m) for m in elements]
    members = [names.index(element_key(m)) for m in group_elements(truth)]
    foreign = [k for k in range(len(names)) if k not in members]
    products = np.array([[names.index(element_key(h @ k)) for k in elements] for h in elements])
    for _ in range(_DRAWS):
        x = rng.standard_normal((n, SIDE, SIDE)).astype(np.float32)
        filters = rng.standard_normal((2, 1, 5, 5)).astype(np.float32)
        filters -= filters.mean((2, 3), keepdims=True)
        each = np.stack([FAMILIES[family](*responses(turned(x, h), filters)) for h in elements])
        part, parts = each[members].mean(0), [each[products[members, k]].mean(0) for k in foreign]
        for share in np.linspace(0.05, 4.0, 80) if nearly else [math.inf]:
            value, moved = (part, parts) if not nearly else _added(each.mean(0), share, part, parts)
            margin = min((_changed(value, other, kind) for other in moved), default=1.0)
            if margin >= (_FAINT if nearly else least):
                y = _labels(value, kind, noise, rng)
                tolerance = _FINE if nearly else None
                shown = None if truth == "D4" else margin
                return ImageTask(Task(x, y, TRUTHS, truth, margin=shown, tolerance=tolerance), epochs)
    raise RuntimeError(f"no draw of {family} filters plants {truth} firmly enough")


def _added(whole: Array, share: float, part: Array, parts: list[Array]) -> tuple[Array, list[Array]]:
    return whole + share * part, [whole + share * other for other in parts]


def _changed(value: Array, moved: Array, kind: str) -> float:
    if kind == "regression":
        return float(0.5 * ((moved - value) ** 2).mean() / value.var())
    threshold = np.median(value)
    return float(((moved > threshold) != (value > threshold)).mean())


def _labels(value: Array, kind: str, noise: float, rng: np.random.Generator) -> Array:
    if kind == "regression":
        return np.asarray((value - value.mean()) / value.std() + noise * rng.standard_normal(len(value)))
    y = value > np.median(value)
    return np.asarray(y ^ (rng.uniform(size=len(y)) < noise)).astype(np.int64)


def trials_of(seed: int, keep: Path, *, every: bool) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """(plan, request, trials) of the task of a seed: kept in a folder of its own, and taken from there if it is there.

    `every` group's network is trained, or only the one without symmetry, whose trial weighs all groups: a tenth of the
    work, and what a search that spares settled candidates comes to where one network settles them.
    """
    drawn = image_task(seed)
    about = facts(drawn.task)
    plan = planned(drawn.task, about)
    request = Settings(epochs=drawn.epochs, tolerance=drawn.task.tolerance or Settings.tolerance).request(seed)
    kept = keep / str(seed)
    if (kept / "search.json").exists():
        return plan, request, kept_trials(kept)[1]
    started = time.monotonic()
    trials: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        job = stored_job(drawn.task, about, plan, request, Path(name))
        for position, node in enumerate(plan["nodes"]):
            if position > 0 and not every:
                metrics: dict[str, Any] = {"spared": "only T is trained here", "witnesses": [], **node["network"]}
                trials.append({"position": position, "state": "done", "metrics": metrics, "arrays": {}})
                continue
            out = Path(name) / str(position)
            out.mkdir()
            metrics = run_trial({**job, "position": position}, out, lambda *_: None)
            arrays = {f.name: str(f) for f in out.iterdir()}
            trials.append({"position": position, "state": "done", "metrics": metrics, "arrays": arrays})
        took = time.monotonic() - started
        keep_trials(kept, plan, trials, took, took)
    return plan, request, kept_trials(kept)[1]


def record(seed: int, keep: Path, *, every: bool = False) -> dict[str, Any]:
    """The task of a seed, the service's answer to it, and everything that the answer was made of, as JSON.

    Of a node, `kernel` are the bits of read-outs of features for its group, `patches` those of processes on patches,
    `broken` pairs of a larger group's position and theirs for what is left of it (`trust`: how far these count),
    `paired` what its network gains beside its subgroups' (null where it or they were not trained).
    """
    drawn = image_task(seed)
    plan, request, trials = trials_of(seed, keep, every=every)
    ranking = rank_search({"plan": plan, "request": request, "trials": trials})
    truth = next(p for p, node in enumerate(plan["nodes"]) if node["name"] == drawn.task.truth)
    found = recorded(plan, ranking, truth)
    rows = {row["position"]: row["evidence"] for row in ranking["rows"]}
    metrics = trials[0]["metrics"]
    for p, node in enumerate(found["nodes"]):
        node |= {"kernel": metrics["features"]["log2_evidence"][p], "paired": rows[p]["paired_loss"]}
        node |= {"patches": metrics["patches"]["log2_evidence"][p], "broken": metrics["patches"]["broken"][p]}
    task = "classification" if drawn.task.y.dtype.kind in "iub" else "regression"
    about = {"n": len(drawn.task.x), "epochs": drawn.epochs, "margin": drawn.task.margin}
    trust = patch_trust(metrics["patches"]["share"], [t["metrics"] for t in trials])
    return {"seed": seed, "task": task, **about, "gain_bits": metrics["gain_bits"], "trust": trust, **found}
