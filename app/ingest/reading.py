"""Which reader opens a file: by its first bytes and its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from app.ingest.archive import Archive
from app.ingest.canonical import canonicalise
from app.ingest.job import FORMATS, IngestJob, Refusal
from app.ingest.raw import RawDataset

REMEDIES = (
    (b"\x93NUMPY", "A single .npy array has no labels. Save both with numpy.savez(file, x=x, y=y)."),
    (b"\x89HDF\r\n", "HDF5 files are not enabled here. Save the arrays with numpy.savez(file, x=x, y=y)."),
    (b"\x80", "Pickled files are never opened. Save the arrays with numpy.savez(file, x=x, y=y)."),
    (b"\x1f\x8b", "Gzipped files are not read. Upload the file unpacked, or as npz or parquet."),
)


def read_file(job: IngestJob, work: Path) -> dict[str, Any]:
    """Open the job's file, write the canonical data set to `job.out_dir`, and return its manifest. Raises Refusal."""
    return canonicalise(_reader(job)(job, work), job)


def _reader(job: IngestJob) -> Callable[[IngestJob, Path], RawDataset]:
    with job.path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise Refusal("The file is empty.")
    suffix = PurePosixPath(job.filename.lower()).suffix
    # Each reader is imported only when it is needed: the libraries behind them are large.
    if head.startswith(b"PK") or suffix in (".npz", ".zip"):
        if _is_npz(job, suffix):
            from app.ingest.readers import npz

            return npz.read
        from app.ingest.readers import image_folders

        return image_folders.read
    if head.startswith(b"PAR1") or suffix in (".parquet", ".pq"):
        from app.ingest.readers import parquet_table

        return parquet_table.read
    for magic, remedy in REMEDIES:
        if head.startswith(magic):
            raise Refusal(remedy, status=415)
    if suffix in (".csv", ".tsv"):
        from app.ingest.readers import csv_table

        return csv_table.read
    raise Refusal(f"The format of {job.filename[:100]!r} is not known. Send {FORMATS}.", status=415)


def _is_npz(job: IngestJob, suffix: str) -> bool:
    if suffix == ".npz":
        return True
    with Archive(job.path, job.limits) as archive:
        names = list(archive.members)
    if not names:
        raise Refusal("The archive is empty.")
    return all(name.endswith(".npy") for name in names)
