"""The web process: a bound socket, uvicorn, and a clean end."""

from __future__ import annotations

import signal
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.db.migrate import upgrade
from app.logs import configure_logging
from app.main import create_app
from app.settings import Settings

GRACE_SECONDS = 3


class Server(uvicorn.Server):
    """uvicorn that says where it listens, and that tells the worker to stop as soon as it is told so itself."""

    def __init__(self, app: FastAPI, address: str) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
                server_header=False,
            )
        )
        self._state = app.state
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"Erlangen listens on {self._address}", flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        for supervisor in getattr(self._state, "supervisors", ()):
            supervisor.ask_to_stop()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Serve in the foreground until SIGTERM or SIGINT; port 0 takes a free one. SQLite is migrated first.

    Raises OSError when the port is taken, SystemExit(0) at the end of a stop by signal.
    """
    # uvicorn raises the signal again when it has stopped: for us that is a good end, before and after it runs.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    configure_logging(settings.log_level)
    if settings.database_url.startswith("sqlite"):
        upgrade(settings.database_url)
    with bind(settings.host, settings.port) as listener:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        Server(create_app(settings), f"http://{shown}:{port}").run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only for sockets that say they are TCP; with it,
    # every answer on a kept connection waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener
