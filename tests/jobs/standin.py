"""A stand-in for training and ranking that does what the candidate's `spec` tells it, in the real trainer child.

spec: `steps` of `seconds` each, then by `do`: finish (default), `fail`, `memory`, `print`, `die` (while the file named
by `until` does not exist it is made and the process kills itself), `device` (in the same way the GPU is lost, for this
call and every later one of the process), `deaf` (ignores SIGTERM). `says` is added to the metrics.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def run_trial(
    job: dict[str, Any],
    out_dir: Path,
    report: Callable[[float, str], None],
    told: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    node = job["plan"]["nodes"][job["position"]]
    spec = node["spec"]
    do = spec.get("do")
    x = np.load(job["dataset"]["x"])
    if do == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if do == "die" and not Path(spec["until"]).exists():
        Path(spec["until"]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "device" and not Path(spec["until"]).exists():
        Path(spec["until"]).write_text(str(os.getpid()))
    if do == "device" and Path(spec["until"]).read_text() == str(os.getpid()):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if do == "fail":
        raise ValueError("every label is the same")
    if do == "memory":
        raise MemoryError("no room for the batch")
    if do == "print":
        print("this is not a message")
    steps = int(spec.get("steps", 2))
    for step in range(steps):
        time.sleep(float(spec.get("seconds", 0.01)))
        report((step + 1) / steps, "training")
        told({"epoch": step + 1, "epochs": steps, "losses": [1.0 / (step + 1), float("nan")]})
    np.save(out_dir / "losses.npy", x[:, 0])
    loss = float(len(node["group"]) + x.mean())
    return {"loss_bits": loss, "pid": os.getpid(), "bad": float("nan"), "mean": np.float32(0.5)} | spec.get("says", {})


def rank_search(job: dict[str, Any]) -> dict[str, Any]:
    request = job["request"]
    if request.get("rank") == "fail":
        raise RuntimeError("no ranking today")
    time.sleep(float(request.get("rank_seconds", 0.0)))
    done = [trial for trial in job["trials"] if trial["state"] == "done"]
    order = sorted(done, key=lambda trial: (trial["metrics"]["loss_bits"], trial["position"]))
    rows = [
        {
            "position": trial["position"],
            "rank": rank,
            "verdict": "certified" if rank == 1 else "refuted",
            "posterior": 1.0 / 2**rank,
            "score": 1.0 / rank,
            "evidence": {"mean": float(np.load(trial["arrays"]["losses.npy"]).mean())},
        }
        for rank, trial in enumerate(order, start=1)
    ]
    best = {"group": job["plan"]["nodes"][order[0]["position"]]["group"]}
    return {
        "best": best,
        "confidence": 0.9,
        "summary": f"{best['group']} it is.",
        "warnings": [],
        "rows": rows,
        "elements": [{"element": "r180", "files": sorted(done[0]["arrays"])}],
        "evidence": {},
    }
