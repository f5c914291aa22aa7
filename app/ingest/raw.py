"""What every reader hands on: arrays as the user wrote them, before anything is decided about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from app.ingest.npy import StoredArray


@dataclass(slots=True)
class RawDataset:
    """x in a file, y, groups and split in memory.

    x: (n, ...) numbers; y: (n,) or (n, p) numbers, bools or text; groups, split: (n,) or None.
    """

    source: str
    x: StoredArray
    y: NDArray[Any]
    groups: NDArray[Any] | None = None
    split: NDArray[Any] | None = None
    x_names: list[str] | None = None
    y_names: list[str] | None = None
    warnings: list[str] = field(default_factory=list)
    y_pointer: str = "/file"
    groups_pointer: str = "/file"
    split_pointer: str = "/file"
    is_image: bool = False
    row_title: str = "row"

    def column(self, index: int) -> str:
        """Name of x column `index`, for messages."""
        return f"column {self.x_names[index]!r}" if self.x_names else f"column {index}"
