"""A small HTTP server that answers as it is told: refusals, lost connections, streams that break."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What is sent back. `cut`: the connection is closed before the body is complete; `status` 0: before anything."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    @classmethod
    def json(cls, content: Any, status: int = 200, **headers: str) -> Answer:
        kind = "application/json" if status < 400 else "application/problem+json"
        return cls(status, json.dumps(content).encode(), {"Content-Type": kind} | headers)

    @classmethod
    def events(cls, *lines: tuple[int, str, dict[str, Any]], cut: bool = False) -> Answer:
        text = "".join(f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for number, kind, data in lines)
        return cls(200, text.encode(), {"Content-Type": "text/event-stream"}, cut)


@dataclass(frozen=True)
class Asked:
    """A request as it came in, and when."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


Script = Callable[[Asked, int], Answer]


class Server:
    """Answers the n-th request with `script(request, n)`, n from 0, and remembers what was asked."""

    def __init__(self, script: Script) -> None:
        self.asked: list[Asked] = []
        self._script = script
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            asked = Asked(handler.command, handler.path, headers, body, time.monotonic())
            self.asked.append(asked)
            number = len(self.asked) - 1
        answer = self._script(asked, number)
        handler.close_connection = True
        if answer.status:
            handler.send_response(answer.status)
            length = len(answer.body) + (1000 if answer.cut else 0)
            for name, value in {**answer.headers, "Content-Length": str(length), "Connection": "close"}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(answer.body)

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextmanager
def serving(*answers: Answer | Script) -> Iterator[Server]:
    """A server that gives these answers one after the other, the last of them again and again."""

    def script(asked: Asked, number: int) -> Answer:
        chosen = answers[min(number, len(answers) - 1)]
        return chosen if isinstance(chosen, Answer) else chosen(asked, number)

    server = Server(script)
    thread = threading.Thread(target=server._server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server._server.shutdown()
        thread.join()
        server._server.server_close()


BUSY = Answer.json({"title": "Busy", "status": 503, "detail": "later"}, 503)
LOST = Answer(0)
DATASET = {
    "id": "ds_1", "name": "points", "domain": "vector", "task": "classification", "n": 8, "x_shape": [2],
    "created_at": "2026-01-31T12:00:00Z", "colour": "blue",
}  # fmt: skip
Ask = Callable[..., Any]  # see the fixture `ask`


def search(state: str, done: int = 0) -> dict[str, Any]:
    progress = {"done": done, "total": 2, "fraction": done / 2, "eta_seconds": None}
    return {"id": "sr_1", "name": "s", "dataset_id": "ds_1", "state": state, "progress": progress}
