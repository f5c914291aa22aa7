"""Builds the site as `make docs` does, in a folder of its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 280


def build(folder: Path) -> Path:
    """The folder of the site; raises AssertionError at the first warning."""
    recipe = (ROOT / "Makefile").read_text().split("\ndocs: ")[1].split("\n\t@echo")[0].partition("-m sphinx")[2]
    options = shlex.split(recipe.replace("\\\n", " "))
    assert options[-2:] == ["docs", "app/web/documentation"]
    options[options.index("--doctree-dir") + 1] = str(folder / "doctrees")
    options[-1] = str(folder / "html")
    command = [sys.executable, "-m", "sphinx", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return folder / "html"
