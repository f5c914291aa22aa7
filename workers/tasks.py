"""The tasks: what a doorbell message starts. A message may be lost or repeated; the rows say what is to be done."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery

from app.doorbell import RANK_TASK, TRIAL_TASK
from workers.runner import Runner


def register(celery: Celery, runner: Runner, ring_back: Callable[[str, str], None]) -> None:
    """Define the tasks of `celery`; `ring_back(task, id)` rings again for what a stopping worker leaves undone."""

    @celery.task(name=TRIAL_TASK, ignore_result=True)  # type: ignore[untyped-decorator]
    def trial(trial_id: str) -> None:
        runner.run(trial_id)
        if runner.stopping:
            ring_back(TRIAL_TASK, trial_id)

    @celery.task(name=RANK_TASK, ignore_result=True)  # type: ignore[untyped-decorator]
    def rank(search_id: str) -> None:
        runner.rank(search_id)
        if runner.stopping:
            ring_back(RANK_TASK, search_id)
