"""The database goes away while a candidate trains, and comes back: the work is not lost and not done twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.db.session import make_engine, reader_factory, session_factory
from app.settings import Settings
from app.storage import Storage
from tests.conftest import POSTGRES
from tests.jobs.bench import RANK, TRAIN, Bench
from tests.seeding import get_search, get_trial
from tests.waiting import wait_for
from workers.reaper import Reaper
from workers.trainer_handle import TrainerHandle

pytestmark = pytest.mark.services


@pytest.fixture
def server() -> Iterator[Engine]:
    engine = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def test_a_trial_outlives_an_outage_of_the_database(
    settings: Settings, storage: Storage, postgres_engine: Engine, server: Engine
) -> None:
    engine = make_engine(postgres_engine.url.render_as_string(hide_password=False))
    writer, reader = session_factory(engine), reader_factory(engine)
    trainer = TrainerHandle(train=TRAIN, rank=RANK, threads=1)
    bench = Bench(settings, writer, reader, storage, trainer)
    reaper = Reaper(writer, reader, Silence(), max_attempts=3, ring_again_seconds=60, outage_grace_seconds=3)
    search_id, (trial_id,) = bench.search("T", T={"steps": 40, "seconds": 0.05})
    reaper.start()
    try:
        with bench.running(trial_id):
            database = postgres_engine.url.database
            with server.connect() as connection:
                connection.execute(text(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false'))
                query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name"
                assert connection.execute(text(query), {"name": database}).scalar_one() > 0
            away_until = time.monotonic() + 4.0  # longer than the lease and the rest of the training
            wait_for(lambda: time.monotonic() > away_until and unreachable(writer), what="the outage")
            assert threading.active_count() > 1
            with server.connect() as connection:
                connection.execute(text(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true'))
        trial = get_trial(reader, trial_id)
        assert (trial.state, trial.attempt) == ("done", 1)
        assert get_search(reader, search_id).state == "done"
    finally:
        reaper.stop()
        trainer.close()
        engine.dispose()


class Silence:
    def ring_trial(self, trial_id: str) -> None: ...
    def ring_rank(self, search_id: str) -> None: ...


def unreachable(sessions: sessionmaker[Session]) -> bool:
    try:
        with sessions() as session:
            session.execute(text("SELECT 1"))
    except OperationalError:
        return True
    return False
