"""The child process itself: its limits, its environment, and what the parent makes of its end."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.errors import Problem
from app.ingest.job import ReadOptions
from app.ingest.parent import ingest_file
from app.settings import Settings
from tests import ingest_files as files


def ingest(tmp_path: Path, data: bytes, filename: str = "data.npz", **limits: object) -> dict[str, object]:
    path = tmp_path / "upload"
    path.write_bytes(data)
    settings = Settings(data_dir=tmp_path / "data", **limits)  # type: ignore[arg-type]
    return ingest_file(path, filename, ReadOptions(), settings, tmp_path / "out")


def test_a_good_file_leaves_arrays_manifest_and_preview(tmp_path: Path) -> None:
    x, y = files.digits()
    manifest = ingest(tmp_path, files.npz(x=x, y=y))
    assert manifest["n"] == 20
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "preview.json",
        "x.npy",
        "y.npy",
    ]


def test_a_refusal_is_a_problem_with_a_pointer(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        ingest(tmp_path, b"hello", "notes.txt")
    assert caught.value.status == 415
    assert caught.value.errors == [{"pointer": "/file", "detail": caught.value.detail}]


def test_too_much_memory_is_a_refusal(tmp_path: Path) -> None:
    y = np.tile(np.arange(8.0), 600_000)
    data = files.npz(x=np.arange(4_800_000, dtype=np.float32), y=y)
    with pytest.raises(Problem, match=r"memory|takes"):
        ingest(tmp_path, data, ingest_memory_bytes=200 * files.MIB)


def test_no_memory_at_all_is_a_refusal_too(tmp_path: Path) -> None:
    x, y = files.digits()
    with pytest.raises(Problem) as caught:
        ingest(tmp_path, files.npz(x=x, y=y), ingest_memory_bytes=48 * files.MIB)
    assert caught.value.status in (413, 422)


def test_too_much_computing_is_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"a,label\n" + b"0.123456789,1\n0.987654321,0\n" * 4_000_000)
    settings = Settings(data_dir=tmp_path / "data", ingest_cpu_seconds=1)
    with pytest.raises(Problem, match="computing") as caught:
        ingest_file(path, "t.csv", ReadOptions(target="label"), settings, tmp_path / "out")
    assert caught.value.status == 413


def test_too_much_time_is_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    os.mkfifo(path)  # opening it waits for a writer that never comes
    settings = Settings(data_dir=tmp_path / "data", ingest_wall_seconds=1)
    with pytest.raises(Problem, match="longer than 1 s"):
        ingest_file(path, "data.npz", ReadOptions(), settings, tmp_path / "out")


def test_a_file_that_grows_over_the_limit_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        ingest(tmp_path, files.npz(x=np.zeros((64, 300_000)), y=np.arange(64) % 2), max_unpacked_bytes=files.MIB)
    assert caught.value.status == 413


def test_the_child_sees_no_secret_and_no_other_process_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.ingest.parent import _environment

    monkeypatch.setenv("ERLANGEN_API_KEYS", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "secret" not in _environment(tmp_path).values()


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    fifo = tmp_path / "upload"
    os.mkfifo(fifo)
    code = (
        "import sys, threading, pathlib\n"
        "from app.ingest.parent import ingest_file\n"
        "from app.ingest.job import ReadOptions\n"
        "from app.settings import Settings\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "ingest_file(folder / 'upload', 'x.npz', ReadOptions(), Settings(data_dir=folder), folder / 'out')\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    try:
        # Opening the pipe for writing waits until the child has opened it for reading.
        descriptor = os.open(fifo, os.O_WRONLY)
        parent.kill()
        parent.wait(10)
        # The child waits for bytes that never come; the pipe breaks only when the child is dead.
        poll = select.poll()
        poll.register(descriptor, 0)
        assert poll.poll(10_000) == [(descriptor, select.POLLERR)]
        os.close(descriptor)
    finally:
        parent.kill()
        parent.wait(10)


def test_the_web_process_imports_no_reader() -> None:
    code = "import sys, app.routes.datasets; print([m for m in ('pyarrow', 'PIL', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
