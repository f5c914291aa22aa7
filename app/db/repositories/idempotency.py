"""Queries on idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, and_, delete, or_, update
from sqlalchemy.orm import Session

from app.db.tables import IdempotencyKey


def claim(
    session: Session,
    owner: str,
    key: str,
    fingerprint: str,
    *,
    now: datetime,
    abandoned_before: datetime,
    forgotten_before: datetime,
) -> bool:
    """Mark `key` as in flight, if it is free.

    Free are keys never seen, those in flight since before `abandoned_before` (their process died), and answers
    older than `forgotten_before`.
    """
    inserted = session.scalar(
        _upsert(session)
        .values(owner=owner, key=key, fingerprint=fingerprint, created_at=now)
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.key)
    )
    if inserted is not None:
        return True
    taken = session.execute(
        update(IdempotencyKey)
        .where(
            IdempotencyKey.owner == owner,
            IdempotencyKey.key == key,
            or_(
                and_(IdempotencyKey.status.is_(None), IdempotencyKey.created_at < abandoned_before),
                IdempotencyKey.created_at < forgotten_before,
            ),
        )
        .values(fingerprint=fingerprint, created_at=now, status=None, response=None, location=None)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", taken).rowcount == 1


def _upsert(session: Session) -> Any:
    # Imported when used: each dialect takes a tenth of a second to load, and the engine has loaded its own.
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgres_insert

        return postgres_insert(IdempotencyKey)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(IdempotencyKey)


def find(session: Session, owner: str, key: str) -> IdempotencyKey | None:
    return session.get(IdempotencyKey, (owner, key))


def answer(
    session: Session, owner: str, key: str, claimed_at: datetime, *, status: int, response: Any, location: str
) -> bool:
    """Store the answer, if the claim made at `claimed_at` still stands."""
    stored = session.execute(
        update(IdempotencyKey)
        .where(*_claim(owner, key, claimed_at))
        .values(status=status, response=response, location=location)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", stored).rowcount == 1


def release(session: Session, owner: str, key: str, claimed_at: datetime) -> None:
    """Free a key whose request was refused, so that it can be sent again corrected."""
    session.execute(delete(IdempotencyKey).where(*_claim(owner, key, claimed_at)))


def _claim(owner: str, key: str, claimed_at: datetime) -> tuple[Any, ...]:
    return (
        IdempotencyKey.owner == owner,
        IdempotencyKey.key == key,
        IdempotencyKey.created_at == claimed_at,
        IdempotencyKey.status.is_(None),
    )
