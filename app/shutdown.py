"""Knowing that the server is about to stop while its connections are still open.

uvicorn runs the lifespan's end only after every response has ended; an event stream has to end before that.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def watch_signals(stopping: threading.Event) -> Iterator[None]:
    """Set `stopping` as soon as SIGTERM or SIGINT arrives, before the handler that was there; restore it at the end.

    Outside the main thread, where Python takes no signal handlers, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        stopping.set()
        handler = previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        elif handler is signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in previous:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
