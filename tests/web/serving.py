"""A service process without a worker, and what a browser complained about."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page
from sqlalchemy.orm import Session, sessionmaker

from app.db.migrate import upgrade
from app.db.session import make_engine, session_factory
from app.settings import Settings
from app.storage import Storage

START_SECONDS = 30.0
OpenPage = Callable[..., Page]


@dataclass
class Service:
    """A running API without a worker: rows change only when a test changes them."""

    url: str
    writer: sessionmaker[Session]
    storage: Storage


@contextmanager
def running_service(data_dir: Path, **environment: str) -> Iterator[Service]:
    settings = Settings(data_dir=data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    upgrade(settings.database_url)
    engine = make_engine(settings.database_url)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {"ERLANGEN_DATA_DIR": str(data_dir), "ERLANGEN_EMBEDDED_WORKER": "false", **environment}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ERLANGEN_")}
    log = data_dir / "service.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(port)],
            env=inherited | own,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{url}/livez"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Service(url, session_factory(engine), Storage.from_url(settings.storage_url, data_dir / "cache"))
    finally:
        process.terminate()
        process.wait(timeout=15)
        engine.dispose()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@dataclass
class Complaints:
    """What the browser objected to while a test ran."""

    seen: list[str] = field(default_factory=list)
    expected_status: set[int] = field(default_factory=set)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if any(f"status of {status}" in message.text for status in self.expected_status):
            return
        self.seen.append(message.text)
