"""The trainer child: a warm process that trains networks, so that torch is imported once.

Spawned by a worker as `python -m workers.trainer PARENT`. One JSON line in is one call,
`{"call": "train", "job": {...}, "out_dir": "..."}` or `{"call": "rank", "job": {...}}`. JSON lines out:
`{"ready": true}` once, then for every call any number of `{"progress": 0..1, "message": "..."}`, of
`{"epoch": {"epoch": 3, "epochs": 40, "losses": [...]}}` while a candidate's networks train, and one of
`{"result": {...}}` or `{"error": "...", "kind": "failed" | "crashed"}`. It dies with its worker.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from workers.parent import die_with_parent

TRAIN = "workers.training:run_trial"
RANK = "workers.ranking:rank_search"


def resolve(dotted: str) -> Callable[..., dict[str, Any]]:
    """The function named `package.module:function`."""
    module, _, name = dotted.partition(":")
    function: Callable[..., dict[str, Any]] = getattr(import_module(module), name)
    return function


def plain(value: Any) -> Any:
    """The same value as JSON that every database takes: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and numbers
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def explain(error: BaseException) -> dict[str, str]:
    """How a call failed: `failed` will fail again, `crashed` (memory, device, input/output) may do better another time.

    After an error of the device its context is lost, and with it every later call in this process.
    """
    name = type(error).__name__
    text = str(error) or name
    no_memory = isinstance(error, MemoryError) or name == "OutOfMemoryError" or "can't allocate memory" in text
    no_device = name == "AcceleratorError" or any(sign in text for sign in ("CUDA error", "cuDNN error"))
    if no_memory or no_device or isinstance(error, OSError):
        return {"error": f"{name}: {text}", "kind": "crashed"}
    return {"error": text if isinstance(error, ValueError) else f"{name}: {text}", "kind": "failed"}


def serve(requests: TextIO, answers: TextIO, *, train: str, rank: str) -> None:
    """Answer calls until the input ends."""

    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message, allow_nan=False) + "\n")
        answers.flush()

    def report(fraction: float, message: str = "") -> None:
        send({"progress": plain(float(fraction)), "message": str(message)})

    def told(epoch: dict[str, Any]) -> None:
        send({"epoch": plain(epoch)})

    train_function = resolve(train)
    send({"ready": True})
    for line in requests:
        request = json.loads(line)
        try:
            if request["call"] == "rank":
                result = resolve(rank)(request["job"])
            else:
                result = train_function(request["job"], Path(request["out_dir"]), report, told)
            send({"result": plain(result)})
        except Exception as error:
            traceback.print_exc()
            send(explain(error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parent", type=int, help="process id of the worker")
    parser.add_argument("--train", default=TRAIN)
    parser.add_argument("--rank", default=RANK)
    arguments = parser.parse_args()
    die_with_parent(arguments.parent, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole terminal; the worker decides
    # The protocol keeps the pipe to itself: whatever libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        serve(sys.stdin, answers, train=arguments.train, rank=arguments.rank)
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
