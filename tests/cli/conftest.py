"""One service for the tests of a module, which ends with them, and one way to call the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.service import ROOT, Service
from tests.live import BACKENDS, live_service, points

SECONDS = 120.0
QUICK = ("--no-subgroups", "--folds", "2", "--epochs", "3", "--utility", "off")
Erlangen = Callable[..., subprocess.CompletedProcess[str]]


def environment(url: str | None) -> dict[str, str]:
    """That of a terminal of somebody who has set nothing but the address of the service."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ERLANGEN_")}
    ours = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}", "COLUMNS": "160", "TERMINAL_WIDTH": "160"}
    return inherited | ours | ({"ERLANGEN_URL": url} if url else {})


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "app.cli", *(str(argument) for argument in arguments)]


def run(
    *arguments: str | Path, url: str | None, status: int = 0, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """One command to its end; fails unless it ends with `status`."""
    shown = subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=SECONDS, env=environment(url), cwd=cwd
    )
    assert shown.returncode == status, f"{shown.returncode}: {shown.stdout}\n{shown.stderr}"
    assert "Traceback" not in shown.stderr
    return shown


def asked(*arguments: str | Path, url: str | None, status: int = 0, cwd: Path | None = None) -> Any:
    """What a command answers with --json; nothing else may be on standard output."""
    return json.loads(run(*arguments, "--json", url=url, status=status, cwd=cwd).stdout)


@pytest.fixture(scope="module", params=BACKENDS)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with live_service(request.param, tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "points.npz"
    x, y = points()
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(scope="module")
def found(service: Service, file: Path) -> dict[str, Any]:
    """What `erlangen search --json` found."""
    answer: dict[str, Any] = asked("search", file, "-c", "E,C2,D1", *QUICK, url=service.url)
    return answer
