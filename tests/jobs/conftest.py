"""A trainer child for the tests of a module, and a runner that uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.settings import Settings
from app.storage import Storage
from tests.jobs.bench import RANK, TRAIN, Bench, Sessions
from workers.trainer_handle import TrainerHandle


@pytest.fixture(scope="module")
def trainer() -> Iterator[TrainerHandle]:
    handle = TrainerHandle(train=TRAIN, rank=RANK, threads=1)
    yield handle
    handle.close()


@pytest.fixture
def bench(settings: Settings, writer: Sessions, reader: Sessions, storage: Storage, trainer: TrainerHandle) -> Bench:
    return Bench(settings, writer, reader, storage, trainer)
