"""One search of the suite: a task with known truth goes through the product's own plan, trials and ranking.

No server, no database: arrays lie in a temporary folder, everything else is what the service calls.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.naive import naive_choice
from models.groups.action import from_spec, pair_key
from models.groups.plan import plan_search
from models.groups.scout import plan_or_scout
from models.networks.planned import plan_networks
from workers.rank import planned_anew
from workers.ranking import rank_search
from workers.stopping import most_telling_first, stops
from workers.training import run_trial

Array = NDArray[Any]
Row = dict[str, Any]
RIVALS = 10.0  # groups whose posterior is within this factor of the best one's are not told apart
MAX_CANDIDATES = 64
_SPECTRUM = ("kind", "sentence", "not_told_apart", "between")


@dataclass(frozen=True)
class Task:
    """Samples with a question and its answer.

    x (n, d), (n, h, w) or (n, c, h, w); y (n,) classes, or (n, p) targets. `truth` is the name of the lattice's group
    that is the full symmetry (None where nobody knows). `groups`: samples of one value are not independent; `split`: 1
    where a sample is for testing alone. `expected` says in words what must come out, `check(row)` whether it did (by
    default: nothing false is certified, and the truth is first or not told apart from the first). `margin` is the least
    share of labels (or of variance) that an element outside the truth changes, `least_defect` the least defect of such
    an element where it is known, `tolerance` what is asked instead of the run's. `truth_entry`: the candidate that the
    truth is, where its label action is to be found by the search.
    """

    x: Array
    y: Array
    candidates: Sequence[Any]
    truth: str | None
    groups: Array | None = None
    subgroups: bool = True
    margin: float | None = None
    least_defect: float | None = None
    tolerance: float | None = None
    expected: str = ""
    check: Callable[[Row], bool] | None = None
    split: Array | None = None
    truth_entry: dict[str, Any] | None = None


@dataclass(frozen=True)
class Cell:
    """A row of the scoreboard. `make(truth, seed)` builds a task, `run` searches (by default `search`)."""

    name: str
    truths: Sequence[str]
    make: Callable[[str, int], Task]
    run: Callable[[Task, int, Settings, Path | None], Row] | None = None


@dataclass(frozen=True)
class Settings:
    """What all searches of a run are given."""

    epochs: int = 20
    folds: int = 3
    seeds: int = 1
    tolerance: float = 0.05
    stopping: str | None = None

    @property
    def key(self) -> str:
        """Short name of the settings."""
        return f"{self.epochs}e{self.folds}f{self.seeds}s{self.tolerance}{self.stopping or ''}"

    def request(self, seed: int) -> dict[str, Any]:
        """A search's request as the service stores it."""
        return {
            "folds": self.folds, "seeds": self.seeds, "seed": seed, "tolerance": self.tolerance, "weights": {},
            "stopping": self.stopping, "budget": {"max_seconds": 36_000, "max_epochs": self.epochs},
        }  # fmt: skip


def facts(task: Task) -> dict[str, Any]:
    """What the service knows of a data set: domain, shapes, kind of target."""
    shape = task.x.shape[1:] if task.x.ndim != 3 else (1, *task.x.shape[1:])
    classes = task.y.dtype.kind in "iub"
    return {
        "domain": "vector" if len(shape) == 1 else "image2d",
        "x_shape": list(shape),
        "task": "classification" if classes else "regression",
        "target_dim": None if classes else int(np.prod(task.y.shape[1:], dtype=int)),
        "classes": int(task.y.max()) + 1 if classes else None,
    }


