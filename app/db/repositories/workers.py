"""Queries on the state of the service: workers, and counts over all owners."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.tables import Search, Trial, Worker


def last_seen(session: Session) -> datetime | None:
    """When any worker last said that it is alive."""
    return session.scalar(select(func.max(Worker.seen_at)))


def count_alive(session: Session, since: datetime) -> int:
    """Workers seen since `since`."""
    return session.scalar(select(func.count()).where(Worker.seen_at >= since)) or 0


def count_searches(session: Session) -> dict[str, int]:
    """Searches by state."""
    rows = session.execute(select(Search.state, func.count()).group_by(Search.state))
    return {row[0]: row[1] for row in rows}


def count_trials(session: Session) -> dict[str, int]:
    """Trials by state."""
    rows = session.execute(select(Trial.state, func.count()).group_by(Trial.state))
    return {row[0]: row[1] for row in rows}
