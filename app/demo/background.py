"""A service that goes on running after the command that started it has ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from app.supervisor import import_path
from erlangen_client import Client, ErlangenError

START_SECONDS = 90.0
STOP_SECONDS = 12.0
PORTS = range(8000, 8050)


class DidNotStart(Exception):
    """The service ended, or was not ready in time; says where its log lies."""


class BackgroundService:
    """The one service whose data, log and process note lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / "service.log"
        self._note = self.folder / "service.json"

    def start(self) -> Client:
        """Start the service on a free port and wait until it and its worker are ready. Raises DidNotStart."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        # Settings of a shell that point elsewhere would mix this data with other people's.
        kept = ("ERLANGEN_DEVICE", "ERLANGEN_EMBEDDED_WORKERS", "ERLANGEN_WORKER_THREADS", "ERLANGEN_LOG_LEVEL")
        environment = {
            name: value for name, value in os.environ.items() if name in kept or not name.startswith("ERLANGEN_")
        }
        environment["PYTHONPATH"] = import_path()
        command = [sys.executable, "-P", "-m", "app.cli", "serve", "--port", str(port), "--data-dir", str(self.folder)]
        with self.log.open("w") as output:
            # A session of its own: neither Ctrl-C nor the terminal's end reaches it.
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._note.write_text(json.dumps({"pid": process.pid, "started": start_time(process.pid), "port": port}))
        url = f"http://127.0.0.1:{port}"
        with Client(url, patience=0) as probe:
            self._wait_until_ready(probe, process)
        return Client(url)

    def _wait_until_ready(self, client: Client, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        reason = ""
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DidNotStart(f"The service ended with status {process.returncode}; its log is {self.log}")
            try:
                client.request("GET", "/readyz")
            except ErlangenError as error:
                reason = str(error)
                time.sleep(0.1)
            else:
                return
        raise DidNotStart(f"The service was not ready after {START_SECONDS:.0f} s ({reason}); its log is {self.log}")

    @property
    def pid(self) -> int | None:
        """Process id of the running service; None when it does not run."""
        try:
            note = json.loads(self._note.read_text())
        except (FileNotFoundError, ValueError):
            return None
        # The start time tells the service from a stranger that was given the same number later.
        pid = int(note["pid"])
        return pid if note["started"] is not None and start_time(pid) == note["started"] else None

    def stop(self) -> bool:
        """Stop the service; False if it did not run. Kills it when it does not end within 12 s."""
        pid = self.pid
        if pid is None:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self.pid is not None and time.monotonic() < deadline:
                time.sleep(0.05)
            if self.pid is None:
                break
        self._note.unlink(missing_ok=True)
        return True


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which a process started; None if it does not exist or has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def free_port() -> int:
    """The first free port from 8000 on, or any free one."""
    for port in (*PORTS, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise DidNotStart("There is no free port on 127.0.0.1.")