def search(task: Task, seed: int, settings: Settings, kept: Path | None = None) -> Row:
    """Plan, train every candidate, rank; the row of the scoreboard, without the names of its cell.

    What the trials found is left in `kept`, where one is given, and taken from there, where it is: so a search can be
    ranked anew without training.
    """
    about = facts(task)
    started = time.monotonic()
    plan = planned(task, about)
    settings = replace(settings, tolerance=task.tolerance or settings.tolerance)
    with tempfile.TemporaryDirectory() as name:
        job = stored_job(task, about, plan, settings.request(seed), Path(name))
        if kept is not None and (kept / "search.json").exists():
            plan, trials, training, took = kept_trials(kept)
        else:
            trials, training = _trained(job, Path(name) / "first")
            if "scout" in plan:
                plan = planned_anew({**job, "trials": trials})
                trials, training = _trained(job | {"plan": plan}, Path(name) / "second")
            took = time.monotonic() - started
            if kept is not None:
                keep_trials(kept, plan, trials, training, took)
        ranking = rank_search({**job, "plan": plan, "trials": trials})
    row = judged(task, plan, ranking)
    row["naive"] = naive_row(task, plan, trials)
    spared = sum("spared" in t["metrics"] for t in trials)
    counts = {"n": len(task.x), "candidates": len(trials), "spared": spared, "margin": task.margin}
    counts |= {"least_defect": task.least_defect, "tolerance": settings.tolerance}
    return row | counts | {"training_seconds": training, "seconds": took}


def planned(task: Task, about: dict[str, Any]) -> dict[str, Any]:
    """The plan of a task's search, with its networks; `about` as `facts` gives it."""
    plan = plan_or_scout(task.candidates, **about, include_subgroups=task.subgroups, max_candidates=MAX_CANDIDATES)
    return plan_networks(plan, tuple(about["x_shape"]), about["classes"] or about["target_dim"], "parameters")


