"""The worker's side of its trainer child: start, call, listen, stop."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog

import workers
from workers.trainer import RANK, TRAIN

CALLS_PER_CHILD = 200
RSS_LIMIT_BYTES = 6 * 2**30

log = structlog.get_logger("erlangen.trainer")


class TrainerDied(Exception):
    """The child ended without an answer."""


class TrainerHandle:
    """One trainer child at a time, started when needed and kept warm between calls.

    A child is replaced after `CALLS_PER_CHILD` calls, or when its resident memory exceeds `rss_limit_bytes` between
    two calls. The child dies with the thread that forked it, so a thread of its own does nothing but fork.
    """

    def __init__(
        self,
        *,
        train: str = TRAIN,
        rank: str = RANK,
        threads: int = 0,
        rss_limit_bytes: int = RSS_LIMIT_BYTES,
        calls_per_child: int = CALLS_PER_CHILD,
    ) -> None:
        self.threads = threads or len(os.sched_getaffinity(0))
        self._arguments = ["--train", train, "--rank", rank]
        self._rss_limit = rss_limit_bytes
        self._calls_per_child = calls_per_child
        self._forker = ThreadPoolExecutor(1, thread_name_prefix="forker")
        self._process: subprocess.Popen[str] | None = None
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._calls = 0
        self._lock = threading.RLock()

    @property
    def pid(self) -> int | None:
        """Process id of the living child."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def warm_up(self) -> None:
        """Start a child now, so that the first call finds torch imported."""
        with self._lock:
            if self.pid is None:
                self._start()

    def call(self, request: dict[str, Any]) -> None:
        """Send a call to the child, starting or replacing it first if need be. Raises TrainerDied."""
        with self._lock:
            if self.pid is not None and self._worn_out():
                self.stop(1.0)
            self.warm_up()
            process = self._process
            assert process is not None
            assert process.stdin is not None
            self._calls += 1
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
            except OSError as error:
                raise TrainerDied(self._epitaph(process)) from error

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """The child's next message, or None after `timeout` seconds without one. Raises TrainerDied."""
        process = self._process
        if process is None:
            raise TrainerDied("the trainer is not running")
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            return None
        if message is None:
            raise TrainerDied(self._epitaph(process))
        return None if "ready" in message else message

    def stop(self, grace_seconds: float) -> None:
        """End the child: SIGTERM, and SIGKILL if it is still there after the grace time."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            process.terminate()
            try:
                process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()

    def close(self) -> None:
        self.stop(1.0)
        self._forker.shutdown()

    def _start(self) -> None:
        if self._process is not None:
            self.stop(0.0)
        # The child must find this very package, and not one that lies in the folder it is started in.
        root = str(Path(workers.__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        threads = str(self.threads)
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        environment = os.environ | {"PYTHONPATH": path} | limits
        command = [sys.executable, "-P", "-m", "workers.trainer", str(os.getpid()), *self._arguments]
        self._process = self._forker.submit(_popen, command, environment).result()
        self._messages = queue.SimpleQueue()
        self._calls = 0
        threading.Thread(target=_listen, args=(self._process, self._messages), name="listener", daemon=True).start()
        log.info("trainer started", pid=self._process.pid)

    def _worn_out(self) -> bool:
        process = self._process
        return process is not None and (
            self._calls >= self._calls_per_child or resident_bytes(process.pid) > self._rss_limit
        )

    def _epitaph(self, process: subprocess.Popen[str]) -> str:
        code = process.wait()
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        memory = "; the machine may be out of memory" if code == -9 else ""
        return f"The training process died ({cause}{memory})."


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 if it is gone or the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _popen(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def _listen(process: subprocess.Popen[str], messages: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                log.warning("the trainer sent a line that is not JSON", line=line[:200])
                continue
            messages.put(message)
    messages.put(None)
