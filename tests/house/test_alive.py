"""The health check of a worker container."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.db.session import make_engine, session_factory
from app.db.tables import Base, Worker, utc_now
from workers.alive import SILENCE, is_alive


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path}/workers.db")
    Base.metadata.create_all(engine, tables=[Base.metadata.tables["workers"]])
    yield engine
    engine.dispose()


def heartbeat(engine: Engine, worker: str, age: timedelta) -> None:
    with session_factory(engine).begin() as session:
        session.add(Worker(id=worker, device="cpu", state="idle", seen_at=utc_now() - age))


def test_a_worker_that_spoke_lately_is_alive(engine: Engine) -> None:
    assert not is_alive(engine, "host-a")
    heartbeat(engine, "host-a:1:abc", timedelta(seconds=3))
    assert is_alive(engine, "host-a")


def test_silence_and_other_hosts_do_not_count(engine: Engine) -> None:
    heartbeat(engine, "host-a:1:abc", SILENCE + timedelta(seconds=5))
    heartbeat(engine, "host-b:1:abc", timedelta(seconds=1))
    heartbeat(engine, "hostXa:1:abc", timedelta(seconds=1))
    assert not is_alive(engine, "host-a")
    assert not is_alive(engine, "host_a")
