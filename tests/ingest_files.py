"""Files as users send them, made in memory for the tests of ingest and of the data set routes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from app.ingest.job import Limits

MIB = 1024 * 1024
LIMITS = Limits(
    unpacked_bytes=64 * MIB,
    archive_ratio=200.0,
    archive_members=1000,
    image_pixels=256 * 256,
    memory_bytes=1024 * MIB,
    cpu_seconds=30,
    wall_seconds=60,
)


@dataclass(frozen=True)
class ReadBack:
    """What ingest left: the manifest, the arrays and the preview."""

    manifest: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    preview: dict[str, Any]


class Read(Protocol):
    """The fixture `read`."""

    def __call__(self, data: bytes, filename: str = "data.npz", *, limits: Any = None, **options: str) -> ReadBack: ...


def digits(n: int = 20, side: int = 6, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Random grey images (n, side, side) and alternating labels (n,)."""
    x = np.random.default_rng(seed).integers(0, 256, (n, side, side), dtype=np.uint8)
    return x, np.arange(n) % 2


def npz(*, compressed: bool = False, allow_pickle: bool = False, **arrays: ArrayLike) -> bytes:
    """The bytes of numpy.savez or numpy.savez_compressed."""
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, allow_pickle=allow_pickle, **arrays)
    return buffer.getvalue()


def npy(array: ArrayLike) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def npy_with_header(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """A .npy file with any text as its header."""
    length = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header.encode() + data


def archive(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


def image(pixels: ArrayLike, kind: str = "PNG", mode: str | None = None) -> bytes:
    """One encoded image."""
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(pixels))
    (picture if mode is None else picture.convert(mode)).save(buffer, kind)
    return buffer.getvalue()


def image_folders(n: int = 10, side: int = 8, classes: Sequence[str] = ("cat", "dog"), kind: str = "PNG") -> bytes:
    """A zip of random grey images, alternating between the class folders."""
    x, _ = digits(n, side)
    suffix = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "TIFF": "tif"}[kind]
    return archive({f"{classes[i % len(classes)]}/{i:03}.{suffix}": image(x[i], kind) for i in range(n)})


def huge_png(width: int, height: int) -> bytes:
    """A small file that claims to be a large grey image."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(width + 1) * min(height, 10))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def csv_table(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """A comma-separated table with a header line."""
    lines = [",".join(columns)]
    lines += [",".join(str(cell) for cell in row) for row in zip(*columns.values(), strict=True)]
    return ("\n".join(lines) + "\n").encode()


def parquet_table(columns: Mapping[str, Any]) -> bytes:
    """A Parquet table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer)
    return buffer.getvalue()
