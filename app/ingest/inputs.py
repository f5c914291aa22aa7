"""What goes in: the domain, the layout of one sample, and x in its canonical form on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ingest.job import Limits, Refusal
from app.ingest.npy import NpyWriter
from app.ingest.raw import RawDataset

CHANNELS = (1, 3, 4)
MAX_CHANNELS = 512
UNITS = (1e-18, 1e18)  # between them float32 holds squares
NOISE = 1e-15  # of the largest coordinate: rounding errors of what should be zero
COARSE = 1e-3  # of what a coordinate varies by: rounding that may matter
# Above this, float32 and float64 no longer hold every whole number.
EXACT_FLOAT32, EXACT_FLOAT64 = 2**24, 2**53


@dataclass(slots=True)
class Layout:
    """How one sample is arranged: `domain`, canonical `shape`, and whether channels come last in the file."""

    domain: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channels_last: bool = False
    warnings: list[str] = field(default_factory=list)


def choose_layout(raw: RawDataset, domain: str | None) -> Layout:
    """Decide the domain unless it is given, and find the channels of images. Raises Refusal."""
    shape, dtype = raw.x.shape, raw.x.dtype
    if dtype.kind not in "biuf":
        raise Refusal(f"x has the dtype {dtype}; it must be numbers or bools.")
    if len(shape) == 1:
        shape = (*shape, 1)
    if len(shape) > 4:
        raise Refusal(
            f"x has the shape {shape}; vectors (n, d) and images (n, h, w), (n, channels, h, w) or (n, h, w, channels) "
            "are read."
        )
    if len(shape) == 2:
        if domain == "image2d":
            raise Refusal(
                f"x has the shape {shape}, one row of {shape[1]} numbers a sample: no image. Send an npz whose x has "
                "the shape (n, h, w), or use domain=vector.",
                "/domain",
            )
        return Layout("vector", shape[1:], np.dtype(np.float32))
    warnings: list[str] = []
    last = False
    image: tuple[int, ...]
    if len(shape) == 3:
        image = (1, *shape[1:])
    else:
        last = raw.is_image or (shape[3] in CHANNELS and shape[1] not in CHANNELS)
        image = (shape[3], shape[1], shape[2]) if last else shape[1:]
        if not last and shape[3] in CHANNELS:
            warnings.append(f"x has the shape {shape}: channels could be first or last; they are taken as first.")
    if domain == "vector":
        warnings.append(f"Images were flattened to vectors, in the order channels, rows, columns: {image}.")
        return Layout("vector", (math.prod(image),), np.dtype(np.float32), last, warnings)
    if min(image[1:]) < 2:
        raise Refusal(f"x holds images of {image[1]} x {image[2]} pixels; at least 2 x 2 are needed.")
    if image[0] > MAX_CHANNELS:
        raise Refusal(f"x has {image[0]} channels; at most {MAX_CHANNELS} are read.", status=413)
    keep = dtype in (np.dtype(np.uint8), np.dtype(np.bool_))
    return Layout("image2d", image, np.dtype(np.uint8 if keep else np.float32), last, warnings)


def write_x(raw: RawDataset, layout: Layout, path: Path, limits: Limits) -> str:
    """Write canonical x, (n, *layout.shape), to `path` in one pass; returns its sha256.

    Raises Refusal for NaN and infinity (first row named), for values beyond float32, and when all samples are the same.
    """
    n = raw.x.shape[0]
    if n * math.prod(layout.shape) * layout.dtype.itemsize > limits.unpacked_bytes:
        raise Refusal(f"x takes more than {limits.unpacked_bytes} bytes, the limit.", status=413)
    first: NDArray[Any] | None = None
    least, most = np.full((2, layout.shape[0]), [[np.inf], [-np.inf]])  # of each coordinate or channel
    lost = np.zeros(layout.shape[0])
    varies = rounded = False
    with NpyWriter(path, layout.dtype, (n, *layout.shape)) as writer:
        for start, block in raw.x.chunks():
            canonical, lossy = _convert(block, start, raw, layout)
            source = _arranged(block, layout)  # as sent: what rounding makes constant did vary
            rounded |= lossy
            if first is None:
                first = canonical[:1].copy()
            others = tuple(axis for axis in range(canonical.ndim) if axis != 1)
            if source.dtype.itemsize > 4:
                lost = np.maximum(lost, np.abs(source.astype(np.float64) - canonical).max(axis=others))
            least, most = np.minimum(least, source.min(axis=others)), np.maximum(most, source.max(axis=others))
            varies = varies or bool((canonical != first).any())
            writer.write(canonical)
        digest = writer.sha256()
    if not varies:
        raise Refusal(
            "x is constant: every sample is the same once it is rounded to float32. If the samples differ by little, "
            "subtract their mean and scale them up."
        )
    _judge_units(least, most, lost, raw, layout)
    if rounded:
        layout.warnings.append(
            f"x has whole numbers beyond {EXACT_FLOAT32} that float32 rounds; scale or recode them if each one matters."
        )
    return digest


def _judge_units(least: NDArray[Any], most: NDArray[Any], lost: NDArray[Any], raw: RawDataset, layout: Layout) -> None:
    """Refuse coordinates and channels whose squares leave float32; warn of those that are nothing beside the others,
    and of those that float32 rounds coarsely because they lie far from zero. `least` and `most` are their extremes,
    `lost` what rounding changed at most."""
    span, largest = most - least, np.maximum(np.abs(least), np.abs(most))
    counts = span > NOISE * span.max()
    for place in np.flatnonzero(~counts & (span > 0.0))[:3]:
        layout.warnings.append(
            f"{_place(int(place), raw, layout)} of x varies by {span[place]:.1g} and counts as constant beside the "
            "others, as rounding errors of zero do; choose another unit if it means something."
        )
    for place in np.flatnonzero(counts & (lost > COARSE * span))[:3]:
        layout.warnings.append(
            f"{_place(int(place), raw, layout)} of x varies by {span[place]:.2g} around {most[place]:.2g}, where "
            f"float32 rounds by up to {lost[place]:.1g}: samples may become copies of others. Subtract a common offset."
        )
    beyond = (largest > UNITS[1]) | (counts & (largest < UNITS[0]))
    if not beyond.any():
        return
    place = int(np.argmax(beyond))
    odd = "large" if largest[place] > 1.0 else "small"
    raise Refusal(
        f"x holds numbers up to {largest[place]:.1g} in {_place(place, raw, layout)}, too {odd} to be squared in "
        f"float32. Choose a unit in which the largest is between {UNITS[0]:.0e} and {UNITS[1]:.0e}."
    )


def _place(place: int, raw: RawDataset, layout: Layout) -> str:
    return raw.column(place) if layout.domain == "vector" else f"channel {place}"


def _convert(block: NDArray[Any], start: int, raw: RawDataset, layout: Layout) -> tuple[NDArray[Any], bool]:
    rows, kind = len(block), block.dtype.kind
    if kind == "b":
        block = (block.view(np.uint8) != 0).astype(layout.dtype)
    elif kind == "f":
        _refuse_not_finite(block, start, raw)
    with np.errstate(over="ignore"):
        converted = block.astype(layout.dtype, copy=False)
    if kind == "f" and block.dtype.itemsize > 4 and not np.isfinite(converted).all():
        row = start + int(np.argmax(~np.isfinite(converted.reshape(rows, -1)).all(axis=1)))
        raise Refusal(f"x is too large for float32 in {raw.row_title} {row} (counting from 0). Scale it.")
    lossy = block.dtype.itemsize >= 4 and block.dtype != np.float32 and _rounds(block, converted)
    return np.ascontiguousarray(_arranged(converted, layout)), lossy


def _arranged(block: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """(rows, *layout.shape)."""
    if layout.channels_last:
        block = block.transpose(0, 3, 1, 2)
    return block.reshape(len(block), *layout.shape)


def _rounds(block: NDArray[Any], converted: NDArray[Any]) -> bool:
    size = np.abs(converted)
    large = (size >= EXACT_FLOAT32) & (size <= EXACT_FLOAT64)  # beyond, all numbers are whole
    if not large.any():
        return False
    before, after = block[large], converted[large].astype(np.float64)
    return bool(((before == np.trunc(before)) & (before.astype(np.float64) != after)).any())


def _refuse_not_finite(block: NDArray[Any], start: int, raw: RawDataset) -> None:
    finite = np.isfinite(block)
    if finite.all():
        return
    flat = finite.reshape(len(block), -1)
    row = int(np.argmin(flat.all(axis=1)))
    place = int(np.argmin(flat[row]))
    kind = "NaN" if np.isnan(block.reshape(len(block), -1)[row, place]) else "infinity"
    if raw.x_names is not None:
        kind = "NaN or an empty cell" if kind == "NaN" else kind
    if block.ndim == 2:
        where = raw.column(place)
    else:
        where = f"index {tuple(int(i) for i in np.unravel_index(place, block.shape[1:]))}"
    raise Refusal(
        f"x holds {kind} in {raw.row_title} {start + row} (counting from 0), {where}. Fill it or drop the row."
    )
