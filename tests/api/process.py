"""A real server process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from app.settings import Settings

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Server:
    """A server process and its address."""

    process: subprocess.Popen[bytes]
    url: str

    def stop(self, deadline: float = 10.0) -> int:
        """Send SIGTERM and wait; raises TimeoutExpired after `deadline` seconds."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(deadline)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def serving(settings: Settings, log: Path) -> Iterator[Server]:
    """A uvicorn process without a worker on the migrated database of `settings`."""
    port = free_port()
    environment = {
        **os.environ,
        "ERLANGEN_DATA_DIR": str(settings.data_dir),
        "ERLANGEN_DATABASE_URL": settings.database_url,
        "ERLANGEN_EMBEDDED_WORKER": "false",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--no-access-log"], cwd=REPOSITORY, env=environment, stdout=output, stderr=output
        )
    server = Server(process, f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + 30
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            try:
                if httpx2.get(f"{server.url}/livez").status_code == 200:
                    break
            except httpx2.TransportError:
                time.sleep(0.02)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
