"""Zip archives without trust: members are read by name, through caps, and never extracted by path."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from app.ingest.job import Limits, Refusal

READ_BYTES = 1024 * 1024
# Below this size the compression ratio says nothing: a small sparse array compresses as well as a bomb.
RATIO_FREE_BYTES = 16 * 1024 * 1024
ENCRYPTED = 0x1


class Archive:
    """A zip file whose members were checked. Use as a context manager.

    Raises Refusal for anything that is not a plain zip of regular files: too many members, encrypted or linked
    members, names that leave the archive, compression other than stored or deflated.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._size = path.stat().st_size
        self._unpacked = 0
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, OSError):
            raise Refusal("The zip archive is truncated or damaged. Write it again, upload the whole file.") from None
        try:
            self.members = self._checked()
        except BaseException:
            self._zip.close()
            raise

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > self._limits.archive_members:
            raise Refusal(
                f"The archive has {len(infos)} members; the limit is {self._limits.archive_members}.", status=413
            )
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = info.orig_filename
            shown = repr(name[:120])
            parts = name.split("/")
            if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or name[1:2] == ":":
                raise Refusal(f"The archive member {shown} has a name that leaves the archive. Use plain names.")
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise Refusal(f"The archive member {shown} is a link or a special file. Put the file itself there.")
            if info.flag_bits & ENCRYPTED:
                raise Refusal(f"The archive member {shown} is encrypted. Upload it without a password.")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refusal(f"The archive member {shown} is not stored or deflated, the two methods that are read.")
            if name in members:
                raise Refusal(f"The archive has two members named {shown}.")
            members[name] = info
        return members

    def stream(self, name: str) -> Iterator[bytes]:
        """The bytes of one member. Raises Refusal when it is damaged, 413 when it is over the limits."""
        info = self.members[name]
        packed = max(1, min(info.compress_size, self._size))
        count = 0
        try:
            with self._zip.open(info) as member:
                while block := member.read(READ_BYTES):
                    count += len(block)
                    self._unpacked += len(block)
                    if self._unpacked > self._limits.unpacked_bytes:
                        limit = self._limits.unpacked_bytes
                        raise Refusal(f"The archive unpacks to more than {limit} bytes, the limit.", status=413)
                    if count > RATIO_FREE_BYTES and count > packed * self._limits.archive_ratio:
                        raise Refusal(
                            f"The archive member {name!r} unpacks to more than {self._limits.archive_ratio:g} times "
                            "its size, as a zip bomb does. Store it without compression if it is real data.",
                            status=413,
                        )
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise Refusal(f"The archive member {name!r} is truncated or damaged: {error}") from None

    def read(self, name: str, max_bytes: int) -> bytes:
        """One member in memory. Raises Refusal (413) when it has more than `max_bytes`."""
        parts: list[bytes] = []
        count = 0
        for block in self.stream(name):
            count += len(block)
            if count > max_bytes:
                raise Refusal(f"The archive member {name!r} is larger than {max_bytes} bytes.", status=413)
            parts.append(block)
        return b"".join(parts)

    def copy_to(self, name: str, path: Path) -> None:
        """Stream one member to the file `path`, a name of ours."""
        with path.open("wb") as file:
            for block in self.stream(name):
                file.write(block)

    def reset_budget(self) -> None:
        """Start counting unpacked bytes again, before a second pass over the same members."""
        self._unpacked = 0

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._zip.close()
