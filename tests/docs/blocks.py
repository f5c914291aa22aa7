"""The fenced blocks of a page of Markdown, and how one is marked that a test cannot run.

Blocks that run: `python`; `bash` and `sh`. They run from the top of a page to its end, Python in one namespace, shell
with the variables and the folder that the block before left. Blocks that are compared with what the block before them
printed: `json`, key by key, and `output`, line by line; in both `…` stands for anything, and numbers that are not whole
are not compared. `text` is not code. Anything else, and a block that cannot run here, says why in a comment just above:

    <!-- not run: needs Docker -->

A comment `<!-- first: … -->` above a block holds lines that run before it and are not shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

SHELLS = ("bash", "sh")
RUN = ("python", *SHELLS)
COMPARED = ("json", "output")
NOT_RUN = re.compile(r"<!-- not run: (\S.*?) -->", re.DOTALL)
FIRST = re.compile(r"<!-- first:\s(.*?)-->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block. line: where its first line of code stands, from 1. excuse: why it is not run, if it is not."""

    language: str
    code: str
    line: int
    excuse: str | None = None
    first: str = ""

    @property
    def runs(self) -> bool:
        return self.excuse is None and self.language in RUN


def blocks_of(text: str) -> list[Block]:
    """All blocks that a reader sees as code, in order; MyST's directives are none."""
    tokens = MarkdownIt("commonmark", {"html": True}).parse(text)
    found = []
    for index, token in enumerate(tokens):
        if token.type == "fence" and not token.info.startswith("{"):
            found.append(_block(token, tokens[index - 1] if index else None))
    return found


def _block(token: Token, before: Token | None) -> Block:
    comment = before.content if before is not None and before.type == "html_block" else ""
    excuse, first = NOT_RUN.search(comment), FIRST.search(comment)
    language = token.info.strip().split()[0] if token.info.strip() else ""
    line = (token.map[0] if token.map else 0) + 2
    return Block(language, token.content, line, excuse[1] if excuse else None, first[1] if first else "")


def pages_of(root: Path) -> list[Path]:
    """The pages that a reader is told to follow: both READMEs and all that is written in docs."""
    written = sorted(page for page in (root / "docs").rglob("*.md") if "generated" not in page.parts)
    return [root / "README.md", root / "client" / "README.md", *written]
