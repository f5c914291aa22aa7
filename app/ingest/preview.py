"""What a person sees of a data set before a search: counts, a histogram, a few samples."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ingest.npy import parse_npy
from app.ingest.targets import Target

SAMPLES = 12
BINS = 20
MAX_VALUES = 64
MAX_SIDE = 96
FEW_GREYS = 15  # images of integers no larger than this hold marks, not brightness


def make_preview(manifest: dict[str, Any], x_path: Path, target: Target) -> dict[str, Any]:
    """JSON-ready preview of the canonical data: up to 12 samples, spread over the classes, images as PNG data URLs."""
    rows = _rows(target)
    x = parse_npy(x_path, "x")
    picked = np.stack([_row(x_path, x.offset, x.dtype, x.shape, row) for row in rows])
    images = _thumbnails(picked) if manifest["domain"] == "image2d" else None
    samples: list[dict[str, Any]] = []
    for index, row in enumerate(rows):
        y = target.y[row]
        sample: dict[str, Any] = {
            "row": row,
            "label": target.classes[int(y)] if target.classes is not None else None,
            "target": None if target.classes is not None else [float(value) for value in y],
            "image": images[index] if images else None,
            "values": None if images else [float(value) for value in picked[index].reshape(-1)[:MAX_VALUES]],
        }
        samples.append(sample)
    keys = ("n", "x_shape", "dtype", "domain", "task", "source")
    return {
        **{key: manifest[key] for key in keys},
        "features": manifest["features"][:MAX_VALUES] if manifest["features"] else None,
        "classes": _class_counts(target),
        "targets": _histograms(target, manifest["targets"]),
        "samples": samples,
    }


def _rows(target: Target) -> list[int]:
    if target.classes is None:
        return list(range(min(SAMPLES, len(target.y))))
    # The first rows of every class in turn: a file sorted by class would show one class only.
    share = -(-SAMPLES // len(target.classes))
    turns = [np.flatnonzero(target.y == code)[:share] for code in range(min(SAMPLES, len(target.classes)))]
    chosen = [int(rows[turn]) for turn in range(share) for rows in turns if turn < len(rows)]
    return sorted(chosen[:SAMPLES])


def _row(path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], row: int) -> NDArray[Any]:
    count = int(np.prod(shape[1:]))
    return np.fromfile(path, dtype, count, offset=offset + row * count * dtype.itemsize).reshape(shape[1:])


def _class_counts(target: Target) -> list[dict[str, Any]] | None:
    if target.classes is None or target.class_counts is None:
        return None
    return [{"name": name, "count": count} for name, count in zip(target.classes, target.class_counts, strict=True)]


def _histograms(target: Target, names: list[str] | None) -> list[dict[str, Any]] | None:
    """One histogram for each of the first target columns, with equal bins between its extremes."""
    if target.classes is not None:
        return None
    found: list[dict[str, Any]] = []
    for column in range(min(SAMPLES, target.y.shape[1])):
        values = target.y[:, column].astype(np.float64)
        counts, edges = np.histogram(values, BINS)
        found.append(
            {
                "name": names[column] if names else f"y{column}" if target.y.shape[1] > 1 else "y",
                "mean": float(values.mean()),
                "std": float(values.std()),
                "edges": [float(edge) for edge in edges],
                "counts": [int(count) for count in counts],
            }
        )
    return found


def _thumbnails(images: NDArray[Any]) -> list[str]:
    """PNG data URLs of images (k, c, h, w), scaled to the range of those shown unless uint8 of many values."""
    from PIL import Image

    images = images[:, :3] if images.shape[1] in (3, 4) else images[:, :1]
    step = max(1, -(-max(images.shape[2:]) // MAX_SIDE))
    images = images[:, :, ::step, ::step]
    if images.dtype != np.uint8 or images.max() <= FEW_GREYS:
        low, high = float(images.min()), float(images.max())
        images = ((images.astype(np.float64) - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    urls: list[str] = []
    for image in images:
        pixels = image.transpose(1, 2, 0) if len(image) == 3 else image[0]
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
        urls.append("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"))
    return urls
