"""Random tasks on vectors, searched by the candidates' Gaussian processes alone: many, small, for calibration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.evidence.runner import Cell, Row, Settings, Task, judged, naive_row
from benchmarks.evidence.vectors import draw, search


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
    assert isinstance(task, PlannedTask)
    assert task.plan is not None
    started = time.monotonic()
    classes = int(task.y.max()) + 1 if task.y.dtype.kind == "i" else None
    kind = "classification" if classes else "regression"
    ranking, trials = search(task.x, task.y, task.plan, task=kind, classes=classes, folds=settings.folds, seed=seed)
    counts = {"n": len(task.x), "candidates": len(trials), "spared": 0, "margin": None, "training_seconds": 0.0}
    seconds = time.monotonic() - started
    return judged(task, task.plan, ranking) | counts | {"seconds": seconds, "naive": naive_row(task, task.plan, trials)}


CELLS = [Cell("kernels alone, n = 30 to 250", ["random"], random_task, kernels_alone)]
