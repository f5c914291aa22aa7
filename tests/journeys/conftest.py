"""A running service on either pair of backends, and a small data set to send it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.service import Service

LEASE_SECONDS = 4.0
BACKENDS = ["embedded", pytest.param("services", marks=pytest.mark.services)]


@pytest.fixture(params=BACKENDS)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a service: SQLite and a folder with an embedded worker, or PostgreSQL and Redis with one of its own."""
    running: list[Service] = []

    def begin(**settings: Any) -> Service:
        settings = {"lease_seconds": LEASE_SECONDS, "worker_threads": 1} | settings
        if request.param == "services":
            settings |= {
                "embedded": False,
                "database_url": request.getfixturevalue("postgres_url"),
                "broker_url": request.getfixturevalue("redis_url"),
            }
        service = Service(tmp_path / f"service{len(running)}", **settings)
        running.append(service)
        service.start()
        return service

    yield begin
    for service in running:
        service.stop()
        service.log.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """60 points of the plane in two classes that a half turn exchanges with nothing: |x| against |y|."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(60, 2)).astype(np.float32)
    path = tmp_path / "points.npz"
    np.savez(path, x=x, y=(np.abs(x[:, 0]) > np.abs(x[:, 1])).astype(np.int64))
    return path


@pytest.fixture
def balance(tmp_path: Path) -> Path:
    """120 times four weights on a balance, and the side it tips to; read backwards the sides are exchanged."""
    x = np.random.default_rng(0).lognormal(0.0, 0.6, size=(120, 4)).astype(np.float32)
    path = tmp_path / "balance.npz"
    np.savez(path, x=x, y=np.where(x @ [-3.0, -1.0, 1.0, 3.0] > 0, "right", "left"))
    return path


@pytest.fixture
def question() -> dict[str, Any]:
    """A search of three candidates that takes seconds."""
    return {
        "candidates": ["E", "C2", "D1"],
        "include_subgroups": False,
        "folds": 2,
        "budget": {"max_epochs": 3, "max_seconds": 300},
    }