def stored_job(
    task: Task, about: dict[str, Any], plan: dict[str, Any], request: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """What a trial of the search is given, without its position; the arrays are written to `folder`."""
    return {"dataset": _stored(task, about, folder), "plan": plan, "request": request, "device": "cpu"}


def truth_in(task: Task, plan: dict[str, Any]) -> tuple[str | None, set[int] | None]:
    """(name, element classes) of the truth in a plan; (None, None) where nobody knows it.

    A truth whose label action the search had to find, and did not, has no name in the plan but may have classes.
    """
    if task.truth is None:
        return None, None
    if task.truth_entry is None:
        named = {node["name"]: set(node["classes"]) for node in plan["nodes"]}
        if task.truth not in named:
            raise ValueError(f"the truth {task.truth} is none of the groups compared: {', '.join(named)}")
        return task.truth, named[task.truth]
    alone = plan_search([task.truth_entry], **facts(task), include_subgroups=False, max_candidates=MAX_CANDIDATES)
    keys = set(from_spec(alone["nodes"][-1]["spec"]).keys())
    true = {c for c, planned in enumerate(plan["classes"]) if _key(planned["action"]) in keys}
    same = [node["name"] for node in plan["nodes"] if set(from_spec(node["spec"]).keys()) == keys]
    return (same or [f"{task.truth}, whose label action was not found"])[0], true


def _key(action: dict[str, Any]) -> bytes:
    """The identity of an element class's map of (x, y)."""
    if "permutation" in action:
        moved: Array = np.array(action["permutation"], dtype=np.int64)
    else:
        moved = np.array(action["matrix"], dtype=np.float64)
    labels = None if action["labels"] is None else np.array(action["labels"], dtype=np.float64)
    return pair_key(tuple(action["coordinates"]), moved, labels)


def naive_row(task: Task, plan: dict[str, Any], trials: list[dict[str, Any]]) -> Row | None:
    """The naive choices and whether they are right."""
    naive = naive_choice(plan, trials)
    truth, _ = truth_in(task, plan)
    if naive is None:
        return None
    return {**naive, "exact": naive["best"] == truth, "exact_by_loss": naive["by_loss"] == truth}


def judged(task: Task, plan: dict[str, Any], ranking: dict[str, Any]) -> Row:
    """What a ranking says, beside the truth.

    A certified group is false when one of its element classes is none of the truth's. `not_told_apart` are the groups
    whose posterior is within RIVALS of the first row's, and those that a spectrum leaves open beside it.
    """
    truth, true = truth_in(task, plan)
    nodes = {node["name"]: node for node in plan["nodes"]}
    rows = ranking["rows"]
    verdicts = {row["evidence"]["name"]: row["verdict"] for row in rows}
    posteriors = {row["evidence"]["name"]: float(row["posterior"]) for row in rows}
    best = max(rows, key=lambda r: r["posterior"])["evidence"]["name"]
    certified = [name for name, found in verdicts.items() if found == "certified"]
    spectra = [{key: s[key] for key in _SPECTRUM} for s in ranking["evidence"].get("spectrum") or []]
    close = [name for name, p in posteriors.items() if p * RIVALS >= posteriors[best]]
    close += [
        n for s in spectra if best in s["not_told_apart"] for n in s["not_told_apart"] if n in nodes and n not in close
    ]
    row: Row = {
        "truth": truth,
        "best": best,
        "exact": None if true is None else best == truth,
        "posterior": posteriors[best],
        "confidence": ranking["confidence"],
        "verdict": verdicts[best],
        "verdicts": verdicts,
        "certified": certified,
        "false_certified": [] if true is None else [c for c in certified if not set(nodes[c]["classes"]) <= true],
        "not_told_apart": close,
        "in_set": None if true is None else truth in close,
        "elements": {
            e["element"]: [e["defect"]["value"], e["learned_share"], e["support"]["status"]]
            for e in ranking["elements"]
        },
        "summary": ranking["summary"],
        "warnings": ranking["warnings"],
        "spectra": spectra,
        "duplicates": ranking["evidence"].get("duplicates"),
    }
    row["expected"] = task.expected
    row["as_expected"] = task.check(row) if task.check else not row["false_certified"] and row["in_set"] is not False
    return row


def _trained(job: dict[str, Any], folder: Path) -> tuple[list[dict[str, Any]], float]:
    """Every trial of a search, and the seconds that the candidates' own networks took to train."""
    trials: list[dict[str, Any]] = []
    training = 0.0
    left = list(range(len(job["plan"]["nodes"])))
    while left:
        if stops(job["request"]):
            left = most_telling_first({**job, "done": trials}, left)
        position = left.pop(0)
        out = folder / str(position)
        out.mkdir(parents=True)
        clock = _Clock()
        metrics = run_trial({**job, "position": position, "done": trials}, out, clock)
        training += clock.training
        arrays = {f.name: str(f) for f in out.iterdir()}
        trials.append({"position": position, "state": "done", "metrics": metrics, "arrays": arrays})
    return sorted(trials, key=lambda t: int(t["position"])), training


def keep_trials(kept: Path, plan: dict[str, Any], trials: list[dict[str, Any]], training: float, took: float) -> None:
    """Plan, metrics and arrays; the networks are not kept."""
    kept.mkdir(parents=True, exist_ok=True)
    for trial in trials:
        for name, path in trial["arrays"].items():
            if name.endswith(".npy"):
                shutil.copy(path, kept / f"{trial['position']}-{name}")
    bare = [{**trial, "arrays": {}} for trial in trials]
    found = {"plan": plan, "trials": bare, "training_seconds": training, "seconds": took}
    (kept / "search.json").write_text(json.dumps(found))


def kept_trials(kept: Path) -> tuple[dict[str, Any], list[dict[str, Any]], float, float]:
    """(plan, trials, seconds of training, seconds) of a search that was kept."""
    found = json.loads((kept / "search.json").read_text())
    for trial in found["trials"]:
        prefix = f"{trial['position']}-"
        trial["arrays"] = {p.name.removeprefix(prefix): str(p) for p in kept.glob(f"{prefix}*.npy")}
    return found["plan"], found["trials"], found["training_seconds"], found["seconds"]


class _Clock:
    """Listens to a trial's reports: seconds from the first to the last epoch of the candidate's own network."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.training = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        now = time.monotonic()
        self.first = now if self.first is None else self.first
        if message.startswith("epoch"):
            self.training = now - self.first


def _stored(task: Task, about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The canonical arrays on disk, as ingestion leaves them."""
    n = len(task.x)
    x = task.x if task.x.dtype == np.uint8 else task.x.astype(np.float32)
    np.save(folder / "x.npy", x.reshape(n, *about["x_shape"]))
    np.save(folder / "y.npy", task.y.astype(np.int64) if about["classes"] else task.y.astype(np.float32).reshape(n, -1))
    dataset = {**about, "n": n, "x": str(folder / "x.npy"), "y": str(folder / "y.npy")}
    if task.groups is not None:
        np.save(folder / "groups.npy", np.unique(task.groups, return_inverse=True)[1])
        dataset["groups"] = str(folder / "groups.npy")
    if task.split is not None:
        np.save(folder / "split.npy", task.split)
        dataset["split"] = str(folder / "split.npy")
    return dataset
