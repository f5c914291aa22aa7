"""Queries on data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from app.db import states
from app.db.tables import Dataset, Search


def find(session: Session, owner: str, dataset_id: str, *, lock: bool = False) -> Dataset | None:
    """A data set that was not deleted; `lock` keeps others from using or deleting it until the transaction ends."""
    query = select(Dataset).where(Dataset.id == dataset_id, Dataset.owner == owner, Dataset.deleted_at.is_(None))
    return session.scalar(query.with_for_update() if lock else query)


def twin(session: Session, owner: str, content_key: str) -> Dataset | None:
    """The data set with the same bytes and options, deleted or not."""
    return session.scalar(select(Dataset).where(Dataset.owner == owner, Dataset.content_key == content_key))


def page(session: Session, owner: str, *, after: str | None, limit: int) -> Sequence[Dataset]:
    """Up to `limit` data sets, newest first, older than the id `after`."""
    query = select(Dataset).where(Dataset.owner == owner, Dataset.deleted_at.is_(None))
    if after is not None:
        query = query.where(Dataset.id < after)
    return session.scalars(query.order_by(Dataset.id.desc()).limit(limit)).all()


def revive(session: Session, dataset_id: str, columns: dict[str, Any]) -> bool:
    """Make a deleted data set live again with new `columns`; False when it already is."""
    changed = session.execute(
        update(Dataset)
        .where(Dataset.id == dataset_id, Dataset.deleted_at.is_not(None))
        .values(deleted_at=None, **columns)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", changed).rowcount == 1


def unfinished_searches(session: Session, dataset_id: str, limit: int) -> Sequence[str]:
    """Ids of searches that still work on a data set."""
    query = select(Search.id).where(Search.dataset_id == dataset_id, Search.state.in_(states.SEARCH_ACTIVE))
    return session.scalars(query.order_by(Search.id).limit(limit)).all()
