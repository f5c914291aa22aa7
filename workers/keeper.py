"""Keeps a lease while its holder is busy, and watches for the reasons to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from workers.leases import Standing

TICK_SECONDS = 1.0

log = structlog.get_logger("erlangen.keeper")


class Keeper:
    """A thread that renews a lease at a third of its length, and at most once a second when there is progress.

    `standing` is what the database last said. While the database does not answer, the holder goes on: if somebody
    else has taken the trial by then, the fencing token says so at the end.

    renew: extends the lease and records progress; look: only reads.
    """

    def __init__(
        self,
        renew: Callable[[float | None], Standing],
        look: Callable[[], Standing],
        lease_seconds: float,
    ) -> None:
        self.standing = Standing.HELD
        self.progress: float | None = None
        self._renew = renew
        self._look = look
        self._every = lease_seconds / 3
        self._tick = min(TICK_SECONDS, lease_seconds / 6)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="keeper", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _loop(self) -> None:
        renewed, recorded = time.monotonic(), None
        while not self._stopping.wait(self._tick):
            progress = self.progress if self.progress != recorded else None
            try:
                if progress is not None or time.monotonic() - renewed >= self._every:
                    self.standing = self._renew(progress)
                    renewed, recorded = time.monotonic(), self.progress if progress is None else progress
                else:
                    self.standing = self._look()
            except SQLAlchemyError as error:
                log.warning("the lease could not be renewed", error=repr(error))
            if self.standing is Standing.LOST:
                return
