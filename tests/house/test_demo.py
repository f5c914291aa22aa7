"""`make demo`: one command, one answer, and a service that is left running and can be stopped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.demo.__main__ import BOARDS
from app.demo.background import BackgroundService, start_time
from erlangen_client import Client


@pytest.fixture
def service(tmp_path: Path) -> Iterator[BackgroundService]:
    service = BackgroundService(tmp_path / "demo")
    yield service
    service.stop()


def test_the_boards_are_all_final_positions_and_closed_under_the_square() -> None:
    with np.load(BOARDS, allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    assert x.shape == (958, 3, 3)
    assert (y == "x wins").sum() == 626
    label = {board.tobytes(): won for board, won in zip(x, y, strict=True)}
    assert len(label) == 958
    for turned in (np.rot90(x, axes=(1, 2)), x[:, :, ::-1]):
        assert [label[np.ascontiguousarray(board).tobytes()] for board in turned] == list(y)


def test_nothing_is_stopped_where_nothing_runs(service: BackgroundService) -> None:
    assert service.pid is None
    assert not service.stop()


def test_a_stranger_with_the_same_number_is_left_alone(service: BackgroundService) -> None:
    service.folder.mkdir(parents=True)
    note = {"pid": os.getpid(), "started": (start_time(os.getpid()) or 0) - 1, "port": 1}
    (service.folder / "service.json").write_text(json.dumps(note))
    assert service.pid is None
    assert not service.stop()


def test_the_service_outlives_its_starter_until_it_is_stopped(service: BackgroundService) -> None:
    starter = "import sys; from pathlib import Path; from app.demo.background import BackgroundService as Service; "
    starter += "print(Service(Path(sys.argv[1])).start().url)"
    command = [sys.executable, "-c", starter, str(service.folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    with Client(done.stdout.strip()) as client:
        assert client.alive()
        assert service.pid is not None
        assert service.stop()
        assert not client.alive()
        assert service.pid is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_finds_the_square(service: BackgroundService) -> None:
    command = [sys.executable, "-m", "app.demo", "--data-dir", str(service.folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=590)
    assert done.returncode == 0, done.stdout + done.stderr
    first = next(line for line in done.stdout.splitlines() if re.match(r"│\s+1 │", line))
    assert "D4" in first
    assert "certified" in first
    [page] = set(re.findall(r"http://\S+/searches/\w+", done.stdout))
    url, _, search_id = page.partition("/searches/")
    with Client(url) as client:
        assert client.status(search_id)["best"]["group"] == "D4"
        stopped = subprocess.run([*command, "--stop"], check=True, capture_output=True, text=True, timeout=60)
        assert "stopped" in stopped.stdout
        assert not client.alive()
