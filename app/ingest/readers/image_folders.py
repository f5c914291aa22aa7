""".zip of images in one folder per class: the label of an image is the name of its folder."""

from __future__ import annotations

import io
import warnings
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from app.ingest.archive import Archive
from app.ingest.job import IngestJob, Refusal
from app.ingest.npy import StoredArray
from app.ingest.raw import RawDataset

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})
MAX_IMAGE_BYTES = 256 * 1024 * 1024
_GREY = frozenset({"1", "L", "LA", "La"})
_DEEP = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


class _NeedsColour(Exception):
    """A coloured image came after grey ones: read all of them as colour."""


def read(job: IngestJob, work: Path) -> RawDataset:
    """x: (n, h, w) grey or (n, h, w, 3) colour, uint8; float32 for 16-bit and floating-point images."""
    for role in ("target", "groups", "split"):
        if getattr(job.options, role):
            raise Refusal(f"A zip of images takes its labels from the folders; leave {role!r} out.", f"/{role}")
    Image.MAX_IMAGE_PIXELS = job.limits.image_pixels
    with Archive(job.path, job.limits) as archive, warnings.catch_warnings():
        warnings.simplefilter("error")  # a decompression bomb is only warned about
        labels, ignored = _labels(list(archive.members))
        try:
            x = _decode(archive, list(labels), work, job, colour=False)
        except _NeedsColour:
            archive.reset_budget()
            x = _decode(archive, list(labels), work, job, colour=True)
    notes = [f"{ignored} files that are not images were left out."] if ignored else []
    return RawDataset("images", x, np.asarray(list(labels.values()), dtype=np.str_), warnings=notes, is_image=True)


def _labels(members: list[str]) -> tuple[dict[str, str], int]:
    """Member name to class name, in the order of the names; and how many members are no images."""
    paths = {name: PurePosixPath(name) for name in sorted(members)}
    wanted = {
        name: path
        for name, path in paths.items()
        if path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)
    }
    if not wanted:
        raise Refusal("There is no image in the archive. Put PNG, JPEG, WebP or TIFF files in one folder per class.")
    depths = {len(path.parts) for path in wanted.values()}
    roots = {path.parts[0] for path in wanted.values()}
    if depths == {3} and len(roots) == 1:  # one folder around the class folders
        return {name: path.parts[1] for name, path in wanted.items()}, len(members) - len(wanted)
    for name, path in wanted.items():
        if len(path.parts) != 2:
            where = "in no class folder" if len(path.parts) == 1 else "nested too deep"
            raise Refusal(f"The image {name!r} is {where}. Put every image at CLASS/IMAGE.")
    return {name: path.parts[0] for name, path in wanted.items()}, len(members) - len(wanted)


def _decode(archive: Archive, names: list[str], work: Path, job: IngestJob, *, colour: bool) -> StoredArray:
    first: NDArray[Any] | None = None
    path = work / "x.raw"
    with path.open("wb") as file:
        for name in names:
            pixels = _pixels(archive.read(name, MAX_IMAGE_BYTES), name, colour=colour)
            if first is None:
                first = pixels
                if first.nbytes * len(names) > job.limits.unpacked_bytes:
                    limit = job.limits.unpacked_bytes
                    raise Refusal(f"The images unpack to more than {limit} bytes, the limit.", status=413)
            if pixels.shape[:2] != first.shape[:2]:
                (h, w), (height, width) = pixels.shape[:2], first.shape[:2]
                raise Refusal(
                    f"The images are ragged: {name!r} is {w} x {h} pixels, {names[0]!r} is {width} x {height}. "
                    "Bring all images to one size."
                )
            if pixels.dtype != first.dtype or pixels.ndim != first.ndim:
                raise Refusal(f"{name!r} has another bit depth than {names[0]!r}. Bring all images to one depth.")
            file.write(np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data)
    assert first is not None
    return StoredArray(path, 0, first.dtype, (len(names), *first.shape))


def _pixels(data: bytes, name: str, *, colour: bool) -> NDArray[Any]:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if (frames := getattr(image, "n_frames", 1)) != 1:
                raise Refusal(f"{name!r} holds {frames} frames. Save every frame as its own image.")
            image.load()
            upright = ImageOps.exif_transpose(image)
            if upright.mode in _DEEP:
                return np.asarray(upright).astype(np.float32)
            if upright.mode in _GREY and not colour:
                return np.asarray(upright.convert("L"))
            if not colour:
                raise _NeedsColour
            return np.asarray(upright.convert("RGB"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refusal(
            f"{name!r} has more than {Image.MAX_IMAGE_PIXELS} pixels, the limit. Scale the images down.", status=413
        ) from None
    except UnidentifiedImageError:
        raise Refusal(f"{name!r} is not a PNG, JPEG, WebP or TIFF image.") from None
    except (Refusal, _NeedsColour, MemoryError):
        raise
    except Exception as error:  # decoders raise many kinds on damaged data
        raise Refusal(f"The image {name!r} is damaged: {str(error)[:120]}") from None
