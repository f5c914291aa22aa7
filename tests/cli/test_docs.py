"""The page about the commands knows every one; tests/docs runs its blocks."""

from __future__ import annotations

import re

from typer.main import get_command

from app.cli import cli
from app.cli.common import Status
from benchmarks.service import ROOT

PAGE = ROOT / "docs" / "command-line.md"


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
