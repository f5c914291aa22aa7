"""Reading the state of searches for many requests at once.

Clients poll, often and many at a time. While one query runs, the requests that arrive meanwhile wait and share the
next: nothing is cached, every answer was read after its question came, and a busy process asks the database a few
hundred times a second instead of a few thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Any

from anyio import CapacityLimiter, to_thread
from sqlalchemy.orm import Session, sessionmaker

from app.db.repositories import searches

Key = tuple[str, str]  # owner, search id
Found = Mapping[Any, Any] | None
MAX_BATCH = 100
QUERIES = 2  # at once: one is answered while the other is asked


class SearchPoller:
    """Answers `find` from shared queries; one per application, used on its event loop only."""

    def __init__(self, reader: sessionmaker[Session]) -> None:
        self._reader = reader
        self._waiting: dict[Key, list[asyncio.Future[Found]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._limiter = CapacityLimiter(QUERIES)

    async def find(self, owner: str, search_id: str) -> Found:
        """The row of `searches.find`, None when there is no such search of this owner."""
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault((owner, search_id), []).append(future)
        if len(self._tasks) < QUERIES:
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            await self._answer(list(islice(self._waiting, MAX_BATCH)))

    async def _answer(self, keys: list[Key]) -> None:
        asked = {key: self._waiting.pop(key) for key in keys}
        found: Mapping[Key, Found] = {}
        failure: BaseException | None = None
        try:
            found = await to_thread.run_sync(self._read, keys, limiter=self._limiter)
        except BaseException as error:
            failure = error
        for key, futures in asked.items():
            for future in futures:
                if future.done():
                    continue
                if failure is None:
                    future.set_result(found.get(key))
                elif isinstance(failure, Exception):
                    future.set_exception(failure)
                else:
                    future.cancel()
        if failure is not None and not isinstance(failure, Exception):
            raise failure

    def _read(self, keys: list[Key]) -> Mapping[Key, Found]:
        with self._reader() as session:
            return searches.find_many(session, keys)
