"""States of searches and trials: their names, the moves that are allowed, and the functions that make them.

Locks are always taken in this order, so that no two transactions wait for each other: trials (by id), then the
search row, which every event insert holds until its commit. That also makes event ids of one search appear in the
order of their numbers, which the event stream relies on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, insert, select, update
from sqlalchemy.orm import Session

from app.db.tables import Event, Search, Trial

QUEUED, RUNNING, CANCELLING = "queued", "running", "cancelling"
DONE, FAILED, CRASHED, CANCELLED = "done", "failed", "crashed", "cancelled"

SEARCH_STATES = (QUEUED, RUNNING, CANCELLING, DONE, FAILED, CANCELLED)
SEARCH_TERMINAL = frozenset({DONE, FAILED, CANCELLED})
SEARCH_ACTIVE = frozenset({QUEUED, RUNNING, CANCELLING})
SEARCH_MOVES = {
    QUEUED: frozenset({RUNNING, CANCELLING, CANCELLED, DONE, FAILED}),
    RUNNING: frozenset({CANCELLING, CANCELLED, DONE, FAILED}),
    CANCELLING: frozenset({CANCELLED}),
    DONE: frozenset({QUEUED}),
    FAILED: frozenset({QUEUED}),
    CANCELLED: frozenset({QUEUED}),
}

TRIAL_STATES = (QUEUED, RUNNING, DONE, FAILED, CRASHED, CANCELLED)
TRIAL_TERMINAL = frozenset({DONE, FAILED, CRASHED, CANCELLED})
TRIAL_RETRYABLE = frozenset({FAILED, CRASHED, CANCELLED})
TRIAL_MOVES = {
    QUEUED: frozenset({RUNNING, CANCELLED, CRASHED}),
    RUNNING: frozenset({QUEUED, DONE, FAILED, CRASHED, CANCELLED}),
    DONE: frozenset[str](),
    FAILED: frozenset({QUEUED}),
    CRASHED: frozenset({QUEUED}),
    CANCELLED: frozenset({QUEUED}),
}


def set_search_state(session: Session, search_id: str, to: str, *, expect: Collection[str], **columns: Any) -> bool:
    """Move a search to state `to` if it is in one of the `expect` states, and log the event in the same transaction.

    columns: other columns to set with it. Returns False, and changes nothing, when the search is in another state.
    Raises ValueError for a move that does not exist.
    """
    for state in expect:
        if to not in SEARCH_MOVES[state]:
            raise ValueError(f"a search cannot go from {state} to {to}")
    result = session.execute(
        update(Search)
        .where(Search.id == search_id, Search.state.in_(expect))
        .values(state=to, **columns)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", result).rowcount == 0:
        return False
    _insert_event(session, search_id, "search", {"state": to})
    return True


def set_trial_states(
    session: Session, search_id: str, to: str, *, expect: Collection[str], **columns: Any
) -> Sequence[str]:
    """Move every trial of a search that is in an `expect` state to `to`, with one event for each.

    Returns the ids of the trials moved, in plan order. Raises ValueError for a move that does not exist.
    """
    for state in expect:
        if to not in TRIAL_MOVES[state]:
            raise ValueError(f"a trial cannot go from {state} to {to}")
    rows = session.execute(
        select(Trial.id, Trial.position, Trial.group, Trial.attempt)
        .where(Trial.search_id == search_id, Trial.state.in_(expect))
        .order_by(Trial.id)
        .with_for_update(key_share=True)
    ).all()
    if not rows:
        return []
    session.execute(
        update(Trial)
        .where(Trial.id.in_([row.id for row in rows]))
        .values(state=to, **columns)
        .execution_options(synchronize_session=False)
    )
    rows = sorted(rows, key=lambda row: row.position)
    _lock_search(session, search_id)
    for row in rows:
        attempt = columns.get("attempt", row.attempt)
        data = {"candidate_id": row.id, "group": row.group, "state": to, "attempt": attempt}
        _insert_event(session, search_id, "trial", data)
    return [row.id for row in rows]


def add_event(session: Session, search_id: str, kind: str, data: dict[str, Any]) -> None:
    """Append an event to the log of a search. Call it after the trial rows of the same transaction are written."""
    _lock_search(session, search_id)
    _insert_event(session, search_id, kind, data)


def _lock_search(session: Session, search_id: str) -> None:
    session.execute(select(Search.id).where(Search.id == search_id).with_for_update(key_share=True))


def _insert_event(session: Session, search_id: str, kind: str, data: dict[str, Any]) -> None:
    session.execute(insert(Event).values(search_id=search_id, kind=kind, data=data))
