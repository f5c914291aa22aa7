"""The doorbell: tells workers that a row in the database waits for them.

A message carries one id and may be lost or repeated at any time: the database is the truth, and the reaper rings
again for rows that nobody came for.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from functools import cached_property
from pathlib import Path
from queue import Empty
from typing import Any

import structlog
from celery import Celery
from kombu.entity import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual
from sqlalchemy.engine import make_url

from app.settings import Settings

QUEUE = "erlangen"
TRIAL_TASK = "erlangen.trial"
RANK_TASK = "erlangen.rank"
LONGEST_WAIT_SECONDS = 0.3
SILENCE_SECONDS = 3.0  # after a broker that did not answer

log = structlog.get_logger("erlangen.doorbell")


class SpoolChannel(filesystem.Channel):
    """kombu's filesystem channel with atomic messages.

    The original lets a reader take a message that is still being written, and stops its consumer at one that is not
    JSON; it also keeps a table of bindings that two processes can read half-written. One queue needs no table.
    """

    @cached_property
    def folder(self) -> Path:
        folder = Path(self.transport_options["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def get_table(self, exchange: str) -> list[Any]:
        return [filesystem.exchange_queue_t(QUEUE, "", QUEUE)]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        self.folder  # noqa: B018  (made on first use)

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)

    def _messages(self, queue: str) -> list[str]:
        suffix = f".{queue}.msg"
        return sorted(name for name in os.listdir(self.folder) if name.endswith(suffix) and name[0] != ".")

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}.{queue}.msg"
        partial = self.folder / f".{name}"
        partial.write_text(json.dumps(payload), encoding="utf-8")
        partial.rename(self.folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        ready = self.transport_options.get("ready")
        if ready is not None and not ready():
            raise Empty
        for name in self._messages(queue):
            path = self.folder / name
            try:
                text = path.read_bytes().decode("utf-8", "replace")
                path.unlink()  # of several readers one succeeds
            except OSError:
                continue
            try:
                payload = json.loads(text)
                payload["properties"]["delivery_info"], payload["body"], payload["headers"]["id"]
            except (ValueError, KeyError, TypeError):
                log.warning("a doorbell message is not readable and was dropped", file=name)
                continue
            return payload
        raise Empty

    def _purge(self, queue: str) -> int:
        count = 0
        for name in self._messages(queue):
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()
                count += 1
        return count

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))


class SpoolTransport(filesystem.Transport):
    """A folder of message files, one per doorbell ring."""

    Channel = SpoolChannel
    global_state = virtual.BrokerState()

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        # Celery waits two seconds at a time, and only in between does it see that it shall stop.
        super().drain_events(connection, timeout=LONGEST_WAIT_SECONDS if timeout else timeout)  # type: ignore[no-untyped-call]


TRANSPORT_ALIASES["spool"] = "app.doorbell:SpoolTransport"


def make_celery(settings: Settings) -> Celery:
    """The Celery application of this service, for publishing and for consuming, on a folder or on Redis."""
    celery = Celery("erlangen", set_as_current=False)
    url = settings.broker_url
    options: dict[str, Any]
    if url.startswith("filesystem:"):
        folder = make_url(url).database or url.removeprefix("filesystem://")
        # `make_url` drops the leading slash of an absolute path.
        folder = f"/{folder}" if url.startswith("filesystem:///") and not folder.startswith("/") else folder
        url = "spool://localhost"  # a name that nothing looks up; without one kombu warns
        options = {"folder": folder, "polling_interval": 0.1}
    else:
        options = {
            "visibility_timeout": 3600,
            "socket_connect_timeout": 3,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 15,
            "max_retries": 1,
        }
    celery.conf.update(
        broker_url=url,
        broker_transport_options=options,
        broker_connection_timeout=3,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=4,
        task_queues=[Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE)],
        task_default_queue=QUEUE,
        task_default_exchange=QUEUE,
        task_default_routing_key=QUEUE,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        task_publish_retry=False,
        task_create_missing_queues=False,
        result_backend=None,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        enable_utc=True,
    )
    return celery


class Doorbell:
    """Rings for workers. Ringing never fails: what could not be published is rung again by the reaper."""

    def __init__(self, settings: Settings) -> None:
        self._celery = make_celery(settings)
        self._silent_until = 0.0

    def ring_trial(self, trial_id: str) -> None:
        self._ring(TRIAL_TASK, trial_id)

    def ring_rank(self, search_id: str) -> None:
        self._ring(RANK_TASK, search_id)

    def check(self) -> None:
        """Raise if the broker cannot be reached."""
        with self._celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0.1, timeout=3)
            with connection.channel() as channel:
                channel._size(QUEUE)

    def close(self) -> None:
        self._celery.close()

    def _ring(self, task: str, identifier: str) -> None:
        # A request that rings fifty times must not wait for fifty connection attempts.
        if time.monotonic() < self._silent_until:
            return
        try:
            self._celery.send_task(task, args=[identifier], queue=QUEUE, ignore_result=True)
        except Exception as error:
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            log.warning("the doorbell did not ring", task=task, id=identifier, error=repr(error))
