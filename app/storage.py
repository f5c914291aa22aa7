"""Object storage: a local folder by default, any S3-compatible store in production.

Keys are made by the service alone, never taken from a request. Every put is atomic: a reader sees the
whole object or none.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

CHUNK_BYTES = 8 * 1024 * 1024
# Two parts in flight keep an upload to S3 below 20 MB of memory, whatever the size of the object.
PARTS_IN_FLIGHT = 2


class Storage:
    """Objects by key. `cache_dir` holds local copies of remote objects (see `open_local`)."""

    def __init__(self, store: ObjectStore, cache_dir: Path, root: Path | None = None) -> None:
        self._store = store
        self._cache = cache_dir
        self._root = root

    @classmethod
    def from_url(cls, url: str, cache_dir: Path) -> Storage:
        """Storage at `url`: `file:///folder` (made if absent), `s3://bucket/prefix` (AWS_* environment), `memory://`."""
        if url.startswith("file://"):
            root = Path(url.removeprefix("file://")).resolve()
            root.mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(root, automatic_cleanup=False), cache_dir, root)
        return cls(from_url(url), cache_dir)

    def put_file(self, key: str, path: Path, *, move: bool = False) -> None:
        """Store the file at `path` under `key`; with `move` the file may be taken away instead of copied."""
        if self._root is None:
            obstore.put(self._store, key, path, chunk_size=CHUNK_BYTES, max_concurrency=PARTS_IN_FLIGHT)
            return
        target = self._local_path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if move:
            try:
                os.replace(path, target)
            except OSError:  # another file system
                pass
            else:
                return
        # A name ending in # and digits is what the store itself gives to unfinished objects: never listed.
        part = target.with_name(f"{target.name}#{secrets.randbelow(10**9)}")
        try:
            shutil.copyfile(path, part)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def put_bytes(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""
        obstore.put(self._store, key, data, use_multipart=False)

    def get_bytes(self, key: str) -> bytes:
        """The whole object. Raises FileNotFoundError."""
        return bytes(obstore.get(self._store, key).bytes())

    def open_local(self, key: str) -> Path:
        """A local file with the object's bytes: the object itself in a local store, else a copy in the cache.

        The caller only reads it. Raises FileNotFoundError.
        """
        path = self._local_path(key)
        if self._root is not None:
            if not path.is_file():
                raise FileNotFoundError(key)
            return path
        if path.is_file() and path.stat().st_size == obstore.head(self._store, key)["size"]:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}#{secrets.randbelow(10**9)}")
        try:
            with part.open("wb") as file:
                for chunk in self.stream(key):
                    file.write(chunk)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes, a few MiB at a time. Raises FileNotFoundError."""
        for chunk in obstore.get(self._store, key).stream(min_chunk_size=CHUNK_BYTES // 8):
            yield bytes(chunk)

    def list(self, prefix: str) -> list[str]:
        """All keys under `prefix` (whole path segments), sorted."""
        return sorted(str(meta["path"]) for batch in obstore.list(self._store, prefix) for meta in batch)

    def delete_prefix(self, prefix: str) -> None:
        """Delete every object under `prefix` and its cached copies; nothing there is fine."""
        if not prefix.strip("/"):
            raise ValueError("delete_prefix needs a prefix")
        keys = self.list(prefix)
        try:
            if keys:
                obstore.delete(self._store, keys)
        except FileNotFoundError:  # somebody else deletes the same prefix
            for key in self.list(prefix):
                self._delete_one(key)
        shutil.rmtree(self._local_path(prefix), ignore_errors=True)

    def _delete_one(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def _local_path(self, key: str) -> Path:
        """Where an object lies on this machine: in the local store, or in the cache."""
        root = self._cache.resolve() if self._root is None else self._root
        path = (root / key).resolve()
        if not path.is_relative_to(root) or path == root:
            raise ValueError(f"key outside the store: {key!r}")
        return path
