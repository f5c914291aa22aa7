"""Runs the blocks of one page against a service, and compares what they print with what the page shows."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from erlangen_client import Client
from tests.docs.blocks import SHELLS, Block
from tests.docs.building import ROOT

ADDRESS = re.compile(r"\b(?:localhost|127\.0\.0\.1):8000\b")
ELIDED_ID = re.compile(r"\b(ds|sr|tr)_\w*…")
ID = re.compile(r"\b(ds|sr|tr)_[0-9a-z]{8,}\b")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
SECONDS = 280
# What the pages name by paths from the root of a clone.
SHOWN_FOLDERS = ("app", "benchmarks", "client", "docs")


class Reader:
    """Somebody who follows a page in a folder of their own.

    Addresses of the default service become that of `url`; an id that is written `sr_…` is the last one printed.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.address = url.removeprefix("http://")
        for name in SHOWN_FOLDERS:
            (folder / name).symlink_to(ROOT / name)
        # An error of the service is an error of the command, and no bar is drawn.
        (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ERLANGEN_")}
        self.environment = inherited | {
            "ERLANGEN_URL": url,
            "HOME": str(folder),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "client")]),
            "COLUMNS": "160",
        }
        self.state = folder / ".state"
        self.state.write_text("")
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.ids: dict[str, str] = {}
        self.printed = ""

    def close(self) -> None:
        """Close the clients that the page left open, as the end of its program would."""
        for value in self.namespace.values():
            if isinstance(value, Client):
                value.close()

    def follow(self, page: str, block: Block) -> None:
        """Run or compare one block; raises AssertionError where it fails."""
        where = f"{page}:{block.line}"
        if block.language == "json":
            compare(json.loads(_without_dots(block.code)), _last_json(self.printed, where), where)
        elif block.language == "output":
            compare_lines(block.code, self.printed, where)
        elif block.runs:
            self.printed = self._run(where, block)
            self.ids |= {found[1]: found[0] for found in ID.finditer(self.printed)}

    def _run(self, where: str, block: Block) -> str:
        code = ADDRESS.sub(self.address, ELIDED_ID.sub(lambda found: self.ids[found[1]], block.code))
        if block.language in SHELLS:
            return self._shell(where, block.first + code)
        # Tracebacks then name the line of the page.
        return self._python(where, block.first, "\n" * (block.line - 1) + code)

    def _shell(self, where: str, code: str) -> str:
        kept = 'export -p; declare -p | grep -E "^declare -- [a-z]" || true; printf "cd %q\\n" "$PWD"'
        script = f'set -euo pipefail; . "{self.state}"\n{code}\n{{ {kept}; }} > "{self.state}"\n'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{where}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _python(self, where: str, *codes: str) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            for code in codes:
                exec(compile(textwrap.dedent(code), where, "exec"), self.namespace)
        return printed.getvalue()


def compare(shown: Any, real: Any, where: str, path: str = "") -> None:
    """What is shown must be there: keys, kinds, and values that are neither elided nor measured."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), f"{where}: {path} is {real!r}"
        for key, value in shown.items():
            assert key in real, f"{where}: there is no {path}/{key}"
            compare(value, real[key], where, f"{path}/{key}")
    elif isinstance(shown, list):
        assert isinstance(real, list), f"{where}: {path} is {real!r}"
        assert len(shown) <= len(real), f"{where}: {path} has {len(real)} items"
        for index, value in enumerate(shown):
            compare(value, real[index], where, f"{path}/{index}")
    elif isinstance(shown, float):
        assert isinstance(real, float | int), f"{where}: {path} is {real!r}"
    elif isinstance(shown, str) and "…" in shown:
        assert _pattern(shown).fullmatch(str(real)), f"{where}: {path} is {real!r}"
    else:
        assert shown == real, f"{where}: {path} is {real!r}, the page shows {shown!r}"


def compare_lines(shown: str, real: str, where: str) -> None:
    """Each line that is shown is found, one after the other; spaces and numbers may differ."""
    lines = iter([" ".join(line.split()) for line in real.splitlines()])
    for line in (" ".join(line.split()) for line in shown.splitlines() if line.strip() not in ("", "…")):
        pattern = _pattern(line)
        assert any(pattern.fullmatch(candidate) for candidate in lines), f"{where}: {line!r} is not in\n{real}"


def _pattern(shown: str) -> re.Pattern[str]:
    pieces = []
    for piece in shown.split("…"):
        parts = [re.escape(text) for text in NUMBER.split(piece)]
        pieces.append(NUMBER.pattern.join(parts))
    return re.compile(".*".join(pieces))


def _without_dots(text: str) -> str:
    """JSON with the `…` for further keys or items taken out."""
    return re.sub(r",?\s*…\s*(?=[}\]])", "", text)


def _last_json(printed: str, where: str) -> Any:
    """The whole output as JSON, or its last line that is."""
    for text in (printed, *reversed(printed.splitlines())):
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text)
    raise AssertionError(f"{where}: the block before printed no JSON:\n{printed}")
