"""A search of two candidates, and who leases and reaps its trials."""

from __future__ import annotations

import pytest

from tests.db.leasing import Bells, Sessions
from tests.seeding import add_dataset, add_search
from workers.leases import Leases
from workers.reaper import Reaper


@pytest.fixture
def leases(writer: Sessions) -> Leases:
    return Leases(writer, worker="w1", lease_seconds=30, max_attempts=3)


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def reaper(writer: Sessions, reader: Sessions, bells: Bells) -> Reaper:
    return Reaper(writer, reader, bells, max_attempts=3, ring_again_seconds=10, outage_grace_seconds=5)


@pytest.fixture
def search(writer: Sessions) -> tuple[str, list[str]]:
    return add_search(writer, add_dataset(writer), groups=("T", "C2"))
