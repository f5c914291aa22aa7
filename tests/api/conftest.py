"""Fixtures of the HTTP tests: an application on each database, rows to find, and a real server process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.main import create_app
from app.settings import Settings
from tests.api.process import Server, serving
from tests.api.rows import Rows


@pytest.fixture
def rows(writer: sessionmaker[Session]) -> Rows:
    return Rows(writer)


@pytest.fixture
def app_settings(settings: Settings, engine: Engine) -> Settings:
    return settings.model_copy(update={"database_url": engine.url.render_as_string(hide_password=False)})


@pytest.fixture
def make_client(app_settings: Settings) -> Iterator[Callable[..., TestClient]]:
    """Clients of applications on the test's database, with other settings if wanted."""
    opened: list[TestClient] = []

    def make(**changes: Any) -> TestClient:
        app = create_app(app_settings.model_copy(update=changes))
        client = TestClient(app, base_url="http://localhost")
        client.__enter__()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    """A client of a service without keys."""
    return make_client()


@pytest.fixture
def app(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


@pytest.fixture
def server(app_settings: Settings, tmp_path: Path) -> Iterator[Server]:
    with serving(app_settings, tmp_path / "server.log") as running:
        yield running
