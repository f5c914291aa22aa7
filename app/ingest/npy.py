"""The .npy format without trust: headers are parsed here, and must say exactly what the file holds.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import hashlib
import math
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ingest.job import Refusal

MAGIC = b"\x93NUMPY"
MAX_HEADER_BYTES = 10_000
MAX_DIMENSIONS = 8
CHUNK_BYTES = 16 * 1024 * 1024
_DESCR = re.compile(r"[<>|=](?:b1|[iu][1248]|f[248]|[US][0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array in a file: `shape` items of `dtype` from byte `offset` on, in C or Fortran order."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool = False

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)

    def chunks(self, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, NDArray[Any]]]:
        """Consecutive blocks of whole rows: (first row, block of shape (rows, *shape[1:])), C-contiguous.

        The file is read and not mapped, so that memory and address space stay small whatever its size.
        """
        row_items = math.prod(self.shape[1:])
        step = max(1, chunk_bytes // max(1, row_items * self.dtype.itemsize))
        with self.path.open("rb", buffering=0) as file:
            for start in range(0, self.shape[0], step):
                rows = min(step, self.shape[0] - start)
                if self.fortran and len(self.shape) > 1:
                    yield start, self._fortran_rows(file.fileno(), start, rows, row_items)
                else:
                    block = np.empty((rows, *self.shape[1:]), self.dtype)
                    first = self.offset + start * row_items * self.dtype.itemsize
                    _read_into(file.fileno(), block.reshape(-1).view(np.uint8), first)
                    yield start, block

    def load(self, max_bytes: int, what: str) -> NDArray[Any]:
        """The whole array. Raises Refusal (413) when it is larger than `max_bytes`."""
        if self.nbytes > max_bytes:
            raise Refusal(f"{what} takes {self.nbytes} bytes; the limit is {max_bytes}.", status=413)
        blocks = [block for _, block in self.chunks()]
        return np.concatenate(blocks) if blocks else np.empty(self.shape, self.dtype)

    def _fortran_rows(self, descriptor: int, start: int, rows: int, row_items: int) -> NDArray[Any]:
        # In Fortran order the rows of one column lie side by side: read column by column, then turn the axes.
        columns = np.empty((row_items, rows), self.dtype)
        item = self.dtype.itemsize
        for column in range(row_items):
            first = self.offset + (column * self.shape[0] + start) * item
            _read_into(descriptor, columns[column].view(np.uint8), first)
        return np.ascontiguousarray(columns.reshape(*reversed(self.shape[1:]), rows).T)


def _read_into(descriptor: int, buffer: NDArray[np.uint8], offset: int) -> None:
    view = buffer.data
    while view:
        count = os.preadv(descriptor, [view], offset)
        if count == 0:
            raise Refusal("The file ends before its arrays do.")
        view, offset = view[count:], offset + count


def parse_npy(path: Path, name: str) -> StoredArray:
    """The array that the .npy file at `path` holds; `name` stands in the refusals.

    Raises Refusal for pickled or structured data, for a dtype outside bool, integers, floats and fixed-length text,
    and for a header whose size is not the size of the data present.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(MAGIC) + 6)
        if not start.startswith(MAGIC) or len(start) < len(MAGIC) + 4:
            raise Refusal(f"{name} is not a .npy array. Write the file with numpy.savez.")
        major, minor = start[6], start[7]
        if (major, minor) not in ((1, 0), (2, 0), (3, 0)):
            raise Refusal(f"{name} has the .npy version {major}.{minor}; versions 1.0, 2.0 and 3.0 are read.")
        width = 2 if major == 1 else 4
        if len(start) < len(MAGIC) + 2 + width:
            raise Refusal(f"{name} ends inside its header: the file is truncated.")
        (length,) = struct.unpack("<H" if major == 1 else "<I", start[8 : 8 + width])
        if length > MAX_HEADER_BYTES:
            raise Refusal(f"{name} has a header of {length} bytes; at most {MAX_HEADER_BYTES} are read.")
        file.seek(8 + width)
        header = file.read(length)
    if len(header) < length:
        raise Refusal(f"{name} ends inside its header: the file is truncated.")
    descr, fortran, shape = _parse_header(header.decode("utf-8" if major == 3 else "latin-1", "replace"), name)
    if math.prod(shape) == 0 or not shape:
        raise Refusal(f"{name} is empty." if shape else f"{name} is a single number, not one row a sample.")
    array = StoredArray(path, 8 + width + length, _dtype(descr, name), shape, fortran)
    present = size - array.offset
    if array.nbytes != present:
        raise Refusal(
            f"The header of {name} lies about its size: {'x'.join(map(str, shape)) or 'a scalar'} of {descr} takes "
            f"{array.nbytes} bytes, but {present} are present. Write the file again with numpy.savez."
        )
    return array


