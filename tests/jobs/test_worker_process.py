"""The supervised worker process, with the stand-in for training: kills, stops, expired leases, parents that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Event, Worker
from app.doorbell import Doorbell
from app.settings import Settings
from app.storage import Storage
from app.supervisor import WorkerSupervisor, worker_environment
from benchmarks.service import child, processes
from tests.jobs.bench import RANK, TRAIN
from tests.seeding import add_dataset, add_search, get_search, get_trial
from tests.waiting import wait_for

Sessions = sessionmaker[Session]
ARGUMENTS = ("--train", TRAIN, "--rank", RANK)
SLOW = {"steps": 60, "seconds": 0.05}


@pytest.fixture(params=["embedded", pytest.param("services", marks=pytest.mark.services)])
def settings(request: pytest.FixtureRequest, data_dir: Path) -> Settings:
    given: dict[str, Any] = {"data_dir": data_dir, "lease_seconds": 2.0, "worker_threads": 1}
    if request.param == "services":
        given["database_url"] = request.getfixturevalue("postgres_url")
        given["broker_url"] = request.getfixturevalue("redis_url")
    return Settings(**given)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Any]:
    from tests.conftest import migrated

    with migrated(settings.database_url) as engine:
        yield engine


@pytest.fixture
def supervisor(settings: Settings, engine: Any) -> Iterator[WorkerSupervisor]:
    supervisor = WorkerSupervisor(settings, arguments=ARGUMENTS)
    supervisor.start()
    yield supervisor
    supervisor.stop()


@pytest.fixture
def post(writer: Sessions, storage: Storage, settings: Settings) -> Iterator[Callable[..., tuple[str, list[str]]]]:
    """Posts a search as the API does: rows, then the bell."""
    dataset_id = add_dataset(writer, storage)
    bell = Doorbell(settings)

    def post(*groups: str, ring: bool = True, **specs: dict[str, Any]) -> tuple[str, list[str]]:
        search_id, trial_ids = add_search(writer, dataset_id, groups=groups, specs=specs)
        for trial_id in trial_ids if ring else ():
            bell.ring_trial(trial_id)
        return search_id, trial_ids

    yield post
    bell.close()


def done(reader: Sessions, search_id: str) -> bool:
    return get_search(reader, search_id).state == "done"


def test_a_search_runs_through_the_broker(supervisor: WorkerSupervisor, reader: Sessions, post: Any) -> None:
    search_id, trial_ids = post("T", "C2", "C4")
    wait_for(lambda: done(reader, search_id), what="the ranking")
    assert [get_trial(reader, trial_id).attempt for trial_id in trial_ids] == [1, 1, 1]
    with reader() as session:
        assert session.execute(select(Worker.state)).scalar_one() in ("idle", "busy")


def test_a_search_whose_bells_were_lost_is_found(supervisor: WorkerSupervisor, reader: Sessions, post: Any) -> None:
    search_id, _ = post("T", "C2", ring=False)
    wait_for(lambda: done(reader, search_id), what="the ranking")


def test_a_killed_worker_is_replaced_and_its_trial_run_again(
    supervisor: WorkerSupervisor, reader: Sessions, post: Any
) -> None:
    search_id, (trial_id, other) = post("T", "C2", T=SLOW)
    wait_for(lambda: get_trial(reader, trial_id).progress > 0, what="progress")
    pid = supervisor.pid
    assert pid is not None
    trainer = child(pid, "workers.trainer")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: trainer not in processes(), 2, "the death of the trainer with its worker")
    wait_for(lambda: supervisor.pid not in (None, pid), what="another worker")
    wait_for(lambda: done(reader, search_id), what="the ranking")
    assert (get_trial(reader, trial_id).attempt, get_trial(reader, other).attempt) == (2, 1)
    with reader() as session:
        kinds = select(func.count()).where(Event.search_id == search_id, Event.kind == "ranked")
        assert session.execute(kinds).scalar_one() == 1


def test_a_stopped_worker_hands_its_trial_back_and_leaves_no_process(
    supervisor: WorkerSupervisor, reader: Sessions, post: Any
) -> None:
    _, (trial_id,) = post("T", T={"steps": 600, "seconds": 0.05})
    wait_for(lambda: get_trial(reader, trial_id).progress > 0, what="progress")
    pid = supervisor.pid
    assert pid is not None
    trainer = child(pid, "workers.trainer")
    supervisor.stop()
    assert not {pid, trainer} & set(processes())
    trial = get_trial(reader, trial_id)
    assert (trial.state, trial.attempt) == ("queued", 0)
    with reader() as session:
        assert session.execute(select(func.count()).select_from(Worker)).scalar_one() == 0


def test_a_worker_stops_when_its_starter_is_killed(
    settings: Settings, engine: Any, reader: Sessions, post: Any
) -> None:
    script = (
        "import sys, threading\n"
        "from app.settings import Settings\n"
        "from app.supervisor import WorkerSupervisor\n"
        "supervisor = WorkerSupervisor(Settings(), arguments=tuple(sys.argv[1:]))\n"
        "supervisor.start()\n"
        "threading.Event().wait()\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script, *ARGUMENTS], env=worker_environment(settings))
    _, (trial_id,) = post("T", T={"steps": 600, "seconds": 0.05})
    wait_for(lambda: get_trial(reader, trial_id).progress > 0, what="progress")
    worker = child(starter.pid, "workers.main")
    assert worker is not None
    trainer = child(worker, "workers.trainer")
    starter.kill()
    starter.wait()
    wait_for(lambda: not {worker, trainer} & set(processes()), 10, "the end of worker and trainer")
    trial = get_trial(reader, trial_id)
    assert (trial.state, trial.attempt) == ("queued", 0)
