"""The code blocks of a Markdown page, to be run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks in one language, in their order; fails where there is none."""
    found = [text for name, text in FENCE.findall(page.read_text()) if name == language]
    assert found, f"{page.name} has no {language} block"
    return found
