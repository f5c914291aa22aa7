"""The Celery worker that listens to the doorbell: one thread, one message at a time."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import celery.worker.state as celery_state
from celery import Celery, signals
from celery.apps.worker import Worker
from celery.platforms import SecurityWarning

from app.doorbell import make_celery
from app.settings import Settings
from workers.runner import Runner
from workers.tasks import register

STOP_SECONDS = 5.5


class Listener(Worker):  # type: ignore[misc]
    """Celery's worker without its banner and its own ideas about signals."""

    def install_platform_tweaks(self, worker: Any) -> None:
        """Signals are ours: see `listen`."""


def make_listening_celery(settings: Settings, runner: Runner, ring_back: Callable[[str, str], None]) -> Celery:
    """The application that consumes: it takes no message while the runner is busy, so that others can."""
    celery = make_celery(settings)
    celery.conf.broker_transport_options["ready"] = lambda: runner.busy_with is None
    register(celery, runner, ring_back)
    return celery


def listen(celery: Celery, name: str, on_stop: Callable[[], None], stopping: threading.Event) -> int:
    """Serve the doorbell until SIGTERM or SIGINT; returns the exit code. Call it in the main thread.

    on_stop: called at the signal; it must return at once. The process is gone `STOP_SECONDS` later, whatever hangs.
    stopping: set when the signal came before this call.
    """
    signals.setup_logging.connect(_keep_logging, weak=False)
    # Celery warns of root because of pickled messages; ours are JSON, and containers run as another user anyway.
    warnings.simplefilter("ignore", SecurityWarning)
    worker = Listener(
        app=celery,
        hostname=name,
        pool_cls="threads",
        concurrency=1,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )

    def stop(_number: int, _frame: FrameType | None) -> None:
        on_stop()
        celery_state.should_stop = os.EX_OK
        watchdog = threading.Timer(STOP_SECONDS, os._exit, [os.EX_TEMPFAIL])
        watchdog.daemon = True
        watchdog.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if stopping.is_set():
        stop(signal.SIGTERM, None)
    worker.start()
    return int(worker.exitcode or 0)


def _keep_logging(**_: Any) -> None:
    """Connected to Celery's signal, this keeps it from configuring the logging of the process."""
