"""zip archives of images in one folder per class."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.ingest.job import Refusal
from tests import ingest_files as files
from tests.ingest_files import Read


def refused(read: Read, data: bytes, **options: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data, "images.zip", **options)
    return caught.value


def grey(i: int, side: int = 8) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, (side, side), dtype=np.uint8)


def folders(*images: bytes, suffix: str = "png") -> bytes:
    """Ten images, the given ones first."""
    rest = [files.image(grey(i)) for i in range(10 - len(images))]
    return files.archive({f"{'ab'[i % 2]}/{i}.{suffix}": data for i, data in enumerate([*images, *rest])})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_every_format_is_read(read: Read, kind: str) -> None:
    found = read(files.image_folders(kind=kind), "images.zip")
    assert found.manifest["classes"] == ["cat", "dog"]
    assert found.manifest["source"] == "images"
    assert found.arrays["x"].shape == (10, 3 if kind == "WEBP" else 1, 8, 8)
    assert found.arrays["x"].dtype == np.uint8


def test_pixels_and_labels_are_those_of_the_files(read: Read) -> None:
    x, _ = files.digits(10, 8)
    found = read(files.image_folders(), "images.zip")
    order = [*range(0, 10, 2), *range(1, 10, 2)]
    assert np.array_equal(found.arrays["x"][:, 0], x[order])
    assert found.arrays["y"].tolist() == [0] * 5 + [1] * 5


def test_one_coloured_image_makes_all_of_them_coloured(read: Read) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    members = {f"{'ab'[i % 2]}/{i}.png": files.image(grey(i)) for i in range(9)}
    found = read(files.archive({**members, "b/9.png": files.image(colour)}), "images.zip")
    assert found.arrays["x"].shape == (10, 3, 8, 8)
    assert np.array_equal(found.arrays["x"][-1], colour.transpose(2, 0, 1))
    assert np.array_equal(found.arrays["x"][0, 0], found.arrays["x"][0, 1])


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1"])
def test_other_modes_are_converted(read: Read, mode: str) -> None:
    found = read(folders(*(files.image(grey(i), mode=mode) for i in range(10))), "images.zip")
    assert found.arrays["x"].shape == (10, 1 if mode in ("LA", "1") else 3, 8, 8)


def test_sixteen_bit_images_keep_their_values(read: Read) -> None:
    deep = [np.random.default_rng(i).integers(0, 65536, (8, 8), dtype=np.uint16) for i in range(10)]
    found = read(folders(*(files.image(pixels) for pixels in deep)), "images.zip")
    assert found.arrays["x"].dtype == np.float32
    assert np.array_equal(found.arrays["x"][0, 0], deep[0])
    assert "another bit depth" in refused(read, folders(files.image(deep[0]))).detail


def test_turned_photographs_are_set_upright(read: Read) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0] = 255
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the top row of the file is the right column of the picture
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    found = read(folders(buffer.getvalue()), "images.zip")
    assert np.array_equal(found.arrays["x"][0, 0], np.rot90(pixels, -1))


def test_one_folder_around_the_classes_and_other_files(read: Read) -> None:
    members = {f"set/{'ab'[i % 2]}/{i}.png": files.image(grey(i)) for i in range(10)}
    members |= {"set/README.txt": b"hello", "__MACOSX/set/a/._0.png": b"x", "set/a/.hidden.png": b"x"}
    found = read(files.archive(members), "images.zip")
    assert found.manifest["classes"] == ["a", "b"]
    assert found.manifest["warnings"] == ["3 files that are not images were left out."]


def test_ragged_images_are_named(read: Read) -> None:
    detail = refused(read, folders(files.image(grey(0)), files.image(grey(1, 9)))).detail
    assert "ragged" in detail
    assert "'a/2.png' is 8 x 8 pixels, 'a/0.png'" in refused(read, folders(files.image(grey(0, 9)))).detail


def test_an_image_bomb(read: Read) -> None:
    for width, height in ((300, 300), (30000, 30000)):
        refusal = refused(read, folders(files.huge_png(width, height)))
        assert refusal.status == 413
        assert "pixels" in refusal.detail


def test_damaged_images_are_named(read: Read) -> None:
    good = files.image(grey(0))
    assert "'a/0.png' is not a PNG" in refused(read, folders(b"no image")).detail
    assert "'a/0.png'" in refused(read, folders(good[:60])).detail
    broken = bytearray(good)
    broken[50] ^= 0xFF
    assert "'a/0.png'" in refused(read, folders(bytes(broken))).detail


def test_formats_that_are_not_listed(read: Read) -> None:
    gif = files.image(grey(0), "GIF")
    assert "is not a PNG" in refused(read, folders(gif)).detail


def test_many_frames(read: Read) -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(grey(i)) for i in range(3)]
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])
    assert "3 frames" in refused(read, folders(buffer.getvalue(), suffix="tif")).detail


def test_images_must_lie_in_class_folders(read: Read) -> None:
    one = files.image(grey(0))
    assert "no class folder" in refused(read, files.archive({"0.png": one, "a/1.png": one})).detail
    assert "nested too deep" in refused(read, files.archive({"a/b/c/0.png": one})).detail
    assert "no image" in refused(read, files.archive({"a/readme.txt": b"x"})).detail
    assert (
        "one class only" in refused(read, files.archive({f"a/{i}.png": files.image(grey(i)) for i in range(9)})).detail
    )
    assert "leaves the archive" in refused(read, files.archive({"../a/0.png": one})).detail


@pytest.mark.parametrize("field", ["target", "groups", "split"])
def test_columns_make_no_sense_for_images(read: Read, field: str) -> None:
    assert refused(read, files.image_folders(), **{field: "x"}).pointer == f"/{field}"
