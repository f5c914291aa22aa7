"""A service that many tests ask: real processes on either pair of backends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from numpy.typing import NDArray

from benchmarks.service import Service
from tests.conftest import REDIS, postgres_database

BACKENDS = ["embedded", pytest.param("services", marks=pytest.mark.services)]
CANDIDATES = ["E", "C2", "D1"]
# A search of three candidates that takes seconds.
QUICK: dict[str, Any] = {
    "include_subgroups": False,
    "folds": 2,
    "utility": "off",
    "budget": {"max_epochs": 3, "max_seconds": 300},
}
# One that goes on until somebody cancels it.
LONG = QUICK | {"budget": {"max_epochs": 5000, "max_seconds": 3000}}


@contextmanager
def live_service(backend: str, folder: Path) -> Iterator[Service]:
    """A running service: SQLite and a folder with an embedded worker, or PostgreSQL and Redis with one of its own."""
    settings: dict[str, Any] = {"worker_threads": 1}
    with ExitStack() as stack:
        if backend == "services":
            with redis.Redis.from_url(REDIS) as client:
                client.flushdb()
            url = stack.enter_context(postgres_database())
            settings |= {"embedded": False, "database_url": url, "broker_url": REDIS}
        yield stack.enter_context(Service(folder, **settings))


def points(seed: int = 7, n: int = 60) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points of the plane in two classes, |x| against |y|."""
    x = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    return x, (np.abs(x[:, 0]) > np.abs(x[:, 1])).astype(np.int64)
