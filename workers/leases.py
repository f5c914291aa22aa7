"""Leases on trials: who may work on a trial, for how long, and what became of it.

The database row is the truth. A claim is one conditional UPDATE that hands out a fencing token; everything an
attempt writes afterwards names that token and matches no row once the attempt has lost its lease. Locks are taken
in the order trial, search (see `app.db.states`), every transaction is short, and none is open while a network trains.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.db.states import (
    CANCELLED,
    CANCELLING,
    CRASHED,
    DONE,
    FAILED,
    QUEUED,
    RUNNING,
    SEARCH_TERMINAL,
    TRIAL_TERMINAL,
    add_event,
    set_search_state,
)
from app.db.tables import Event, Search, Trial, utc_now

PROGRESS_EVENT_SECONDS = 1.0
LONGEST_ERROR = 4000


class Standing(Enum):
    """What an attempt learns when it looks at its lease."""

    HELD = "held"
    CANCELLING = "cancelling"
    LOST = "lost"


@dataclass(frozen=True)
class Lease:
    """The right to work on one trial, for one attempt."""

    trial_id: str
    search_id: str
    group: str
    attempt: int
    token: str


@dataclass(frozen=True)
class Verdict:
    """What ending an attempt did: `accepted` if the lease was still held, `state` the trial's state then,
    `rank_due` if that was the last open trial of a search that now waits for its ranking."""

    accepted: bool
    state: str | None = None
    rank_due: bool = False


LOST = Verdict(accepted=False)


def database_now(session: Session) -> datetime:
    """The time by which leases are measured: the server's clock, so that workers' clocks may differ."""
    if session.get_bind().dialect.name == "sqlite":
        return utc_now()
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now


class Leases:
    """Claims, renews and ends attempts for one worker."""

    def __init__(self, writer: sessionmaker[Session], *, worker: str, lease_seconds: float, max_attempts: int) -> None:
        self.writer = writer
        self.worker = worker
        self.lease_seconds = lease_seconds
        self.max_attempts = max_attempts

    def claim(self, trial_id: str) -> Lease | None:
        """Take a queued trial: attempt + 1, a new token, the search running. None if it is not to be had."""
        token = secrets.token_hex(16)
        with self.writer.begin() as session:
            now = database_now(session)
            row = session.execute(
                update(Trial)
                .where(Trial.id == trial_id, Trial.state == QUEUED, Trial.attempt < self.max_attempts)
                .values(
                    state=RUNNING,
                    attempt=Trial.attempt + 1,
                    token=token,
                    lease_until=now + timedelta(seconds=self.lease_seconds),
                    worker=self.worker,
                    progress=0.0,
                    started_at=now,
                    finished_at=None,
                )
                .returning(Trial.search_id, Trial.group, Trial.attempt)
            ).one_or_none()
            if row is None:
                return None
            lease = Lease(trial_id, row.search_id, row.group, row.attempt, token)
            _announce(session, lease, RUNNING)
            state, started_at = session.execute(
                select(Search.state, Search.started_at).where(Search.id == row.search_id)
            ).one()
            if state not in (QUEUED, RUNNING):
                session.rollback()
                return None
            if state == QUEUED:
                set_search_state(session, row.search_id, RUNNING, expect={QUEUED}, started_at=started_at or now)
        return lease

    def renew(self, lease: Lease, progress: float | None = None, epochs: Sequence[dict[str, Any]] = ()) -> Standing:
        """Extend the lease by its full length, record progress (0 to 1) and log `epochs`; LOST if it is not ours."""
        with self.writer.begin() as session:
            now = database_now(session)
            values: dict[str, Any] = {"lease_until": now + timedelta(seconds=self.lease_seconds)}
            if progress is not None:
                values["progress"] = min(max(progress, 0.0), 1.0)
            search_id = session.execute(
                update(Trial).where(*_held(lease)).values(**values).returning(Trial.search_id)
            ).scalar_one_or_none()
            if search_id is None:
                return Standing.LOST
            if progress is not None:
                _announce_progress(session, lease, now)
            _announce_epochs(session, lease, epochs)
            state = session.execute(select(Search.state).where(Search.id == search_id)).scalar_one()
        return Standing.CANCELLING if state == CANCELLING else Standing.HELD

    def standing(self, reader: sessionmaker[Session], lease: Lease) -> Standing:
        """Look without writing."""
        with reader() as session:
            state = session.execute(
                select(Search.state).join(Trial, Trial.search_id == Search.id).where(*_held(lease))
            ).scalar_one_or_none()
        if state is None:
            return Standing.LOST
        return Standing.CANCELLING if state == CANCELLING else Standing.HELD

    def finish(
        self,
        lease: Lease,
        *,
        metrics: dict[str, Any],
        prefix: str,
        seconds: float,
        epochs: Sequence[dict[str, Any]] = (),
    ) -> Verdict:
        """Record the result, and log the last `epochs`. Not accepted, and nothing changed, when the lease was lost.

        Repeating it after a commit whose answer was lost on the way is accepted and changes nothing.
        """
        columns = {"metrics": metrics, "prefix": prefix, "seconds": seconds, "progress": 1.0, "error": None}
        with self.writer.begin() as session:
            verdict = end_attempt(session, lease, DONE, epochs, **columns)
        return verdict if verdict.accepted else self._recorded(lease, prefix)

    def fail(self, lease: Lease, error: str) -> Verdict:
        """The trial cannot succeed however often it is tried."""
        return self._end(lease, FAILED, error=error[:LONGEST_ERROR])

    def crash(self, lease: Lease, error: str) -> Verdict:
        """The attempt died: queued again, or crashed when it was the last one allowed."""
        state = QUEUED if lease.attempt < self.max_attempts else CRASHED
        return self._end(lease, state, error=error[:LONGEST_ERROR])

    def cancel(self, lease: Lease) -> Verdict:
        return self._end(lease, CANCELLED)

    def release(self, lease: Lease) -> Verdict:
        """Hand the trial back untouched: queued, and this attempt does not count."""
        return self._end(lease, QUEUED, attempt=Trial.attempt - 1)

    def _recorded(self, lease: Lease, prefix: str) -> Verdict:
        with self.writer.begin() as session:
            mine = Trial.id == lease.trial_id, Trial.state == DONE, Trial.prefix == prefix
            if session.execute(select(Trial.id).where(*mine)).one_or_none() is None:
                return LOST
            search_state = lock_search(session, lease.search_id)
            return Verdict(True, DONE, rank_due=settle(session, lease.search_id, search_state, database_now(session)))

    def _end(self, lease: Lease, state: str, **columns: Any) -> Verdict:
        with self.writer.begin() as session:
            return end_attempt(session, lease, state, **columns)


def end_attempt(
    session: Session, lease: Lease, state: str, epochs: Sequence[dict[str, Any]] = (), **columns: Any
) -> Verdict:
    """Move the trial of a held lease to `state`; an attempt of a search being cancelled is cancelled, not queued."""
    held = session.execute(select(Trial.id).where(*_held(lease)).with_for_update(key_share=True)).one_or_none()
    if held is None:
        return LOST
    search_state = lock_search(session, lease.search_id)
    if search_state == CANCELLING or search_state in SEARCH_TERMINAL:
        state = CANCELLED if state == QUEUED else state
    now = database_now(session)
    if state == QUEUED:
        columns |= {"progress": 0.0, "rung_at": now, "started_at": None}
    else:
        columns |= {"finished_at": now}
    session.execute(
        update(Trial).where(Trial.id == lease.trial_id).values(state=state, token=None, lease_until=None, **columns)
    )
    _announce_epochs(session, lease, epochs)
    _announce(session, lease, state)
    return Verdict(accepted=True, state=state, rank_due=settle(session, lease.search_id, search_state, now))


def lock_search(session: Session, search_id: str) -> str:
    """Lock a search until the end of the transaction; returns its state."""
    return session.execute(
        select(Search.state).where(Search.id == search_id).with_for_update(key_share=True)
    ).scalar_one()


def settle(session: Session, search_id: str, search_state: str, now: datetime) -> bool:
    """After a trial ended, with the search locked: finish a cancellation, or tell whether a ranking is due."""
    states = Counter(session.execute(select(Trial.state).where(Trial.search_id == search_id)).scalars())
    if states[QUEUED] or states[RUNNING]:
        return False
    if search_state == CANCELLING:
        set_search_state(session, search_id, CANCELLED, expect={CANCELLING}, finished_at=now)
        return False
    return search_state in (QUEUED, RUNNING)


def _held(lease: Lease) -> tuple[Any, ...]:
    return Trial.id == lease.trial_id, Trial.token == lease.token, Trial.state == RUNNING


def _announce(session: Session, lease: Lease, state: str) -> None:
    data = {"candidate_id": lease.trial_id, "group": lease.group, "state": state, "attempt": lease.attempt}
    add_event(session, lease.search_id, "trial", data)


def _announce_epochs(session: Session, lease: Lease, epochs: Sequence[dict[str, Any]]) -> None:
    """Log what an attempt's networks have reached, in one event however many epochs there are."""
    if not epochs:
        return
    data = {
        "candidate_id": lease.trial_id,
        "group": lease.group,
        "attempt": lease.attempt,
        "epochs": epochs[-1]["epochs"],
        "points": [{"epoch": one["epoch"], "losses": _short(one["losses"])} for one in epochs],
    }
    add_event(session, lease.search_id, "epoch", data)


def _short(losses: Sequence[float | None]) -> list[float | None]:
    return [None if loss is None else float(f"{loss:.4g}") for loss in losses]


def _announce_progress(session: Session, lease: Lease, now: datetime) -> None:
    """Add a progress event unless the search has had one within the last second."""
    last = session.execute(
        select(Event.created_at)
        .where(Event.search_id == lease.search_id, Event.kind == "progress")
        .order_by(Event.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if last is not None and abs((now - last).total_seconds()) < PROGRESS_EVENT_SECONDS:
        return
    terminal = Trial.state.in_(TRIAL_TERMINAL)
    total, done, fraction = session.execute(
        select(
            func.count(),
            func.sum(case((terminal, 1), else_=0)),
            func.avg(case((terminal, 1.0), else_=Trial.progress)),
        ).where(Trial.search_id == lease.search_id)
    ).one()
    data = {
        "done": int(done),
        "total": total,
        "fraction": round(float(fraction), 4),
        "candidate_id": lease.trial_id,
        "group": lease.group,
    }
    add_event(session, lease.search_id, "progress", data)
