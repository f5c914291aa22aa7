"""The worker process: listens to the doorbell, runs trials and rankings, and repairs what others left behind."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db.migrate import is_current
from app.db.session import make_engine, reader_factory, session_factory
from app.doorbell import TRIAL_TASK, Doorbell
from app.logs import configure_logging
from app.settings import Settings, get_settings
from app.storage import Storage
from workers.celery_app import listen, make_listening_celery
from workers.heartbeat import Heartbeat
from workers.leases import Leases
from workers.parent import die_with_parent
from workers.rank import Rankings
from workers.reaper import Reaper
from workers.runner import Runner
from workers.trainer import RANK, TRAIN
from workers.trainer_handle import TrainerHandle

SCRATCH_DAYS = 1.0
IDLE_SECONDS = 1.0  # longer than the pause between two messages

log = structlog.get_logger("erlangen.worker")


def run_worker(settings: Settings, stopping: threading.Event, *, train: str = TRAIN, rank: str = RANK) -> int:
    """Work until SIGTERM; returns the exit code. What was being done then is handed back within 10 s.

    stopping: set if the signal came before this function could listen to it.
    """
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
    engine = make_engine(settings.database_url)
    writer, reader = session_factory(engine), reader_factory(engine)
    trainer = TrainerHandle(train=train, rank=rank, threads=settings.worker_threads)
    lease_seconds, max_attempts = settings.lease_seconds, settings.max_attempts
    doorbell = Doorbell(settings)
    runner = Runner(
        leases=Leases(writer, worker=name, lease_seconds=lease_seconds, max_attempts=max_attempts),
        rankings=Rankings(writer, lease_seconds=lease_seconds, max_attempts=max_attempts),
        reader=reader,
        storage=Storage.from_url(settings.storage_url, settings.data_dir / "cache"),
        trainer=trainer,
        ring_trial=doorbell.ring_trial,
        scratch=clean_scratch(settings.data_dir / "scratch"),
        device=settings.device,
        cancel_grace_seconds=settings.cancel_grace_seconds,
    )
    reaper = Reaper(
        writer,
        reader,
        doorbell,
        max_attempts=max_attempts,
        ring_again_seconds=settings.ring_again_seconds,
        outage_grace_seconds=lease_seconds / 2,
        idle=lambda: runner.idle_seconds >= IDLE_SECONDS,
    )
    heartbeat = Heartbeat(writer, name, settings.device, lambda: runner.busy_with)

    def ring_back(task: str, identifier: str) -> None:
        (doorbell.ring_trial if task == TRIAL_TASK else doorbell.ring_rank)(identifier)

    log.info("worker starts", worker=name, threads=trainer.threads, lease_seconds=lease_seconds)
    threading.Thread(target=trainer.warm_up, name="warm-up", daemon=True).start()
    reaper.start()
    heartbeat.start()
    try:
        return listen(make_listening_celery(settings, runner, ring_back), name, runner.stop, stopping)
    finally:
        runner.stop()
        reaper.stop()
        heartbeat.stop()
        trainer.close()
        engine.dispose()
        log.info("worker stopped", worker=name)


def wait_for_schema(settings: Settings, stopping: threading.Event) -> None:
    """Wait until the database answers and has this version's schema, or until `stopping` is set."""
    engine = make_engine(settings.database_url)
    said = 0.0
    while not stopping.is_set():
        try:
            if is_current(engine):
                break
            reason = "its schema is not that of this version: run `erlangen migrate`"
        except SQLAlchemyError as error:
            reason = repr(error)
        if time.monotonic() - said > 15:
            log.warning("waiting for the database", reason=reason)
            said = time.monotonic()
        stopping.wait(0.5)
    engine.dispose()


def clean_scratch(folder: Path) -> Path:
    """Make the folder for files of running trials, and delete what a killed worker left there long ago."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < time.time() - SCRATCH_DAYS * 86400:
                shutil.rmtree(path, ignore_errors=True)
        except FileNotFoundError:
            continue
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parent", type=int, default=0, help="stop when this process, the starter, is gone")
    parser.add_argument("--train", default=TRAIN)
    parser.add_argument("--rank", default=RANK)
    arguments = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if arguments.parent:
        die_with_parent(arguments.parent, signal.SIGTERM)
    settings = get_settings()
    configure_logging(settings.log_level)
    wait_for_schema(settings, stopping)
    if stopping.is_set():
        return
    sys.exit(run_worker(settings, stopping, train=arguments.train, rank=arguments.rank))


if __name__ == "__main__":
    main()
