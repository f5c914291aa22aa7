"""Fixtures for every test: settings in a scratch folder, and databases made by the migrations.

Tests that take `engine` run on SQLite and, marked `services`, on PostgreSQL. `ERLANGEN_TEST_DATABASE_URL` is a
server where databases may be made and dropped; `ERLANGEN_TEST_REDIS_URL` is a Redis database that may be emptied.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import structlog
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from app.db.migrate import upgrade
from app.db.session import make_engine, reader_factory, session_factory
from app.settings import Settings
from app.storage import Storage

POSTGRES = os.environ.get("ERLANGEN_TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("ERLANGEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/9")

# A shell's background jobs ignore Ctrl-C, and so would the commands that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own ERLANGEN_* variables change no test."""
    for name in list(os.environ):
        if name.startswith("ERLANGEN_") and not name.startswith("ERLANGEN_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_logging_into_a_test_that_has_ended() -> Iterator[None]:
    """Commands and applications set up logging to the standard error of their test, which closes with it."""
    yield
    structlog.reset_defaults()


@contextmanager
def postgres_database() -> Iterator[str]:
    """The address of a new, empty PostgreSQL database, dropped at the end."""
    name = f"erlangen_test_{secrets.token_hex(6)}"
    server = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        server.dispose()


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL database."""
    with postgres_database() as url:
        yield url


@pytest.fixture
def redis_url() -> Iterator[str]:
    """An empty Redis database."""
    with redis.Redis.from_url(REDIS) as client:
        client.flushdb()
        yield REDIS
        client.flushdb()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    """The embedded defaults in a scratch folder, without a worker; the database is migrated by `engine`."""
    return Settings(data_dir=data_dir, embedded_worker=False, port=0)


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage.from_url(settings.storage_url, settings.data_dir / "cache")


@contextmanager
def migrated(url: str) -> Iterator[Engine]:
    upgrade(url)
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def sqlite_engine(settings: Settings) -> Iterator[Engine]:
    """A migrated SQLite database: that of `settings`."""
    with migrated(settings.database_url) as engine:
        yield engine


@pytest.fixture
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    """A migrated PostgreSQL database."""
    with migrated(postgres_url) as engine:
        yield engine


BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.services)]


@pytest.fixture(params=BACKENDS)
def engine(request: pytest.FixtureRequest) -> Engine:
    """A migrated database, once for each backend."""
    chosen: Engine = request.getfixturevalue(f"{request.param}_engine")
    return chosen


@pytest.fixture
def writer(engine: Engine) -> sessionmaker[Session]:
    return session_factory(engine)


@pytest.fixture
def reader(engine: Engine) -> sessionmaker[Session]:
    return reader_factory(engine)
