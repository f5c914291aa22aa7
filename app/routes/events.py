"""The event log of a search as server-sent events."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, format_sse_event
from sqlalchemy.orm import Session, sessionmaker

from app.db import states
from app.db.repositories import AnyRow, events, searches
from app.dependencies import ReadAccess, Reader
from app.errors import Problem
from app.schemas.common import SearchId, problems
from app.services.searches import timestamp

POLL_SECONDS = 0.3
STOP_CHECK_SECONDS = 0.1
HEARTBEAT_SECONDS = 15.0
MAX_EVENT_ID = 2**63 - 1

EVENT_SCHEMA = {
    "type": "object",
    "description": "One event of the stream.",
    "properties": {
        "event": {"enum": ["search", "trial", "progress", "epoch", "planned", "ranked"]},
        "data": {"type": "string", "description": "A JSON object; `at` is the time it was logged."},
        "id": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "required": ["event", "data", "id"],
}

router = APIRouter(prefix="/v1", tags=["searches"])
EventId = Annotated[int | None, Query(ge=0, le=MAX_EVENT_ID, description="Send only what came after this event.")]
EventIdHeader = Annotated[int | None, Header(ge=0, le=MAX_EVENT_ID, description="As browsers send it on reconnecting.")]


@router.get(
    "/searches/{search_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `search`, `trial`, `progress`, `epoch` (held-out losses of a candidate's networks "
            "as they train: `points` of {epoch, losses}, one loss a network, in bits for classes and as the share of "
            "the variance for targets; about a hundred points a training, at most one event a second), `planned` "
            "(other candidates take the place of the scout that found the label actions) and `ranked`; the stream "
            "ends with the search.",
            "content": {
                "text/event-stream": {
                    "schema": EVENT_SCHEMA,
                    "example": 'event: search\ndata: {"state": "done", "at": "2026-01-05T10:01:12Z"}\nid: 42\n\n',
                }
            },
        },
        **problems(404),
    },
    summary="Follow a search",
)
async def follow_search(
    request: Request,
    search_id: SearchId,
    principal: ReadAccess,
    reader: Reader,
    last_event_id: EventIdHeader = None,
    after: Annotated[EventId, Query(alias="last_event_id")] = None,
) -> EventSourceResponse:
    """Server-sent events from the beginning of the log, or after the event named by `Last-Event-ID`."""
    limiter: CapacityLimiter = request.app.state.stream_limiter
    stopping: threading.Event = request.app.state.stopping
    owned = await to_thread.run_sync(_is_owned, reader, principal.owner, search_id, limiter=limiter)
    if not owned:
        raise Problem.not_found("search", search_id)
    first = last_event_id if last_event_id is not None else after
    stream = _stream(reader, search_id, first or 0, stopping, limiter)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventSourceResponse(stream, headers=headers)


async def _stream(
    reader: sessionmaker[Session], search_id: str, last_id: int, stopping: threading.Event, limiter: CapacityLimiter
) -> AsyncIterator[bytes]:
    """Events above `last_id` until the search's terminal event was sent, the client has gone or the server stops."""
    yield format_sse_event(retry=2000)
    spoken = time.monotonic()
    while not stopping.is_set():
        state, rows = await to_thread.run_sync(_read, reader, search_id, last_id, limiter=limiter)
        for row in rows:
            last_id = row.id
            data = json.dumps({**row.data, "at": timestamp(row.created_at)})
            yield format_sse_event(data_str=data, event=row.kind, id=str(row.id))
        now = time.monotonic()
        if len(rows) == events.BATCH:
            continue
        if state is None or state in states.SEARCH_TERMINAL:
            # Read before the rows, and an event is written with its state: all of them are out.
            return
        if rows:
            spoken = now
        elif now - spoken >= HEARTBEAT_SECONDS:
            spoken = now
            yield format_sse_event(comment="still here")
        await _pause(stopping)


async def _pause(stopping: threading.Event) -> None:
    until = time.monotonic() + POLL_SECONDS
    while not stopping.is_set() and (left := until - time.monotonic()) > 0:
        await anyio.sleep(min(STOP_CHECK_SECONDS, left))


def _is_owned(reader: sessionmaker[Session], owner: str, search_id: str) -> bool:
    with reader() as session:
        return searches.head(session, owner, search_id) is not None


def _read(reader: sessionmaker[Session], search_id: str, last_id: int) -> tuple[str | None, Sequence[AnyRow]]:
    with reader() as session:
        state = searches.state(session, search_id)
        return state, events.after(session, search_id, last_id)
