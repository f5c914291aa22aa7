"""Health and metrics of the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from starlette.responses import Response

from app.db.repositories import workers
from app.db.tables import utc_now
from app.dependencies import CurrentDoorbell, Reader
from app.errors import Problem
from app.metrics import WORKER_ALIVE
from app.schemas.common import problems
from app.schemas.service import Live, Ready
from app.version import VERSION

router = APIRouter(tags=["service"])
OPENMETRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/livez", response_model=Live, responses=problems(key=False), summary="Is the process alive?")
async def livez() -> dict[str, str]:
    """Answers as long as the event loop turns; asks nothing else."""
    return {"status": "ok", "version": VERSION}


@router.get("/readyz", response_model=Ready, responses=problems(503, key=False), summary="Can it do its work?")
def readyz(reader: Reader, doorbell: CurrentDoorbell) -> Any:
    """Checks the database, the broker and that a worker was seen within a minute."""
    checks = {
        "database": _outcome(lambda: _check_database(reader)),
        "broker": _outcome(doorbell.check),
        "worker": _outcome(lambda: _check_worker(reader)),
    }
    wrong = [f"{name}: {outcome}" for name, outcome in checks.items() if outcome != "ok"]
    if wrong:
        raise Problem(503, "Not ready", "; ".join(wrong), slug="not-ready", extensions={"checks": checks})
    return {"status": "ok", "checks": checks}


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus text format.",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "erlangen_queue_depth 0.0\n"}},
        },
        **problems(key=False),
    },
    summary="Metrics for Prometheus",
)
def metrics(request: Request) -> Response:
    """Requests, searches and trials by state, queue depth, workers alive."""
    return Response(request.app.state.metrics.render(), media_type=OPENMETRICS_TEXT)


def _outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:
        # The kind of the failure and not its text, which may hold an address with a password.
        return str(error) if isinstance(error, NotReady) else f"failed ({type(error).__name__})"
    return "ok"


class NotReady(Exception):
    """A check's own finding, fit to be shown."""


def _check_database(reader: sessionmaker[Session]) -> None:
    with reader() as session:
        session.execute(text("SELECT 1 FROM searches LIMIT 1"))


def _check_worker(reader: sessionmaker[Session]) -> None:
    with reader() as session:
        seen = workers.last_seen(session)
    if seen is None:
        raise NotReady("no worker was ever seen")
    silence = utc_now() - seen
    if silence > WORKER_ALIVE:
        raise NotReady(f"the last worker was seen {silence.total_seconds():.0f} s ago")
