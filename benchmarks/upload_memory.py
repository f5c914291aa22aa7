"""How much memory one large upload costs: the API process while it receives, and the child while it reads.

Usage: python benchmarks/upload_memory.py [--images 1300000]
Starts a real server on a scratch folder, streams a stored npz of uint8 images (n, 28, 28) to it, and samples the
resident memory of the API process. Writes benchmarks/results/upload_memory.json.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from rich.console import Console
from rich.table import Table

from app.db.migrate import upgrade
from app.settings import Settings

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "upload_memory.json"
MB = 1_000_000
SIDE = 28
CHUNK = 1024 * 1024
ALLOWED_GROWTH_MB = 64


def write_npz(path: Path, images: int) -> None:
    """A stored npz with x (images, 28, 28) uint8 and y (images,) int64, written piece by piece."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as member:
            header = {"descr": "|u1", "fortran_order": False, "shape": (images, SIDE, SIDE)}
            np.lib.format.write_array_header_1_0(member, header)  # type: ignore[arg-type]
            for start in range(0, images, 10_000):
                rows = min(10_000, images - start)
                member.write(rng.integers(0, 256, (rows, SIDE, SIDE), dtype=np.uint8).tobytes())
        with archive.open("y.npy", "w") as member:
            np.lib.format.write_array(member, np.arange(images) % 10)


def multipart(path: Path, boundary: bytes) -> Iterator[bytes]:
    """The body of an upload, one MiB at a time."""
    yield b'--%b\r\nContent-Disposition: form-data; name="file"; filename="big.npz"\r\n\r\n' % boundary
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
    yield b"\r\n--%b--\r\n" % boundary


def memory(pid: int, key: str) -> float:
    """A memory line of /proc/PID/status in MB, 0 when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) * 1024 / MB for line in text.splitlines() if line.startswith(f"{key}:")), 0.0)


def children(pid: int) -> list[int]:
    """Processes that any thread of `pid` started."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in path.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


class Sampler:
    """Peaks of the API process and of its children, every 20 ms."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.api_peak = memory(pid, "VmRSS")
        self.child_resident = 0.0
        self.child_address = 0.0

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.api_peak = max(self.api_peak, memory(self._pid, "VmRSS"))
            for child in children(self._pid):
                self.child_resident = max(self.child_resident, memory(child, "VmHWM"))
                self.child_address = max(self.child_address, memory(child, "VmPeak"))

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()


def start_server(settings: Settings) -> tuple[subprocess.Popen[bytes], str]:
    """A server process without a worker, and its address once it answers."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = os.environ | {
        "ERLANGEN_DATA_DIR": str(settings.data_dir),
        "ERLANGEN_EMBEDDED_WORKER": "false",
        "ERLANGEN_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(port)]
    process = subprocess.Popen([*command, "--no-access-log"], cwd=REPOSITORY, env=environment)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            if httpx2.get(f"{url}/livez").status_code == 200:
                return process, url
        except httpx2.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise SystemExit("the server did not start")
        time.sleep(0.05)


def measure(images: int) -> dict[str, Any]:
    """Upload once and return what it cost."""
    with tempfile.TemporaryDirectory(prefix="erlangen-upload-") as name:
        path = Path(name) / "big.npz"
        write_npz(path, images)
        size = path.stat().st_size
        settings = Settings(data_dir=Path(name) / "data", embedded_worker=False)
        upgrade(settings.database_url)
        process, url = start_server(settings)
        try:
            idle = memory(process.pid, "VmRSS")
            with Sampler(process.pid) as sampler:
                start = time.monotonic()
                answer = httpx2.post(
                    f"{url}/v1/datasets",
                    content=multipart(path, b"upload-boundary"),
                    headers={"content-type": "multipart/form-data; boundary=upload-boundary"},
                    timeout=900,
                )
                seconds = time.monotonic() - start
            if answer.status_code != 201:
                raise SystemExit(f"{answer.status_code}: {answer.text}")
            after = memory(process.pid, "VmRSS")
            left = sum(1 for _ in (settings.data_dir / "incoming").iterdir())
        finally:
            process.terminate()
            process.wait(15)
    return {
        "upload_mb": round(size / MB, 1),
        "x_shape": [images, *answer.json()["x_shape"]],
        "seconds": round(seconds, 1),
        "mb_per_second": round(size / MB / seconds, 1),
        "api_idle_mb": round(idle, 1),
        "api_peak_mb": round(sampler.api_peak, 1),
        "api_after_mb": round(after, 1),
        "api_growth_mb": round(sampler.api_peak - idle, 1),
        "allowed_growth_mb": ALLOWED_GROWTH_MB,
        "child_peak_resident_mb": round(sampler.child_resident, 1),
        "child_peak_address_mb": round(sampler.child_address, 1),
        "child_limit_mb": round(settings.ingest_memory_bytes / MB, 1),
        "files_left_in_incoming": left,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_300_000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = measure(options.images)
    table = Table("measure", "value", title="one upload")
    for key, value in result.items():
        table.add_row(key, str(value))
    Console().print(table)
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    return 0 if result["api_growth_mb"] < ALLOWED_GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
