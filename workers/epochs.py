"""What a trainer tells of its epochs, on the way to the event log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

POINTS = 100  # of one training's curve that are logged, however many epochs it has
# One epoch as {epoch, epochs, losses}: the held-out loss of each network, in bits, or as a share of the variance.
Told = Callable[[dict[str, Any]], None]


class Epochs:
    """Epochs that are not in the log yet: about `POINTS` of a training, told by one thread and taken by another."""

    def __init__(self) -> None:
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def tell(self, epoch: dict[str, Any]) -> None:
        every = -(-int(epoch["epochs"]) // POINTS)
        if epoch["epoch"] == 1 or epoch["epoch"] % every == 0:
            with self._lock:
                self._waiting.append(epoch)

    @contextmanager
    def taken(self) -> Iterator[list[dict[str, Any]]]:
        """All that wait; they wait again when logging them fails."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        try:
            yield taken
        except BaseException:
            with self._lock:
                self._waiting = taken + self._waiting
            raise
