"""The side of ingest that the service runs: it starts the child, waits, and checks what came back."""

from __future__ import annotations

import json
import os
import selectors
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import structlog

import app
from app.errors import Problem
from app.ingest.job import DOMAINS, TASKS, IngestJob, Limits, ReadOptions, Refusal
from app.settings import Settings

MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_LOG_BYTES = 4000
TITLES = {
    413: ("The file is over a limit", "too-large"),
    415: ("The format is not known", "unknown-format"),
    422: ("The data set cannot be used", "bad-dataset"),
    507: ("No room left", "no-room"),
}
log = structlog.get_logger("erlangen.ingest")


def problem_of(refusal: Refusal) -> Problem:
    """The problem document for a refusal of the reader."""
    title, slug = TITLES[refusal.status]
    errors = [{"pointer": refusal.pointer, "detail": refusal.detail}]
    return Problem(refusal.status, title, refusal.detail, errors=errors, slug=slug)


def limits_of(settings: Settings) -> Limits:
    """The limits of one child."""
    return Limits(
        unpacked_bytes=settings.max_unpacked_bytes,
        archive_ratio=settings.max_archive_ratio,
        archive_members=settings.max_archive_members,
        image_pixels=settings.max_image_pixels,
        memory_bytes=settings.ingest_memory_bytes,
        cpu_seconds=settings.ingest_cpu_seconds,
        wall_seconds=settings.ingest_wall_seconds,
    )


def ingest_file(path: Path, filename: str, options: ReadOptions, settings: Settings, out_dir: Path) -> dict[str, Any]:
    """Read the user's file at `path` in a child and leave the canonical data set in `out_dir`; returns its manifest.

    The child works in `work` beside `out_dir`; both folders are made here, and the caller deletes them.
    Raises Problem (413, 415, 422) for a file that is refused. Blocks for at most `ingest_wall_seconds`.
    """
    job = IngestJob(path, filename, options, limits_of(settings), out_dir)
    work = out_dir.parent / "work"
    work.mkdir()
    out_dir.mkdir()
    errors = out_dir.parent / "stderr"
    try:
        answer = json.loads(_run(job, work, errors))
        if "refusal" in answer:
            raise Refusal(**answer["refusal"])
        manifest: dict[str, Any] = answer["manifest"]
        _check(manifest, out_dir)
    except Refusal as refusal:
        if tail := _tail(errors):
            log.warning("ingest child failed", detail=refusal.detail, stderr=tail)
        raise problem_of(refusal) from None
    except (ValueError, KeyError, TypeError):
        log.error("ingest child answered nonsense", stderr=_tail(errors))
        raise problem_of(Refusal("The file could not be read.")) from None
    return manifest


def _run(job: IngestJob, work: Path, errors: Path) -> bytes:
    """What the child answered. Raises Refusal when it died or ran out of its time."""
    deadline = time.monotonic() + job.limits.wall_seconds
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "app.ingest.child", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=work,
            env=_environment(work),
            start_new_session=True,
        ) as child,
    ):
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                child.stdin.write(json.dumps(job.to_json()).encode())
                child.stdin.close()
            except BrokenPipeError:
                pass
            answer = _read_all(child.stdout.fileno(), deadline)
            child.wait(max(0.1, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise Refusal(
                f"Reading the file took longer than {job.limits.wall_seconds} s, the limit.", status=413
            ) from None
        finally:
            if child.poll() is None:
                child.kill()
    if child.returncode == -signal.SIGXCPU:
        raise Refusal(
            f"Reading the file took more than {job.limits.cpu_seconds} s of computing, the limit.", status=413
        )
    if child.returncode != 0 or not answer:
        raise Refusal("The file is damaged, or it needs more memory than reading may take: the reader died on it.")
    return answer


def _environment(work: Path) -> dict[str, str]:
    # No key, password or address of the service reaches the process that opens user bytes.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(app.__file__).resolve().parent.parent),
        "PYTHONUTF8": "1",
        "TMPDIR": str(work),
        # Thread pools and arenas reserve address space by the number of cores, which the child's limit counts.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _read_all(descriptor: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise TimeoutError
            part = os.read(descriptor, 65536)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > MAX_ANSWER_BYTES:
                raise ValueError("the answer is too long")


def _check(manifest: dict[str, Any], out_dir: Path) -> None:
    """The child is not trusted either: what it wrote must be what its manifest says. Raises ValueError or Refusal."""
    from app.ingest.npy import parse_npy

    n, shape = manifest["n"], tuple(manifest["x_shape"])
    if manifest["domain"] not in DOMAINS or manifest["task"] not in TASKS:
        raise ValueError("domain or task")
    y_shape = (n,) if manifest["task"] == "classification" else (n, manifest["target_dim"])
    expected: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
        "x": ((n, *shape), ("uint8", "float32")),
        "y": (y_shape, ("int64", "float32")),
        "groups": ((n,), ("int64",)),
        "split": ((n,), ("int8",)),
    }
    for name in ("preview.json", "manifest.json", *(f"{array}.npy" for array in manifest["arrays"])):
        if not stat.S_ISREG((out_dir / name).lstat().st_mode):
            raise ValueError(name)
    for name in manifest["arrays"]:
        array = parse_npy(out_dir / f"{name}.npy", name)
        wanted, dtypes = expected[name]
        if array.shape != wanted or array.dtype.name not in dtypes or array.fortran:
            raise ValueError(name)


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - MAX_LOG_BYTES))
        return file.read().decode("utf-8", "replace")
