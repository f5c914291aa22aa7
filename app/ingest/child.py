"""The child process that opens user bytes: it limits itself, reads one job, and answers in JSON on a pipe.

Run as `python -m app.ingest.child PARENT_PID` with the job on stdin.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import sys
import traceback
from typing import Any

from app.ingest.job import IngestJob, Limits, Refusal

PR_SET_PDEATHSIG = 1
MAX_OPEN_FILES = 128
# Beside the largest array there is only small change: headers, manifest, preview.
FILE_MARGIN = 64 * 1024 * 1024


def main() -> int:
    # Only this descriptor speaks to the parent; whatever a library prints goes to stderr.
    answer = os.dup(1)
    os.dup2(2, 1)
    die_with_parent(int(sys.argv[1]))
    job = IngestJob.from_json(json.load(sys.stdin))
    limit_resources(job.limits)
    result = json.dumps(answer_job(job)).encode()
    view = memoryview(result)
    while view:
        view = view[os.write(answer, view) :]
    return 0


def die_with_parent(parent: int) -> None:
    """Be killed when the parent dies; exit now if it already did."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def limit_resources(limits: Limits) -> None:
    """Bound address space, processor time, file size and open files of this process, for good."""
    largest = limits.unpacked_bytes + FILE_MARGIN
    for kind, soft, hard in (
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 5),
        (resource.RLIMIT_FSIZE, largest, largest),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES, MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def answer_job(job: IngestJob) -> dict[str, Any]:
    """`{"manifest": ...}` for a data set that was written, else `{"refusal": {detail, pointer, status}}`."""
    try:
        from app.ingest.reading import read_file

        return {"manifest": read_file(job, job.out_dir.parent / "work")}
    except Refusal as refusal:
        return _refusal(refusal)
    except MemoryError:
        limit = job.limits.memory_bytes
        return _refusal(Refusal(f"Reading the file needs more than {limit} bytes of memory, the limit.", status=413))
    except OSError as error:
        if error.errno == errno.EFBIG:
            limit = job.limits.unpacked_bytes
            return _refusal(Refusal(f"The file unpacks to more than {limit} bytes, the limit.", status=413))
        if error.errno == errno.ENOSPC:
            return _refusal(Refusal("The service has no room left for this file. Try again later.", status=507))
        traceback.print_exc()
    except Exception:  # a damaged file can break a library anywhere
        traceback.print_exc()
    return _refusal(Refusal("The file is damaged or not what its name says: it could not be read."))


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {"refusal": {"detail": refusal.detail, "pointer": refusal.pointer, "status": refusal.status}}


if __name__ == "__main__":
    sys.exit(main())
