"""Random tasks on vectors, searched by the candidates' Gaussian processes alone: many, small, for calibration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evidence.runner import MAX_CANDIDATES, Cell, Row, Settings, Task, facts, judged, naive_row
from benchmarks.evidence.vectors import draw, search
from models.groups.plan import plan_search


@dataclass(frozen=True)
class PlannedTask(Task):
    """A task whose lattice is already planned."""

    plan: dict[str, Any] | None = None


def random_task(truth: str, seed: int) -> PlannedTask:
    """The random task of a seed; `truth` is drawn with it."""
    task = draw(seed)
    name = task.plan["nodes"][task.truth]["name"]
    return PlannedTask(task.x, task.y, [], name, plan=task.plan)


def kernels_alone(task: Task, seed: int, settings: Settings, kept: Path | None = None) -> Row:
    """A search without networks; it is too short to be kept."""
    started = time.monotonic()
    about = facts(task)
    plan = task.plan if isinstance(task, PlannedTask) else None
    if plan is None:
        plan = plan_search(task.candidates, **about, include_subgroups=task.subgroups, max_candidates=MAX_CANDIDATES)
    y = task.y if about["classes"] else task.y.reshape(len(task.y), -1).astype(np.float32)
    kind, classes = about["task"], about["classes"]
    ranking, trials = search(task.x, y, plan, task=kind, classes=classes, folds=settings.folds, seed=seed)
    counts = {"n": len(task.x), "candidates": len(trials), "spared": 0, "margin": None, "training_seconds": 0.0}
    seconds = time.monotonic() - started
    return judged(task, plan, ranking) | counts | {"seconds": seconds, "naive": naive_row(task, plan, trials)}


CELLS = [Cell("kernels alone, n = 30 to 250", ["random"], random_task, kernels_alone)]
