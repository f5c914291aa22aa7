"""Reading a file in this process: quick, and every line of the readers is seen by the debugger."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.ingest.job import IngestJob, ReadOptions
from app.ingest.reading import read_file
from tests import ingest_files as files


@pytest.fixture(scope="session")
def read() -> files.Read:
    """Read the bytes of a file as the child would; raises Refusal."""

    def _read(data: bytes, filename: str = "data.npz", *, limits: Any = None, **options: str) -> files.ReadBack:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            out, work, path = folder / "out", folder / "work", folder / "upload"
            out.mkdir()
            work.mkdir()
            path.write_bytes(data)
            chosen = replace(files.LIMITS, **(limits or {}))
            job = IngestJob(path, filename, ReadOptions(**options).normalised(), chosen, out)
            manifest = read_file(job, work)
            assert json.loads((out / "manifest.json").read_text()) == manifest
            for name, digest in manifest["arrays"].items():
                assert hashlib.sha256((out / f"{name}.npy").read_bytes()).hexdigest() == digest
            arrays = {name: np.load(out / f"{name}.npy", allow_pickle=False) for name in manifest["arrays"]}
            return files.ReadBack(manifest, arrays, json.loads((out / "preview.json").read_text()))

    return _read
