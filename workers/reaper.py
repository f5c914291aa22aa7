"""The reaper: finds what a dead process left behind and sets it going again.

Every worker runs one. Each repair is its own conditional transaction, so that any number of reapers may look at the
same rows at once and each repair is made by one of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

import structlog
from sqlalchemy import ColumnElement, CursorResult, delete, exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db.states import CANCELLED, CANCELLING, CRASHED, QUEUED, RUNNING, set_search_state, set_trial_states
from app.db.tables import Search, Trial, Worker
from workers.leases import Lease, database_now, end_attempt

PERIOD_SECONDS = 1.0
BELLS_A_SWEEP = 16  # a long queue is rung for piece by piece, or an idle night would fill the broker
FORGET_WORKER_SECONDS = 3600.0

log = structlog.get_logger("erlangen.reaper")


class Bell(Protocol):
    """What rings for workers: `app.doorbell.Doorbell`."""

    def ring_trial(self, trial_id: str) -> None: ...
    def ring_rank(self, search_id: str) -> None: ...


class Reaper:
    """One sweep is `sweep()`; `start` sweeps once a second in a thread until `stop`.

    idle: whether this worker has had nothing to do for a while. Only an idle worker rings again for rows that wait:
    with every worker busy, waiting is what they should do. It also rings for rows whose message a busy worker holds.
    """

    def __init__(
        self,
        writer: sessionmaker[Session],
        reader: sessionmaker[Session],
        bell: Bell,
        *,
        max_attempts: int,
        ring_again_seconds: float,
        outage_grace_seconds: float,
        idle: Callable[[], bool] = lambda: True,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._bell = bell
        self._max_attempts = max_attempts
        self._ring_again = timedelta(seconds=ring_again_seconds)
        self._outage_grace = outage_grace_seconds
        self._idle = idle
        self._expiry_from = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="reaper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _loop(self) -> None:
        while not self._stopping.wait(PERIOD_SECONDS):
            try:
                self.sweep()
            except SQLAlchemyError as error:
                # Nobody could renew either: holders get time to do it before their leases count as expired.
                self._expiry_from = time.monotonic() + self._outage_grace
                log.warning("the database did not answer", error=repr(error))
            except Exception:
                log.exception("the sweep failed")

    def sweep(self) -> None:
        """Repair everything that needs it now."""
        if time.monotonic() >= self._expiry_from:
            self._requeue_expired()
        self._finish_cancellations()
        self._crash_worn_out()
        if self._idle():
            self._ring_for_trials()
            self._ring_for_rankings()

    def _requeue_expired(self) -> None:
        with self._reader() as session:
            expired = Trial.state == RUNNING, Trial.lease_until < database_now(session)
            rows = session.execute(
                select(Trial.id, Trial.search_id, Trial.group, Trial.attempt, Trial.token)
                .where(*expired)
                .order_by(Trial.lease_until)
            ).all()
        for row in rows:
            lease = Lease(row.id, row.search_id, row.group, row.attempt, row.token or "")
            with self._writer.begin() as session:
                now = database_now(session)
                still = select(Trial.id).where(
                    Trial.id == row.id, Trial.token == row.token, Trial.state == RUNNING, Trial.lease_until < now
                )
                if session.execute(still.with_for_update(key_share=True)).one_or_none() is None:
                    continue
                state = QUEUED if row.attempt < self._max_attempts else CRASHED
                verdict = end_attempt(session, lease, state, error="The worker that ran this candidate disappeared.")
            log.warning("a lease expired", trial_id=row.id, attempt=row.attempt, state=verdict.state)
            if verdict.state == QUEUED:
                self._bell.ring_trial(row.id)
            if verdict.rank_due:
                self._bell.ring_rank(row.search_id)

    def _finish_cancellations(self) -> None:
        """Cancelling searches that nobody works on any more."""
        for search_id in self._ids(select(Search.id).where(Search.state == CANCELLING, ~_has_trials(RUNNING))):
            with self._writer.begin() as session:
                now = database_now(session)
                set_trial_states(session, search_id, CANCELLED, expect={QUEUED}, finished_at=now)
                still_running = select(Trial.id).where(Trial.search_id == search_id, Trial.state == RUNNING).limit(1)
                if session.execute(still_running).one_or_none() is None:
                    set_search_state(session, search_id, CANCELLED, expect={CANCELLING}, finished_at=now)

    def _crash_worn_out(self) -> None:
        """Queued trials that may not be claimed any more, as after lowering the number of attempts."""
        worn_out = Trial.state == QUEUED, Trial.attempt >= self._max_attempts
        for search_id in self._ids(select(Trial.search_id).where(*worn_out).distinct()):
            with self._writer.begin() as session:
                rows = session.execute(
                    select(Trial.id, Trial.group, Trial.attempt)
                    .where(Trial.search_id == search_id, *worn_out)
                    .order_by(Trial.id)
                    .with_for_update(key_share=True)
                ).all()
                for row in rows:
                    # A token of its own makes the row look like an attempt that just died.
                    lease = Lease(row.id, search_id, row.group, row.attempt, f"worn-out-{row.id}")
                    values = {"state": RUNNING, "token": lease.token}
                    session.execute(update(Trial).where(Trial.id == row.id).values(**values))
                    end_attempt(session, lease, CRASHED, error="No attempts are left.")

    def _ring_for_trials(self) -> None:
        with self._reader() as session:
            now = database_now(session)
            waiting = select(Trial.id).join(Search).where(*self._unanswered_trial(now))
            ids = session.execute(waiting.order_by(Trial.rung_at, Trial.id).limit(BELLS_A_SWEEP)).scalars().all()
        for trial_id in ids:
            condition = Trial.id == trial_id, Trial.state == QUEUED, Trial.rung_at < now - self._ring_again
            if self._mark(update(Trial).where(*condition).values(rung_at=now)):
                self._bell.ring_trial(trial_id)

    def _unanswered_trial(self, now: datetime) -> tuple[ColumnElement[bool], ...]:
        return Trial.state == QUEUED, Trial.rung_at < now - self._ring_again, Search.state.in_((QUEUED, RUNNING))

    def _ring_for_rankings(self) -> None:
        """Searches whose trials have all ended and that nobody ranks."""
        with self._reader() as session:
            now = database_now(session)
            due = (
                Search.state.in_((QUEUED, RUNNING)),
                or_(Search.rank_lease_until.is_(None), Search.rank_lease_until < now),
                # The first ring comes with the end of the last trial; a ranker that died is replaced at once.
                or_(Search.rank_rung_at.is_(None), Search.rank_rung_at < now - timedelta(seconds=2)),
            )
            ids = session.execute(select(Search.id).where(*due, ~_has_trials(QUEUED, RUNNING))).scalars().all()
        for search_id in ids:
            if self._mark(update(Search).where(Search.id == search_id, *due).values(rank_rung_at=now)):
                self._bell.ring_rank(search_id)

    def _ids(self, query: Any) -> list[str]:
        with self._reader() as session:
            return list(session.execute(query).scalars())

    def _mark(self, statement: Any) -> bool:
        with self._writer.begin() as session:
            result = session.execute(statement.execution_options(synchronize_session=False))
            return cast("CursorResult[Any]", result).rowcount == 1


def forget_workers(writer: sessionmaker[Session]) -> None:
    """Delete heartbeats of workers that have been gone for an hour."""
    with writer.begin() as session:
        limit = database_now(session) - timedelta(seconds=FORGET_WORKER_SECONDS)
        session.execute(delete(Worker).where(Worker.seen_at < limit))


def _has_trials(*states: str) -> ColumnElement[bool]:
    return exists().where(Trial.search_id == Search.id, Trial.state.in_(states))
