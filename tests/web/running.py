"""A search that runs without a worker: a test changes its rows and tells its events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from app.db import states
from app.db.tables import Trial
from tests.web.rows import waiting_search
from tests.web.serving import Service


class Running:
    """A search whose rows and events a test changes as workers would."""

    def __init__(self, service: Service) -> None:
        self.service = service
        with service.writer.begin() as session:
            self.id = waiting_search(session)
            states.set_search_state(session, self.id, states.RUNNING, expect={states.QUEUED})
            trials = session.execute(select(Trial.id).where(Trial.search_id == self.id).order_by(Trial.position))
            self.trials = list(trials.scalars())

    def event(self, kind: str, trial: int, **data: Any) -> None:
        with self.service.writer.begin() as session:
            states.add_event(session, self.id, kind, {"candidate_id": self.trials[trial], "group": "-", **data})

    def begin(self, trial: int, attempt: int = 1) -> None:
        with self.service.writer.begin() as session:
            session.execute(
                update(Trial)
                .where(Trial.id == self.trials[trial])
                .values(state="running", attempt=attempt, progress=0.1)
            )
        self.event("trial", trial, state="running", attempt=attempt)

    def epochs(self, trial: int, first: int, last: int, attempt: int = 1) -> None:
        points = [{"epoch": n, "losses": [2.0 / n, 1.0 / n, None]} for n in range(first, last + 1)]
        self.event("epoch", trial, attempt=attempt, epochs=40, points=points)

    def finish(self, trial: int, **metrics: Any) -> None:
        with self.service.writer.begin() as session:
            values = {"state": "done", "metrics": metrics, "progress": 1.0}
            session.execute(update(Trial).where(Trial.id == self.trials[trial]).values(values))
        self.event("trial", trial, state="done", attempt=1)
