"""One service for the tests of a module, which ends with them, and one finished search on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.service import Service
from erlangen_client import Client, Result
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
