"""Which trial a doorbell leads to: its own or, in a search that may stop early, the one that may settle most."""

from __future__ import annotations

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db.states import QUEUED
from app.db.tables import Search, Trial
from app.storage import Storage
from workers.leases import Lease, Leases
from workers.rank import finished_trials
from workers.stopping import most_telling_first, stops

log = structlog.get_logger("erlangen.order")


def claim_for(trial_id: str, leases: Leases, reader: sessionmaker[Session], storage: Storage) -> Lease | None:
    """Claim a trial for the bell of `trial_id`; None if there is none to be had.

    The order is worked out before a row is touched, and each claim is conditional: what another worker has taken
    meanwhile is passed over. A search has a bell for every trial, so none is left however they are exchanged.
    """
    for chosen in _order(trial_id, reader, storage):
        lease = leases.claim(chosen)
        if lease is not None:
            return lease
    return None


def _order(trial_id: str, reader: sessionmaker[Session], storage: Storage) -> list[str]:
    with reader() as session:
        search = session.execute(
            select(Search).join(Trial, Trial.search_id == Search.id).where(Trial.id == trial_id)
        ).scalar_one_or_none()
        if search is None or not stops(search.request):
            return [trial_id]
        waiting = select(Trial.position, Trial.id).where(Trial.search_id == search.id, Trial.state == QUEUED)
        queued = {row.position: row.id for row in session.execute(waiting)}
    first = sorted(queued)
    if len(queued) > 1:
        try:
            with reader() as session:
                done = finished_trials(session, storage, search.id)
            first = most_telling_first({"plan": search.plan, "request": search.request, "done": done}, first)
        except SQLAlchemyError:
            raise
        except Exception:
            log.exception("the order of a search could not be worked out", search_id=search.id)
    return [queued[position] for position in first]