def _parse_header(text: str, name: str) -> tuple[Any, bool, tuple[int, ...]]:
    try:
        header = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise Refusal(f"The header of {name} cannot be read. Write the file again with numpy.savez.") from None
    if not isinstance(header, dict) or header.keys() != {"descr", "fortran_order", "shape"}:
        raise Refusal(f"The header of {name} has not the keys descr, fortran_order and shape.")
    shape = header["shape"]
    good = isinstance(shape, tuple) and all(type(size) is int and 0 <= size < 2**63 for size in shape)
    if not good or type(header["fortran_order"]) is not bool:
        raise Refusal(f"The header of {name} has a shape or an order that makes no sense.")
    if len(shape) > MAX_DIMENSIONS:
        raise Refusal(f"{name} has {len(shape)} dimensions; at most {MAX_DIMENSIONS} are read.")
    return header["descr"], header["fortran_order"], shape


def _dtype(descr: Any, name: str) -> np.dtype[Any]:
    if isinstance(descr, str) and descr.lstrip("<>|=").startswith("O"):
        raise Refusal(
            f"{name} holds pickled Python objects, which are never opened. Convert it to numbers or fixed-length text, "
            f"e.g. {name}.astype(float) or {name}.astype(str), and save it again with numpy.savez."
        )
    if not isinstance(descr, str) or not _DESCR.fullmatch(descr):
        raise Refusal(
            f"{name} has the dtype {str(descr)[:80]}; bool, integers, floats up to 64 bits and fixed-length text are "
            f"read. Convert it with {name}.astype(...)."
        )
    dtype = np.dtype(descr)
    if dtype.itemsize == 0:
        raise Refusal(f"{name} holds only empty text.")
    return dtype


class NpyWriter:
    """Writes one C-ordered .npy file block by block, with its sha256. Use as a context manager."""

    def __init__(self, path: Path, dtype: np.dtype[Any] | type, shape: tuple[int, ...]) -> None:
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self._digest = hashlib.sha256()
        self._left = self.dtype.itemsize * math.prod(shape)
        self._file = path.open("wb", buffering=0)
        header = repr({"descr": self.dtype.str, "fortran_order": False, "shape": shape})
        padding = -(len(MAGIC) + 4 + len(header) + 1) % 64
        body = (header + " " * padding + "\n").encode("latin-1")
        self._write(MAGIC + bytes((1, 0)) + struct.pack("<H", len(body)) + body)

    def write(self, block: NDArray[Any]) -> None:
        """Append rows; `block` has the writer's dtype."""
        if block.dtype != self.dtype:
            raise TypeError(f"block of {block.dtype} for an array of {self.dtype}")
        self._left -= block.nbytes
        self._write(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)

    def sha256(self) -> str:
        """Hash of the file so far. Raises RuntimeError while rows are missing."""
        if self._left:
            raise RuntimeError(f"{self._left} bytes short of the shape {self.shape}")
        return self._digest.hexdigest()

    def _write(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def write_npy(path: Path, array: NDArray[Any]) -> str:
    """Write `array` to `path` as .npy; returns the sha256 of the file."""
    with NpyWriter(path, array.dtype, array.shape) as writer:
        writer.write(array)
        return writer.sha256()
