"""A runner on a database, and what a test asks of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Event, Search, Trial
from app.settings import Settings
from app.storage import Storage
from models.groups.scout import plan_or_scout
from tests.seeding import add_dataset, add_search, expire, get_trial
from tests.waiting import wait_for
from workers.leases import Leases
from workers.rank import Rankings
from workers.reaper import Reaper
from workers.runner import Runner
from workers.trainer_handle import TrainerHandle

Sessions = sessionmaker[Session]
TRAIN = "tests.jobs.standin:run_trial"
RANK = "tests.jobs.standin:rank_search"


class Bench:
    """A runner on a database, and what a test asks of it."""

    def __init__(
        self, settings: Settings, writer: Sessions, reader: Sessions, storage: Storage, trainer: TrainerHandle
    ) -> None:
        self.writer, self.reader, self.storage, self.trainer = writer, reader, storage, trainer
        self.rung: list[str] = []
        self.scratch = settings.data_dir / "scratch"
        self.scratch.mkdir(parents=True)
        self.leases = Leases(writer, worker="w1", lease_seconds=3, max_attempts=3)
        self.rankings = Rankings(writer, lease_seconds=3, max_attempts=5)
        self.dataset_id = add_dataset(writer, storage)
        self.runner = self.make_runner()

    def make_runner(self) -> Runner:
        return Runner(
            leases=self.leases,
            rankings=self.rankings,
            reader=self.reader,
            storage=self.storage,
            trainer=self.trainer,
            ring_trial=self.rung.append,
            scratch=self.scratch,
            cancel_grace_seconds=0.5,
        )

    def search(self, *groups: str, max_seconds: float = 60.0, **specs: dict[str, Any]) -> tuple[str, list[str]]:
        return add_search(self.writer, self.dataset_id, groups=groups, specs=specs, max_seconds=max_seconds)

    @contextmanager
    def running(self, trial_id: str) -> Iterator[threading.Thread]:
        """Run a trial in a thread, from its first sign of progress on; the thread has ended afterwards."""
        thread = threading.Thread(target=self.runner.run, args=(trial_id,))
        thread.start()
        try:
            wait_for(lambda: get_trial(self.reader, trial_id).progress > 0, what="progress")
            yield thread
        finally:
            thread.join(20)
            assert not thread.is_alive()

    def objects(self) -> list[str]:
        return self.storage.list("trials")

    def events(self, search_id: str, kind: str) -> int:
        with self.reader() as session:
            query = select(func.count()).where(Event.search_id == search_id, Event.kind == kind)
            return session.execute(query).scalar_one()

    def scout(self, **spec: dict[str, Any]) -> tuple[str, str]:
        """A search whose scout will say that a half turn exchanges the two classes."""
        found = {"candidate": 0, "labels": "permutation", "maps": {"label_generators": [[1, 0]]}}
        search_id, (trial_id,) = self.search("E", E={"says": {"label_actions": [found]}, **spec})
        data = {"domain": "vector", "x_shape": [2], "task": "classification", "target_dim": None, "classes": 2}
        planned = plan_or_scout(
            [{"group": "C2", "labels": "permutation"}], **data, include_subgroups=True, max_candidates=9
        )
        with self.writer.begin() as session:
            search = session.execute(select(Search).where(Search.id == search_id)).scalar_one()
            search.plan = {**search.plan, "scout": planned["scout"]}
        return search_id, trial_id

    def trials(self, search_id: str) -> list[tuple[str, str, str]]:
        """(group, labels, state) of every candidate, in plan order."""
        with self.reader() as session:
            query = select(Trial.group, Trial.labels, Trial.state).where(Trial.search_id == search_id)
            return [tuple(row) for row in session.execute(query.order_by(Trial.position))]

    def expire(self, trial_id: str) -> None:
        expire(self.writer, trial_id)
        bells = Bells()
        Reaper(self.writer, self.reader, bells, max_attempts=3, ring_again_seconds=60, outage_grace_seconds=0).sweep()


class Bells:
    def ring_trial(self, trial_id: str) -> None: ...
    def ring_rank(self, search_id: str) -> None: ...
