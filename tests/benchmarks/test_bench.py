"""`make bench` names benchmarks that exist, with arguments that they take, and results go where they should."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import benchmarks
from benchmarks.__main__ import full, short

RESULTS = Path(benchmarks.__file__).parent / "results"


class Parsed(Exception):
    """Raised in the place of what would be measured."""


def options_of(name: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """The options with which a benchmark's `main` would go on."""
    real, found = argparse.ArgumentParser.parse_args, []

    def parse(parser: argparse.ArgumentParser, *given: Any) -> Any:
        found.append(real(parser, *given))
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(Parsed):
        importlib.import_module(f"benchmarks.{name}").main()
    return found[0]


@pytest.mark.parametrize(("name", "arguments"), short("/elsewhere"), ids=[name for name, _ in short("")])
def test_a_short_run_writes_elsewhere(name: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    options = vars(options_of(name, arguments, monkeypatch))
    assert Path("/elsewhere") in (options.get("folder") or options["output"]).parents


@pytest.mark.parametrize(("name", "arguments"), full(), ids=[name for name, _ in full()])
def test_a_full_run_writes_into_the_results(
    name: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = vars(options_of(name, arguments, monkeypatch))
    assert (options.get("folder") or options["output"]).parent == RESULTS
