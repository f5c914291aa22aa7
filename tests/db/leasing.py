"""What tests of leases ask and do again and again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Event, Search
from workers.leases import Lease, Leases

Sessions = sessionmaker[Session]


class Bells:
    """A doorbell that only remembers."""

    def __init__(self) -> None:
        self.trials: list[str] = []
        self.rankings: list[str] = []

    def ring_trial(self, trial_id: str) -> None:
        self.trials.append(trial_id)

    def ring_rank(self, search_id: str) -> None:
        self.rankings.append(search_id)


def must_claim(leases: Leases, trial_id: str) -> Lease:
    lease = leases.claim(trial_id)
    assert lease is not None
    return lease


def finish(leases: Leases, lease: Lease) -> Any:
    return leases.finish(lease, metrics={"loss_bits": 0.5}, prefix=f"trials/{lease.token}", seconds=1.0)


def events(reader: Sessions, search_id: str) -> list[tuple[str, dict[str, Any]]]:
    with reader() as session:
        rows = session.execute(select(Event.kind, Event.data).where(Event.search_id == search_id).order_by(Event.id))
        return [(row.kind, row.data) for row in rows]


def set_state(writer: Sessions, search_id: str, state: str) -> None:
    with writer.begin() as session:
        session.execute(update(Search).where(Search.id == search_id).values(state=state))
