"""The event stream: from the beginning, resumed, live, and at the end of the server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.db import states
from app.routes import events
from tests.api.process import Server
from tests.api.rows import Rows


@dataclass
class Seen:
    id: int
    kind: str
    data: dict[str, Any]


def read(lines: Iterable[str]) -> Iterator[Seen]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name in ("event", "data", "id"):
            fields[name] = value
        elif not line and "data" in fields:
            yield Seen(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


def test_the_log_of_a_finished_search(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="done")
    response = client.get(f"/v1/searches/{search}/events")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    seen = list(read(response.text.splitlines()))
    assert [(event.kind, event.data["state"]) for event in seen] == [("search", "queued"), ("search", "done")]
    assert all(event.data["at"].endswith("Z") for event in seen)
    assert sorted(event.id for event in seen) == [event.id for event in seen]


def test_resuming_after_an_event(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="done")
    address = f"/v1/searches/{search}/events"
    first, last = list(read(client.get(address).text.splitlines()))
    for options in ({"headers": {"Last-Event-ID": str(first.id)}}, {"params": {"last_event_id": first.id}}):
        assert list(read(client.get(address, **options).text.splitlines())) == [last]  # type: ignore[arg-type]
    assert list(read(client.get(address, params={"last_event_id": last.id}).text.splitlines())) == []
    for wrong in ("x", "-1", str(2**63), "1.5"):
        assert client.get(address, headers={"Last-Event-ID": wrong}).status_code == 422


def test_long_logs_come_whole(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="running")
    with rows.writer.begin() as session:
        for done in range(1203):
            states.add_event(session, search, "progress", {"done": done})
        states.set_search_state(session, search, states.DONE, expect={states.RUNNING})
    seen = list(read(client.get(f"/v1/searches/{search}/events").text.splitlines()))
    assert [event.data["done"] for event in seen if event.kind == "progress"] == list(range(1203))
    assert seen[-1].data["state"] == "done"


def test_events_arrive_as_they_happen_and_end_with_the_search(server: Server, rows: Rows) -> None:
    search = rows.search(state="running")
    with httpx2.stream("GET", f"{server.url}/v1/searches/{search}/events", timeout=10) as response:
        stream = read(response.iter_lines())
        assert [next(stream).kind for _ in range(2)] == ["search", "search"]
        rows.event(search, "progress", {"fraction": 0.7})
        assert next(stream).data["fraction"] == 0.7
        with rows.writer.begin() as session:
            states.set_search_state(session, search, states.FAILED, expect={states.RUNNING})
        assert next(stream).data["state"] == "failed"
        assert list(stream) == []


def test_many_followers_leave_room_for_others(server: Server, rows: Rows) -> None:
    address = f"{server.url}/v1/searches/{rows.search(state='running')}/events"
    limits = httpx2.Limits(max_connections=100)
    with httpx2.Client(limits=limits, timeout=10) as client:
        streams = [client.stream("GET", address) for _ in range(60)]
        for stream in streams:
            assert stream.__enter__().status_code == 200
        assert client.get(f"{server.url}/v1/groups").status_code == 200
        for stream in streams:
            stream.__exit__(None, None, None)


def test_the_server_stops_while_streams_are_open(server: Server, rows: Rows) -> None:
    search = rows.search(state="running")
    with httpx2.stream("GET", f"{server.url}/v1/searches/{search}/events", timeout=15) as response:
        stream = read(response.iter_lines())
        next(stream)
        started = time.monotonic()
        server.process.terminate()
        assert [event.kind for event in stream] == ["search"]
    server.process.wait(10)
    assert time.monotonic() - started < 10


def test_silence_is_filled_with_heartbeats(client: TestClient, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.0)
    search = rows.search(state="running")
    app: Any = client.app

    import anyio

    async def beat() -> bytes:
        stream = events._stream(app.state.reader, search, 2**62, app.state.stopping, app.state.stream_limiter)
        with anyio.fail_after(10):
            async for chunk in stream:
                if chunk.startswith(b":"):
                    return chunk
        raise AssertionError("the stream ended")

    assert anyio.run(beat).startswith(b": still here")
