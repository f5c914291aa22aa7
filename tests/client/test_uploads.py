"""Uploads: sent again where the service is busy, counted as they are sent, read beside the event loop."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from pathlib import Path

import pytest

from erlangen_client import AsyncClient, Client, InputError, SearchFailed, Sent, ServiceError
from erlangen_client.steps import SHOW_SECONDS
from tests.client.failing import BUSY, DATASET, LOST, Answer, Ask, Asked, search, serving


def test_an_upload_is_sent_again_whole(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with serving(BUSY, LOST, Answer.json(DATASET, 201)) as server:
        assert ask(server, "upload", tmp_path / "x.csv", "b").id == "ds_1"
    assert len(server.asked) == 3
    for asked in server.asked:
        assert b'name="target"\r\n\r\nb\r\n' in asked.body
        assert b'filename="x.csv"' in asked.body
        assert b"a,b\n1,2\n" in asked.body


def test_an_upload_that_is_refused_is_sent_once(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with serving(Answer.json({"title": "Too large", "status": 413}, 413)) as server, pytest.raises(ServiceError):
        ask(server, "upload", tmp_path / "x.csv", "b")
    assert len(server.asked) == 1


def test_patience_with_an_upload_counts_from_its_first_failure(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")

    def slow(asked: Asked, number: int) -> Answer:
        time.sleep(1.0)  # longer than the client is patient
        return BUSY

    with serving(slow, Answer.json(DATASET, 201)) as server:
        ask(server, "upload", tmp_path / "x.csv", "b", patience=0.8)
    assert len(server.asked) == 2


def test_an_upload_tells_how_much_is_sent(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erlangen_client.steps.SHOW_SECONDS", 0.0)
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 100_000)
    told: list[Sent] = []
    with serving(BUSY, Answer.json(DATASET, 201)) as server:
        ask(server, "upload", path, "b", progress=told.append)
    size = len(server.asked[0].body)
    assert {sent.total for sent in told} == {size}
    assert path.stat().st_size < size < path.stat().st_size + 1000
    ends = [index for index, sent in enumerate(told) if sent.bytes == size]
    assert len(ends) == 2  # of both attempts
    for attempt in (told[: ends[0] + 1], told[ends[0] + 1 :]):
        counts = [sent.bytes for sent in attempt]
        assert counts == sorted(set(counts))
        assert len(counts) > 6  # pieces of 64 KiB
        assert attempt[-1].fraction == 1.0


def test_an_upload_is_told_no_oftener_than_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 1_000_000)
    told: list[Sent] = []
    began = time.monotonic()
    with serving(Answer.json(DATASET, 201)) as server, Client(server.url) as client:
        client.upload(path, "b", progress=told.append)
    assert len(told) <= 2 + (time.monotonic() - began) / SHOW_SECONDS
    assert told[-1].bytes == told[-1].total


def test_a_search_tells_what_is_sent_and_then_how_far_it_is(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")

    def script(asked: Asked, _: int) -> Answer:
        if asked.method == "POST":
            return Answer.json(DATASET if asked.path == "/v1/datasets" else search("queued"), 201)
        return Answer.json(search("cancelled"))

    told: list[str] = []
    with serving(script) as server, pytest.raises(SearchFailed):
        ask(server, "search", tmp_path / "x.csv", "b", progress=lambda now: told.append(now.state),
            sending=lambda sent: told.append(f"{sent.fraction:.0%}"))  # fmt: skip
    assert told[-2:] == ["100%", "cancelled"]


def test_an_upload_is_read_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 100_000)
    readers: set[int] = set()

    class Watched(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            readers.add(threading.get_ident())
            return super().read(size)

    monkeypatch.setattr(Path, "open", lambda path, mode: Watched(path, mode))

    async def upload(url: str) -> None:
        async with AsyncClient(url) as client:
            assert (await client.upload(path, "b")).id == "ds_1"

    with serving(Answer.json(DATASET, 201)) as server:
        asyncio.run(upload(server.url))
    assert readers
    assert threading.get_ident() not in readers
    assert path.read_bytes() in server.asked[0].body


def test_a_file_that_is_not_there_asks_nothing(ask: Ask) -> None:
    with pytest.raises(InputError, match="no-such-file"):
        ask("http://127.0.0.1:9", "upload", "no-such-file.npz")
