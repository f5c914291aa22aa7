"""Keeps one worker process alive next to the web process: the embedded default."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import structlog

import app
from app.settings import Settings

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 30.0
STOP_SECONDS = 6.0

log = structlog.get_logger("erlangen.supervisor")


class WorkerSupervisor:
    """Starts `python -m workers.main` and starts it again whenever it ends, until `stop`.

    The worker asks the kernel for SIGTERM at the end of the thread that forked it, so the thread here lives exactly
    as long as the service does. A worker left over from a service that was killed stops by itself meanwhile, and two
    at once do no harm.
    """

    def __init__(self, settings: Settings, *, arguments: tuple[str, ...] = ()) -> None:
        self._settings = settings
        self._arguments = arguments
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._loop, name="worker-supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the living worker."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Stop the worker: SIGTERM, and SIGKILL if it is still there after `timeout` seconds."""
        self.ask_to_stop()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout)
        process = self._process
        if self._thread.is_alive() and process is not None:
            log.warning("the worker did not stop in time", pid=process.pid)
            process.kill()
            self._thread.join(2)

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once."""
        with self._lock:
            self._stopping.set()
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()

    def _loop(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = self._spawn()
            started = time.monotonic()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - started > STEADY_SECONDS else pause
            log.warning("the worker ended and is started again", exit_code=code, pause_seconds=pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "workers.main", "--parent", str(os.getpid()), *self._arguments]
        # A session of its own: Ctrl-C in the terminal reaches the service, and the service stops its worker.
        return subprocess.Popen(
            command, env=worker_environment(self._settings), stdin=subprocess.DEVNULL, start_new_session=True
        )


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment of a worker with these settings; API keys are none of its business."""
    values = settings.model_dump(exclude={"api_keys"})
    names = {f"ERLANGEN_{name.upper()}": str(value) for name, value in values.items()}
    inherited = {key: value for key, value in os.environ.items() if key != "ERLANGEN_API_KEYS"}
    return inherited | names | {"PYTHONPATH": import_path()}


def import_path() -> str:
    """A PYTHONPATH under which a child finds this very package, whatever folder it is started in."""
    root = str(Path(app.__file__).resolve().parents[1])
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
