"""A live line of a search's progress: on standard error in a terminal, or in the notebook's cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from types import TracebackType
from typing import Any, Protocol

from erlangen_client.answers import Search

WIDTH = 28
Choice = bool | None | Callable[[Search], None]


class Progress(Protocol):
    """Is shown a search again and again between entering and leaving."""

    def __enter__(self) -> object: ...

    def show(self, search: Search) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """Shows nothing, or hands the search to a function."""

    def __init__(self, see: Callable[[Search], None] | None = None) -> None:
        self._see = see

    def __enter__(self) -> Silent:
        return self

    def show(self, search: Search) -> None:
        if self._see is not None:
            self._see(search)

    def __exit__(self, *_: object) -> None:
        return


class Line(Silent):
    """One line of a terminal, written over and over."""

    def __enter__(self) -> Line:
        self._began = time.monotonic()
        self._length = 0
        return self

    def show(self, search: Search) -> None:
        filled = round(WIDTH * search.progress.fraction)
        text = f"{'█' * filled}{'░' * (WIDTH - filled)} {words(search, time.monotonic() - self._began)}"
        sys.stderr.write("\r" + text.ljust(self._length))
        sys.stderr.flush()
        self._length = len(text)

    def __exit__(self, *_: object) -> None:
        if self._length:
            sys.stderr.write("\n")


class Cell(Silent):
    """A bar in a notebook's cell."""

    def __enter__(self) -> Cell:
        self._began = time.monotonic()
        self._handle: Any = None
        return self

    def show(self, search: Search) -> None:
        from IPython.display import HTML, display

        said = escape(words(search, time.monotonic() - self._began))
        shown = HTML(f'<progress value="{search.progress.fraction:.4f}" max="1"></progress> {said}')
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)


def words(search: Search, seconds: float) -> str:
    """The state, how many candidates are finished, and how long it took and may take."""
    progress = search.progress
    left = f", about {progress.eta_seconds:.0f} s left" if progress.eta_seconds else ""
    return f"{search.state}: {progress.done} of {progress.total} candidates, {seconds:.0f} s{left}"


def reporter(choice: Choice) -> Progress:
    """What shows progress: None, a bar where somebody watches; True, always; False, never; a function, itself."""
    if callable(choice):
        return Silent(choice)
    if choice is False:
        return Silent()
    if in_notebook():
        return Cell()
    return Line() if choice or sys.stderr.isatty() else Silent()


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
