"""The real service as processes, for journeys and benchmarks: started, watched, killed and stopped from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from erlangen_client import Client

ROOT = Path(__file__).resolve().parents[1]


class Service:
    """`erlangen serve` in a folder of its own, and one `erlangen worker` where the worker is not embedded.

    settings: `ERLANGEN_*` without the prefix, in lower case. A separate worker is started again when it dies, as a
    container would be, by calling `mend`.
    """

    def __init__(self, folder: Path, *, embedded: bool = True, **settings: object) -> None:
        self.folder = folder
        self.embedded = embedded
        folder.mkdir(parents=True, exist_ok=True)
        values = {"data_dir": folder / "data", "embedded_worker": embedded, "embedded_workers": 1} | settings
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ERLANGEN_")}
        ours = {f"ERLANGEN_{name.upper()}": str(value) for name, value in values.items()}
        self.environment = inherited | ours | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.port = 0
        self.api: subprocess.Popen[str] | None = None
        self.worker: subprocess.Popen[str] | None = None
        self._client: Client | None = None
        self.log = (folder / "service.log").open("a")

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.log.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Client:
        """A client that is closed when the service is stopped."""
        if self._client is None or self._client.url != self.url:
            self._client = Client(self.url)
        return self._client

    def start(self) -> None:
        if not self.embedded:
            self.erlangen("migrate").wait(60)
        self.mend()

    def mend(self) -> None:
        """Start what is not running."""
        if not self.embedded and (self.worker is None or self.worker.poll() is not None):
            self.worker = self.erlangen("worker")
        if self.api is None or self.api.poll() is not None:
            self._start_api()

    def _start_api(self) -> None:
        self.api = self.erlangen("serve", "--port", str(self.port))
        assert self.api.stdout is not None
        line = self.api.stdout.readline()
        if "listens on" not in line:
            raise RuntimeError(f"the service did not start: see {self.log.name}")
        self.port = int(line.rsplit(":", 1)[1])

    def erlangen(self, *arguments: str) -> subprocess.Popen[str]:
        """Any `erlangen` command with the service's settings."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "app.cli", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE if arguments[0] == "serve" else self.log,
            stderr=self.log,
            text=True,
            cwd=self.folder,
            start_new_session=True,
        )

    def stop(self) -> dict[str, float]:
        """SIGTERM to everything; returns the seconds each took to end."""
        if self._client is not None:
            self._client.close()
            self._client = None
        took = {}
        for name in ("api", "worker"):
            process: subprocess.Popen[str] | None = getattr(self, name)
            if process is None:
                continue
            started = time.monotonic()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            took[name] = time.monotonic() - started
            if process.stdout is not None:
                process.stdout.close()
        return took

    def worker_pid(self) -> int | None:
        """The worker process: a child of the API's, or the separate one."""
        if self.embedded:
            return None if self.api is None else child(self.api.pid, "workers.main")
        return self.worker.pid if self.worker is not None and self.worker.poll() is None else None

    def trainer_pid(self) -> int | None:
        worker = self.worker_pid()
        return None if worker is None else child(worker, "workers.trainer")

    def kill(self, victim: str) -> bool:
        """kill -9 of `trainer`, `worker` or `api`; False if there was none to kill."""
        if victim == "api":
            assert self.api is not None
            pid: int | None = self.api.pid
        else:
            pid = self.worker_pid() if victim == "worker" else self.trainer_pid()
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        for process in (self.api, self.worker):
            if process is not None and process.pid == pid:
                process.wait(10)
                if process.stdout is not None:
                    process.stdout.close()
        return True


def child(parent: int, module: str) -> int | None:
    """The living child process of `parent` that runs `python -m module`."""
    for pid, (ppid, command) in processes().items():
        if ppid == parent and module in command:
            return pid
    return None


def processes() -> Mapping[int, tuple[int, list[str]]]:
    """Parent and command line of every process on this machine that is not a zombie."""
    return dict(_processes())


def _processes() -> Iterator[tuple[int, tuple[int, list[str]]]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if state != "Z":
            yield int(folder.name), (int(ppid), command)
