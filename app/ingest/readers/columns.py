"""Tables of named columns (csv, parquet): which column is x, y, groups or split, and x on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ingest.job import Limits, ReadOptions, Refusal
from app.ingest.npy import StoredArray

MAX_COLUMNS = 100_000


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of the columns in each role, x in the order of the file."""

    x: list[str]
    y: list[str]
    groups: str | None
    split: str | None


def assign_roles(names: Sequence[str], options: ReadOptions) -> Roles:
    """Split the column `names` into roles. Raises Refusal for names that are missing, empty, twice there or taken."""
    if len(names) > MAX_COLUMNS:
        raise Refusal(f"The table has {len(names)} columns; at most {MAX_COLUMNS} are read.", status=413)
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name.strip() or not name.isprintable():
            raise Refusal(f"Column {index} has no name that can be printed. Name every column.")
        if name in seen:
            raise Refusal(f"There are two columns named {name!r}. Give every column its own name.")
        seen.add(name)
    shown = ", ".join(list(names)[:20]) + (", ..." if len(names) > 20 else "")
    if not options.target:
        raise Refusal(f"A table needs `target`, the name of the y column. The columns are: {shown}.", "/target")
    y = [options.target] if options.target in seen else [part.strip() for part in options.target.split(",")]
    for pointer, name in (
        *(("/target", name) for name in y),
        *((f"/{role}", name) for role in ("groups", "split") if (name := getattr(options, role))),
    ):
        if name not in seen:
            raise Refusal(f"There is no column {name!r}. The columns are: {shown}.", pointer)
    special = [*y, *(name for name in (options.groups, options.split) if name)]
    for name in special:
        if special.count(name) > 1:
            raise Refusal(f"The column {name!r} is named twice among target, groups and split.", "/target")
    x = [name for name in names if name not in special]
    if not x:
        raise Refusal("No column is left for x beside target, groups and split.", "/target")
    return Roles(x, y, options.groups, options.split)


class ColumnFile:
    """The x columns of a table on disk, float64, written batch by batch. Use as a context manager."""

    def __init__(self, path: Path, width: int, limits: Limits) -> None:
        self._path = path
        self._width = width
        self._limits = limits
        self.rows = 0
        self._file = path.open("wb")

    def write(self, columns: Sequence[NDArray[Any]]) -> None:
        """Append a batch of columns of equal length. Raises Refusal (413) over the limit of unpacked bytes."""
        block = np.empty((len(columns[0]), self._width), np.float64)
        self.rows += len(block)
        if self.rows * self._width * 8 > self._limits.unpacked_bytes:
            raise Refusal(f"The table unpacks to more than {self._limits.unpacked_bytes} bytes, the limit.", status=413)
        for index, column in enumerate(columns):
            block[:, index] = column
        self._file.write(block.reshape(-1).view(np.uint8).data)

    def stored(self) -> StoredArray:
        """The array written so far, (rows, width)."""
        if self.rows == 0:
            raise Refusal("The table has no rows.")
        self._file.flush()
        return StoredArray(self._path, 0, np.dtype(np.float64), (self.rows, self._width))

    def __enter__(self) -> ColumnFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
