"""Uploads to a real server: clients that go away, many at once, and a loop that stays free."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Dataset
from app.settings import Settings
from app.uploads import incoming_folder, sweep_incoming
from tests import ingest_files as files
from tests.api.process import Server

X, Y = files.digits()
GOOD = files.npz(x=X, y=Y)
DEADLINE = 10.0


def until(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def incoming(settings: Settings) -> list[Path]:
    return [path for path in incoming_folder(settings).rglob("*") if path.is_file()]


@pytest.fixture
def half_sent(server: Server) -> Iterator[socket.socket]:
    """A connection that has sent the first two megabytes of an upload of four."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(
            b"POST /v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n' + bytes(2_000_000)
        )
        yield connection


def test_a_client_that_goes_away_leaves_nothing(
    server: Server, half_sent: socket.socket, app_settings: Settings
) -> None:
    until("the upload began", lambda: any(path.stat().st_size > 1_000_000 for path in incoming(app_settings)))
    half_sent.close()
    until("the upload was cleared away", lambda: not list(incoming_folder(app_settings).iterdir()))
    assert httpx2.get(f"{server.url}/v1/datasets").json()["items"] == []


def test_what_a_killed_server_left_is_swept(server: Server, half_sent: socket.socket, app_settings: Settings) -> None:
    until("the upload began", lambda: bool(incoming(app_settings)))
    server.process.kill()
    server.process.wait(10)
    assert sweep_incoming(app_settings) == 0  # young: another process might still be at it
    assert incoming(app_settings)
    old = time.time() - app_settings.ingest_wall_seconds - 10
    for path in (*incoming_folder(app_settings).rglob("*"), *incoming_folder(app_settings).iterdir()):
        os.utime(path, (old, old))
    assert sweep_incoming(app_settings) == 1
    assert not list(incoming_folder(app_settings).iterdir())


def test_identical_uploads_at_once_give_one_data_set(
    server: Server, app_settings: Settings, reader: sessionmaker[Session]
) -> None:
    def send(_: int) -> httpx2.Response:
        return httpx2.post(f"{server.url}/v1/datasets", files={"file": ("a.npz", GOOD)}, timeout=60)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    with reader() as session:
        assert session.scalar(select(func.count()).select_from(Dataset)) == 1
    stored = {path.parent.name for path in (app_settings.data_dir / "storage").rglob("x.npy")}
    assert stored == {answers[0].json()["id"]}


def test_other_requests_are_answered_while_files_are_read(server: Server) -> None:
    n = 400_000
    table = b"a,label\n" + b"".join(b"%d.5,%d\n" % (i, i % 2) for i in range(n))

    def send(k: int) -> httpx2.Response:
        name = f"a{k}".encode()
        body = table.replace(b"a,", name + b",", 1)
        form = {"target": "label"}
        return httpx2.post(f"{server.url}/v1/datasets", files={"file": ("t.csv", body)}, data=form, timeout=60)

    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(send, k) for k in range(4)]
        slowest = 0.0
        while not all(future.done() for future in sent):
            start = time.monotonic()
            assert httpx2.get(f"{server.url}/livez", timeout=10).status_code == 200
            slowest = max(slowest, time.monotonic() - start)
        assert [future.result().status_code for future in sent] == [201] * 4
    assert slowest < 5


def test_a_file_over_the_limit_is_answered_before_it_is_sent(server: Server, app_settings: Settings) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        length = app_settings.max_upload_bytes + 10_000_000
        connection.sendall(
            b"POST /v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\nExpect: 100-continue\r\n\r\n" % length
        )
        connection.settimeout(DEADLINE)
        assert b" 413 " in connection.recv(65536).split(b"\r\n")[0]
    assert incoming(app_settings) == []
