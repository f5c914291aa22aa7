"""The doorbell on a folder and on Redis: messages arrive, broken ones are dropped, and ringing never fails."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from app.doorbell import QUEUE, RANK_TASK, TRIAL_TASK, Doorbell, make_celery
from app.settings import Settings


@pytest.fixture(params=["folder", pytest.param("redis", marks=pytest.mark.services)])
def broker_settings(request: pytest.FixtureRequest, data_dir: Path) -> Settings:
    url = "" if request.param == "folder" else request.getfixturevalue("redis_url")
    return Settings(data_dir=data_dir, broker_url=url)


@pytest.fixture
def doorbell(broker_settings: Settings) -> Iterator[Doorbell]:
    bell = Doorbell(broker_settings)
    yield bell
    bell.close()


def heard(celery: Celery, count: int, seconds: float = 10.0) -> list[tuple[str, list[Any]]]:
    """The next `count` messages: (task, arguments)."""
    messages: list[tuple[str, list[Any]]] = []

    def take(body: Any, message: Any) -> None:
        messages.append((message.headers["task"], body[0]))
        message.ack()

    deadline = time.monotonic() + seconds
    with celery.connection_for_read() as connection:
        with celery.amqp.TaskConsumer(connection, callbacks=[take]):
            while len(messages) < count and time.monotonic() < deadline:
                try:
                    connection.drain_events(timeout=0.5)
                except TimeoutError:
                    continue
    celery.close()
    return messages


def test_what_is_rung_is_heard_in_order(broker_settings: Settings, doorbell: Doorbell) -> None:
    doorbell.check()
    doorbell.ring_trial("tr_1")
    doorbell.ring_trial("tr_2")
    doorbell.ring_rank("sr_1")
    expected = [(TRIAL_TASK, ["tr_1"]), (TRIAL_TASK, ["tr_2"]), (RANK_TASK, ["sr_1"])]
    assert heard(make_celery(broker_settings), 3) == expected


def test_each_message_is_heard_by_one_listener(broker_settings: Settings, doorbell: Doorbell) -> None:
    for number in range(30):
        doorbell.ring_trial(f"tr_{number}")
    found: list[list[tuple[str, list[Any]]]] = []
    threads = [
        threading.Thread(target=lambda: found.append(heard(make_celery(broker_settings), 30, 3.0))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = sorted(arguments[0] for messages in found for _, arguments in messages)
    assert ids == sorted(f"tr_{number}" for number in range(30))


@pytest.mark.parametrize("content", [b"", b"{", b"\x00\xff" * 40, b"[]", b'{"body": 1}', b"null"])
def test_a_broken_message_file_is_dropped(settings: Settings, content: bytes) -> None:
    bell = Doorbell(settings)
    folder = Path(settings.broker_url.removeprefix("filesystem://"))
    bell.check()
    (folder / f"0-broken.{QUEUE}.msg").write_bytes(content)
    bell.ring_trial("tr_1")
    assert heard(make_celery(settings), 1) == [(TRIAL_TASK, ["tr_1"])]
    assert list(folder.iterdir()) == []
    bell.close()


def test_a_half_written_message_is_not_read(settings: Settings) -> None:
    bell = Doorbell(settings)
    bell.check()
    folder = Path(settings.broker_url.removeprefix("filesystem://"))
    (folder / f".1-partial.{QUEUE}.msg").write_bytes(b'{"body"')
    assert heard(make_celery(settings), 1, 1.0) == []
    bell.close()


def test_a_busy_listener_leaves_messages_to_others(settings: Settings) -> None:
    bell = Doorbell(settings)
    bell.ring_trial("tr_1")
    busy = make_celery(settings)
    busy.conf.broker_transport_options["ready"] = lambda: False
    assert heard(busy, 1, 1.0) == []
    assert heard(make_celery(settings), 1) == [(TRIAL_TASK, ["tr_1"])]
    bell.close()


def test_ringing_without_a_broker_neither_fails_nor_waits_long(data_dir: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
        bell = Doorbell(Settings(data_dir=data_dir, broker_url=url))
        started = time.monotonic()
        for number in range(60):
            bell.ring_trial(f"tr_{number}")
        assert time.monotonic() - started < 8
        with pytest.raises(Exception, match="onnect"):
            bell.check()
        bell.close()


def test_a_folder_that_cannot_be_written_is_noticed(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "broker").write_text("a file where the folder should be")
    bell = Doorbell(Settings(data_dir=data_dir))
    bell.ring_trial("tr_1")
    with pytest.raises(OSError, match="broker"):
        bell.check()
    bell.close()
