"""Every block of the page about the commands runs, and the page knows every command."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import cli
from app.cli.common import Status
from benchmarks.service import ROOT, Service
from tests.blocks import blocks
from tests.cli.conftest import command, environment

PAGE = ROOT / "docs" / "command-line.md"


@pytest.mark.slow
def test_the_blocks_of_the_page_run(service: Service, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "erlangen"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(command())} "$@"\n')
    program.chmod(0o755)
    (tmp_path / "app").symlink_to(ROOT / "app")
    shown = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", "\n".join(blocks(PAGE, "sh"))],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=tmp_path,
        env=environment(service.url) | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert {path.name for path in tmp_path.iterdir()} >= {"boards.html", "best.onnx", "groups.json"}


def test_the_page_has_every_command_and_every_status() -> None:
    text = PAGE.read_text()
    commands = get_command(cli).commands  # type: ignore[attr-defined]
    for name, known in commands.items():
        assert known.hidden or re.search(rf"`{name}\b", text), name
    table = {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert table == {status.value for status in Status}


def test_every_command_that_answers_has_json() -> None:
    long_running = {"serve", "worker"}
    commands = get_command(cli).commands  # type: ignore[attr-defined]
    inner = {f"datasets {name}": known for name, known in commands["datasets"].commands.items()}
    for name, known in {**commands, **inner}.items():
        options = {option for parameter in known.params for option in parameter.opts}
        assert "--json" in options or name in long_running or name == "datasets", name
