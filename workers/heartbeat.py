"""The worker's sign of life in the database."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Worker
from workers.leases import database_now
from workers.reaper import forget_workers

PERIOD_SECONDS = 5.0

log = structlog.get_logger("erlangen.heartbeat")


class Heartbeat:
    """Writes the worker's row every few seconds until stopped, then deletes it."""

    def __init__(
        self, writer: sessionmaker[Session], worker: str, device: str, busy_with: Callable[[], str | None]
    ) -> None:
        self._writer = writer
        self._worker = worker
        self._device = device
        self._busy_with = busy_with
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(3)
        try:
            with self._writer.begin() as session:
                session.execute(delete(Worker).where(Worker.id == self._worker))
        except SQLAlchemyError as error:
            log.warning("the worker's row could not be deleted", error=repr(error))

    def beat(self) -> None:
        """Write the row once."""
        busy_with = self._busy_with()
        with self._writer.begin() as session:
            now = database_now(session)
            values = {"state": "busy" if busy_with else "idle", "trial_id": busy_with, "seen_at": now}
            row = session.execute(
                update(Worker).where(Worker.id == self._worker).values(**values).returning(Worker.id)
            ).one_or_none()
            if row is None:
                started = {"id": self._worker, "device": self._device, "started_at": now}
                session.execute(insert(Worker).values(**values, **started))
        forget_workers(self._writer)

    def _loop(self) -> None:
        while True:
            try:
                self.beat()
            except SQLAlchemyError as error:
                log.warning("the database did not answer", error=repr(error))
            except Exception:
                log.exception("the heartbeat failed")
            if self._stopping.wait(PERIOD_SECONDS):
                return
