"""From what a reader found to the canonical arrays, the manifest and the preview of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from app.ingest.inputs import choose_layout, write_x
from app.ingest.job import MIN_SAMPLES, IngestJob, Refusal
from app.ingest.npy import write_npy
from app.ingest.preview import make_preview
from app.ingest.raw import RawDataset
from app.ingest.targets import read_groups, read_split, read_target

MANIFEST_VERSION = 1
MAX_FEATURE_NAMES = 10_000


def canonicalise(raw: RawDataset, job: IngestJob) -> dict[str, Any]:
    """Write x.npy, y.npy, optional groups.npy and split.npy, manifest.json and preview.json; returns the manifest.

    x: image2d (n, c, h, w) uint8 or float32, vector (n, d) float32; y: (n,) int64 or (n, p) float32;
    groups: (n,) int64; split: (n,) int8. Raises Refusal for data that no search could use.
    """
    out = job.out_dir
    n = raw.x.shape[0]
    if len(raw.y) != n:
        raise Refusal(f"x has {n} samples and y has {len(raw.y)}: their lengths differ.")
    if n < MIN_SAMPLES:
        raise Refusal(f"The data set has {n} samples; at least {MIN_SAMPLES} are needed.")
    layout = choose_layout(raw, job.options.domain)
    target = read_target(raw, job.options.task)
    groups = read_groups(raw, n)
    split, split_warnings = read_split(raw, target)
    hashes = {"x": write_x(raw, layout, out / "x.npy", job.limits), "y": write_npy(out / "y.npy", target.y)}
    if groups is not None:
        hashes["groups"] = write_npy(out / "groups.npy", groups)
    if split is not None:
        hashes["split"] = write_npy(out / "split.npy", split)
    names = raw.x_names if raw.x_names and len(raw.x_names) <= MAX_FEATURE_NAMES and layout.domain == "vector" else None
    manifest: dict[str, Any] = {
        "version": MANIFEST_VERSION,
        "source": raw.source,
        "n": n,
        "x_shape": list(layout.shape),
        "dtype": layout.dtype.name,
        "domain": layout.domain,
        "task": target.task,
        "classes": target.classes,
        "class_counts": target.class_counts,
        "target_dim": None if target.classes is not None else int(target.y.shape[1]),
        "features": names,
        "targets": raw.y_names,
        "groups": None if groups is None else int(groups.max()) + 1,
        "test": None if split is None else int(split.sum()),
        "arrays": hashes,
        "warnings": [*raw.warnings, *layout.warnings, *target.warnings, *split_warnings],
    }
    _write_json(out / "preview.json", make_preview(manifest, out / "x.npy", target))
    _write_json(out / "manifest.json", manifest)
    return manifest


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, allow_nan=False, default=_plain), encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)
