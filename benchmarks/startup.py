"""How soon the API process answers on a migrated database, and what it weighs.

    python -m benchmarks.startup [--runs 7]

Starts `erlangen serve` without its worker, again and again; the time is from the start of the process to the first
answer. Writes `benchmarks/results/startup.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "startup.json"
ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def start_once(environment: dict[str, str]) -> dict[str, Any]:
    """One start: `seconds` until an answer, `resident_mb` after it, and whether torch is mapped."""
    port = free_port()
    started = time.perf_counter()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/searches", timeout=5).read()
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - started > 60:
                    raise
                time.sleep(0.005)
        seconds = time.perf_counter() - started
        status = Path(f"/proc/{process.pid}/status").read_text()
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        return {"seconds": seconds, "resident_mb": resident / 1024, "torch_mapped": "/torch/" in maps}
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"ERLANGEN_DATA_DIR": folder, "ERLANGEN_EMBEDDED_WORKER": "false"}
        subprocess.run([sys.executable, "-m", "app.cli", "migrate"], cwd=ROOT, env=environment, check=True)
        runs = [start_once(environment) for _ in range(options.runs)]
    seconds = [run["seconds"] for run in runs]
    result = {
        "cores": os.cpu_count(),
        "median_seconds": statistics.median(seconds),
        "worst_seconds": max(seconds),
        "resident_mb": max(run["resident_mb"] for run in runs),
        "torch_mapped": any(run["torch_mapped"] for run in runs),
        "runs": runs,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(
        f"ready after {result['median_seconds']:.2f} s (median of {len(runs)}, worst {result['worst_seconds']:.2f} s)"
    )
    print(f"resident {result['resident_mb']:.0f} MB, torch mapped: {result['torch_mapped']}")


if __name__ == "__main__":
    main()
