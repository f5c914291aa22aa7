"""Storage: the same contract for a folder and for a remote store (here one in memory)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.storage import Storage


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    url = "memory://" if request.param == "memory" else f"file://{tmp_path}/storage"
    return Storage.from_url(url, tmp_path / "cache")


def test_objects_come_back(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 1000)
    storage.put_file("datasets/1/x.npy", path)
    storage.put_bytes("datasets/1/y.npy", b"y")
    assert path.exists()
    assert storage.get_bytes("datasets/1/x.npy") == path.read_bytes()
    assert b"".join(storage.stream("datasets/1/x.npy")) == path.read_bytes()
    assert storage.open_local("datasets/1/x.npy").read_bytes() == path.read_bytes()
    assert storage.list("datasets/1") == ["datasets/1/x.npy", "datasets/1/y.npy"]
    assert storage.list("datasets/2") == []


def test_a_moved_file_may_be_taken(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    storage.put_file("a/b", path, move=True)
    assert storage.get_bytes("a/b") == b"abc"


def test_a_second_put_replaces_the_first_also_in_the_cache(storage: Storage) -> None:
    storage.put_bytes("a/b", b"first")
    assert storage.open_local("a/b").read_bytes() == b"first"
    storage.put_bytes("a/b", b"the second")
    assert storage.open_local("a/b").read_bytes() == b"the second"


def test_delete_prefix_takes_whole_segments(storage: Storage) -> None:
    for key in ("a/1/x", "a/1/y", "a/10/x", "b/1"):
        storage.put_bytes(key, b"x")
    storage.open_local("a/1/x")
    storage.delete_prefix("a/1")
    assert storage.list("a") == ["a/10/x"]
    storage.delete_prefix("a/1")
    for read in (storage.get_bytes, storage.open_local, lambda key: list(storage.stream(key))):
        with pytest.raises(FileNotFoundError):
            read("a/1/x")
    with pytest.raises(ValueError, match="prefix"):
        storage.delete_prefix("/")


@pytest.mark.parametrize("key", ["../a", "a/../../b", "/etc/passwd/../../x"])
def test_keys_stay_inside(storage: Storage, key: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    attempts: list[Callable[[], object]] = [
        lambda: storage.put_bytes(key, b"x"),
        lambda: storage.put_file(key, path),
        lambda: storage.open_local(key),
    ]
    for attempt in attempts:
        with pytest.raises((ValueError, FileNotFoundError)):
            attempt()
