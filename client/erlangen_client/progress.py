"""A live line of how far an upload and its search are: on standard error in a terminal, or in the notebook's cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from types import TracebackType
from typing import Any, Protocol

from erlangen_client.answers import Search
from erlangen_client.api import Sent

WIDTH = 28
Sending = Callable[[Sent], None]
SendingChoice = bool | None | Sending
Choice = bool | None | Callable[[Search], None]


class Progress(Protocol):
    """Is shown an upload, a search or both again and again between entering and leaving."""

    def __enter__(self) -> object: ...

    def send(self, sent: Sent) -> None: ...

    def show(self, search: Search) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """Shows nothing, but hands on what it is shown to functions."""

    def __init__(self, see: Callable[[Search], None] | None = None, sending: Sending | None = None) -> None:
        self._see, self._sending = see, sending

    def __enter__(self) -> Silent:
        return self

    def send(self, sent: Sent) -> None:
        if self._sending is not None:
            self._sending(sent)

    def show(self, search: Search) -> None:
        if self._see is not None:
            self._see(search)

    def __exit__(self, *_: object) -> None:
        return


class _Bar(Silent):
    """A bar with words beside it."""

    def __enter__(self) -> _Bar:
        self._began = time.monotonic()
        return self

    def send(self, sent: Sent) -> None:
        self._draw(sent.fraction, f"{sent_words(sent)}, {time.monotonic() - self._began:.0f} s")
        super().send(sent)

    def show(self, search: Search) -> None:
        self._draw(search.progress.fraction, words(search, time.monotonic() - self._began))

    def _draw(self, fraction: float, said: str) -> None:
        raise NotImplementedError


class Line(_Bar):
    """One line of a terminal, written over and over."""

    _length = 0

    def _draw(self, fraction: float, said: str) -> None:
        filled = round(WIDTH * fraction)
        text = f"{'█' * filled}{'░' * (WIDTH - filled)} {said}"
        sys.stderr.write("\r" + text.ljust(self._length))
        sys.stderr.flush()
        self._length = len(text)

    def __exit__(self, *_: object) -> None:
        if self._length:
            sys.stderr.write("\n")


class Cell(_Bar):
    """A bar in a notebook's cell."""

    _handle: Any = None

    def _draw(self, fraction: float, said: str) -> None:
        from IPython.display import HTML, display

        shown = HTML(f'<progress value="{fraction:.4f}" max="1"></progress> {escape(said)}')
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)


def words(search: Search, seconds: float) -> str:
    """The state, how many candidates are finished, and how long it took and may take."""
    progress = search.progress
    left = f", about {progress.eta_seconds:.0f} s left" if progress.eta_seconds else ""
    return f"{search.state}: {progress.done} of {progress.total} candidates, {seconds:.0f} s{left}"


def sent_words(sent: Sent) -> str:
    """How much is sent; once it is all of it, the service reads it."""
    total = f"{sent.total / 1e6:.1f} MB"
    if sent.bytes >= sent.total:
        return f"sent {total}, the service reads it"
    return f"sending: {sent.bytes / 1e6:.1f} of {total}"


def reporter(choice: Choice, sending: Sending | None = None) -> Progress:
    """What shows progress: None, a bar where somebody watches; True, always; False, never; a function, itself.

    sending: a function that is called during the upload, whatever is shown.
    """
    if callable(choice):
        return Silent(choice, sending)
    if choice is False:
        return Silent(None, sending)
    if in_notebook():
        return Cell(None, sending)
    return Line(None, sending) if choice or sys.stderr.isatty() else Silent(None, sending)


def upload_reporter(choice: SendingChoice) -> Progress:
    """The same for an upload alone, whose function is called with what is sent."""
    return reporter(False, choice) if callable(choice) else reporter(choice)


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
