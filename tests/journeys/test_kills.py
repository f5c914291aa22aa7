"""kill -9 of the trainer child, the worker and the API in the middle of a search: nothing is lost, nothing twice.

How soon work goes on is measured by `benchmarks.kill`: what was killed starts anew, and how long that takes depends
on the machine and on what else it does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill import disturbed, undisturbed
from benchmarks.service import Service

KILLS = 2


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["trainer", "worker", "api"])
def test_a_killed_process_costs_time_only(
    start: Callable[..., Service], file: Path, question: dict[str, Any], victim: str
) -> None:
    service = start()
    dataset = service.client.upload(file)
    request = question | {"dataset": dataset, "budget": {"max_epochs": 20, "max_seconds": 300}}
    expected, seconds = undisturbed(service, request)
    for repeat in range(KILLS):
        run = disturbed(service, request, victim, delay=seconds * (0.2 + 0.4 * repeat))
        assert run.state == "done"
        assert run.ranking == expected
        assert run.recorded_twice == 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["trainer", "worker", "api"])
def test_a_process_killed_about_when_the_scout_is_done_costs_time_only(
    start: Callable[..., Service], balance: Path, question: dict[str, Any], victim: str
) -> None:
    service = start()
    dataset = service.client.upload(balance)
    backwards = {"group": "custom", "name": "backwards", "generators": [[3, 2, 1, 0]], "labels": "permutation"}
    request = question | {"dataset": dataset, "candidates": [backwards], "budget": {"max_epochs": 20}}
    expected, seconds = undisturbed(service, request)
    assert {row["labels"] for row in expected if "labels" in row} == {"trivial", "permutation"}
    for share in (0.1, 0.25):
        run = disturbed(service, request, victim, delay=share * seconds)
        assert run.state == "done"
        assert run.ranking == expected
        assert run.recorded_twice == 0
