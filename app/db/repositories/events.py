"""Queries on the event log."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.db.repositories import AnyRow
from app.db.tables import Event

BATCH = 500
_AFTER = (
    select(Event.id, Event.kind, Event.data, Event.created_at)
    .where(Event.search_id == bindparam("search_id"), Event.id > bindparam("after"))
    .order_by(Event.id)
    .limit(BATCH)
)


def after(session: Session, search_id: str, last_id: int) -> Sequence[AnyRow]:
    """Up to `BATCH` events of a search with ids above `last_id`, oldest first."""
    return session.execute(_AFTER, {"search_id": search_id, "after": last_id}).all()
