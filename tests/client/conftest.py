"""Either client on a server that fails; and one service for the tests of a module, with one finished search on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from benchmarks.service import Service
from erlangen_client import AsyncClient, Client, Result
from tests.client.failing import Ask, Server
from tests.live import BACKENDS, CANDIDATES, QUICK, live_service, points


@pytest.fixture(scope="module", params=BACKENDS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with live_service(request.param, tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[Client]:
    with Client(service.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def found(client: Client) -> Result:
    """What a search over sixty points found."""
    x, y = points()
    return client.search(x, y, CANDIDATES, name="sixty points", progress=False, **QUICK)


@pytest.fixture(params=["waiting", "awaiting"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Calls a method of either client on a server: ask(server, method, *arguments); iterators come back as lists."""

    def now(server: Server | str, method: str, *arguments: Any, patience: float = 5.0, **named: Any) -> Any:
        with Client(server if isinstance(server, str) else server.url, patience=patience) as client:
            came = getattr(client, method)(*arguments, **named)
            return list(came) if hasattr(came, "__next__") else came

    async def later(server: Server | str, method: str, *arguments: Any, patience: float = 5.0, **named: Any) -> Any:
        async with AsyncClient(server if isinstance(server, str) else server.url, patience=patience) as client:
            came = getattr(client, method)(*arguments, **named)
            return await came if isinstance(came, Awaitable) else [item async for item in came]

    return now if request.param == "waiting" else lambda *a, **k: asyncio.run(later(*a, **k))
