"""Reading the state of searches for many requests at once.

Clients poll, often and many at a time. While one query runs, the requests that arrive meanwhile wait and share the
next. Nothing is cached: every answer was read after its question came. A busy process asks the database a few hundred
times a second instead of a few thousand, and its threads hand over once a query instead of once a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from app.db.repositories import searches

Key = tuple[str, str]  # owner, search id
Found = Mapping[Any, Any] | None
MAX_BATCH = 100
GATHERING_TURNS = 3  # of the event loop: every hand-over to the thread costs, so what has arrived joins in


class SearchPoller:
    """Answers `find` from shared queries; one per application, used on its event loop."""

    def __init__(self, engine: Engine) -> None:
        """engine: of reading connections, see `reader_engine`; one of them is kept until `close`."""
        self._engine = engine
        self._connection: Connection | None = None
        self._waiting: dict[Key, list[asyncio.Future[Found]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "polling")

    async def find(self, owner: str, search_id: str) -> Found:
        """The row of `searches.find`, None when there is no such search of this owner."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._waiting.setdefault((owner, search_id), []).append(future)
        if self._task is None:
            self._task = loop.create_task(self._drain())
        return await future

    async def close(self) -> None:
        """Give the connection back."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                for _ in range(GATHERING_TURNS):
                    await asyncio.sleep(0)
                asked = {key: self._waiting.pop(key) for key in list(islice(self._waiting, MAX_BATCH))}
                answer: Mapping[Key, Found] | Exception
                try:
                    answer = await loop.run_in_executor(self._thread, self._read, list(asked))
                except Exception as error:
                    answer = error
                for key, futures in asked.items():
                    for future in futures:
                        if future.done():  # its client has gone
                            continue
                        if isinstance(answer, Exception):
                            future.set_exception(answer)
                        else:
                            future.set_result(answer.get(key))
        finally:
            self._task = None

    def _read(self, keys: list[Key]) -> Mapping[Key, Found]:
        try:
            return self._query(keys)
        except DBAPIError as error:
            self._disconnect()
            if not error.connection_invalidated:
                raise
        return self._query(keys)  # the database was restarted since the last query

    def _query(self, keys: list[Key]) -> Mapping[Key, Found]:
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin():
            return searches.find_many(self._connection, keys)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
