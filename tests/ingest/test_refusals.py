"""Files that are refused: each says what is wrong, where, and what to do."""

from __future__ import annotations

import stat
import struct
import zipfile
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.job import ReadOptions, Refusal
from tests import ingest_files as files
from tests.ingest_files import Read

N = 12
X = np.random.default_rng(0).normal(size=(N, 4))
Y = np.arange(N) % 2


def refused(read: Read, data: bytes, filename: str = "data.npz", *, limits: object = None, **options: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data, filename, limits=limits, **options)
    return caught.value


def test_pickled_objects_are_never_opened(read: Read) -> None:
    ragged = np.empty(N, dtype=object)
    ragged[:] = [[1]] * N
    refusal = refused(read, files.npz(allow_pickle=True, x=ragged, y=Y))
    assert "x holds pickled Python objects" in refusal.detail
    assert "pickled" in refused(read, files.npz(allow_pickle=True, x=X, y=ragged)).detail


def test_a_pickle_file_is_an_unknown_format(read: Read) -> None:
    assert refused(read, b"\x80\x04\x95" + bytes(100), "data.pkl").status == 415


def test_structured_complex_and_date_arrays_are_refused(read: Read) -> None:
    for array in (np.zeros(N, dtype=[("a", "f4")]), np.zeros((N, 2), complex), np.zeros((N, 2), "M8[s]")):
        assert "dtype" in refused(read, files.npz(x=array, y=Y)).detail


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_first_row_of_x_that_is_not_finite_is_named(read: Read, value: float, word: str) -> None:
    x = X.copy()
    x[7, 2] = x[9, 0] = value
    assert f"x holds {word} in row 7 (counting from 0), column 2" in refused(read, files.npz(x=x, y=Y)).detail
    image = refused(read, files.npz(x=x.reshape(N, 2, 2), y=Y))
    assert "row 7 (counting from 0), index (1, 0)" in image.detail


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_first_row_of_y_that_is_not_finite_is_named(read: Read, value: float, word: str) -> None:
    y = np.linspace(0.0, 1.0, N)
    y[3] = value
    assert f"y holds {word} in row 3" in refused(read, files.npz(x=X, y=y)).detail


def test_values_beyond_float32_are_named(read: Read) -> None:
    x = X.copy()
    x[5, 1] = 1e300
    assert "too large for float32 in row 5" in refused(read, files.npz(x=x, y=Y)).detail
    assert "too large for float32 in row 5" in refused(read, files.npz(x=X, y=x[:, 1])).detail


@pytest.mark.parametrize(("factor", "word"), [(1e-25, "small"), (1e25, "large")])
def test_units_that_float32_cannot_square_are_named(read: Read, factor: float, word: str) -> None:
    x = np.random.default_rng(0).normal(size=(N, 3))
    assert f"too {word}" in refused(read, files.npz(x=x * factor, y=Y)).detail
    one = x * [1.0, factor, 1.0]
    if word == "large":
        assert "column 1" in refused(read, files.npz(x=one, y=Y)).detail
    else:  # rounding errors of zero
        (warning,) = read(files.npz(x=one, y=Y)).manifest["warnings"]
        assert warning.startswith("column 1 of x")
    images = np.random.default_rng(1).normal(size=(N, 8, 8)) * factor
    assert "channel 0" in refused(read, files.npz(x=images, y=Y)).detail


def test_what_float32_rounds_coarsely_is_warned_of(read: Read) -> None:
    x = np.random.default_rng(0).normal(size=(N, 3))
    assert read(files.npz(x=x + np.array([0.0, 100.0, 0.0]), y=Y)).manifest["warnings"] == []
    (warning,) = read(files.npz(x=x + np.array([0.0, 5e7, 0.0]), y=Y)).manifest["warnings"]
    assert warning.startswith("column 1 of x")
    assert "Subtract" in warning
    constant = np.column_stack([x[:, :2], np.full(N, 1e17)])
    assert read(files.npz(x=constant, y=Y)).manifest["warnings"] == []


def test_one_class_only(read: Read) -> None:
    assert "one class only" in refused(read, files.npz(x=X, y=np.ones(N, int))).detail


def test_constant_target(read: Read) -> None:
    assert "target y is constant" in refused(read, files.npz(x=X, y=np.ones(N))).detail
    y = np.stack([np.linspace(0.0, 1.0, N), np.full(N, 0.5)], axis=1)
    assert "y[:, 1]" in refused(read, files.npz(x=X, y=y)).detail


def test_constant_x(read: Read) -> None:
    assert "x is constant" in refused(read, files.npz(x=np.ones((N, 4)), y=Y)).detail
    same = np.tile(X[:1], (N, 1)) + np.arange(N)[:, None] * 1e-30
    assert "subtract their mean" in refused(read, files.npz(x=same, y=Y)).detail


def test_lengths_that_differ(read: Read) -> None:
    detail = refused(read, files.npz(x=X, y=Y[:-1])).detail
    assert "12 samples" in detail
    assert "y has 11" in detail


def test_fewer_than_eight_samples(read: Read) -> None:
    assert "at least 8" in refused(read, files.npz(x=X[:7], y=Y[:7])).detail


def test_a_header_that_lies_about_its_size(read: Read) -> None:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"
    data = files.archive({"x.npy": files.npy_with_header(header, bytes(800)), "y.npy": files.npy(Y)})
    refusal = refused(read, data)
    assert "lies about its size" in refusal.detail
    assert "8000000000000 bytes" in refusal.detail


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 4), }\n",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (12, 4), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': [12, 4], }\n",
        "{'descr': '<f8', 'shape': (12, 4), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 4), 'more': 1}\n",
        "{'descr': '|V8', 'fortran_order': False, 'shape': (12, 4), }\n",
        "{'descr': '<f16', 'fortran_order': False, 'shape': (12, 4), }\n",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (12, 4), }\n",
        "{'descr': 3, 'fortran_order': False, 'shape': (12, 4), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 0, 10**9), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 1000000000000), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }\n",
        "__import__('os').system('false')\n",
        "(" * 3000 + ")" * 3000,
        "\n",
    ],
)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_headers_that_make_no_sense(read: Read, header: str, version: tuple[int, int]) -> None:
    data = files.archive({"x.npy": files.npy_with_header(header, bytes(384), version), "y.npy": files.npy(Y)})
    refused(read, data)


def test_a_huge_header_and_an_unknown_version(read: Read) -> None:
    long = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + bytes(100)
    assert "header of" in refused(read, files.archive({"x.npy": long, "y.npy": files.npy(Y)})).detail
    new = b"\x93NUMPY\x09\x00" + bytes(100)
    assert "version 9.0" in refused(read, files.archive({"x.npy": new, "y.npy": files.npy(Y)})).detail


def test_a_zip_bomb_by_ratio_and_by_size(read: Read) -> None:
    bomb = files.npz(x=np.zeros((N, 3 * files.MIB), np.uint8), y=Y, compressed=True)
    by_ratio = refused(read, bomb)
    assert by_ratio.status == 413
    assert "200 times" in by_ratio.detail
    by_size = refused(read, bomb, limits={"archive_ratio": 2000.0, "unpacked_bytes": files.MIB})
    assert by_size.status == 413
    assert "more than 1048576 bytes" in by_size.detail


def test_too_many_members(read: Read) -> None:
    data = files.archive({f"a{i}.npy": b"" for i in range(20)})
    assert refused(read, data, limits={"archive_members": 10}).status == 413


@pytest.mark.parametrize("name", ["../x.npy", "/x.npy", "a/../../x.npy", "C:x.npy", "a\\x.npy"])
def test_names_that_leave_the_archive(read: Read, name: str) -> None:
    data = files.archive({name: files.npy(X), "x.npy": files.npy(X), "y.npy": files.npy(Y)})
    assert "leaves the archive" in refused(read, data).detail


def test_nested_members_of_an_npz(read: Read) -> None:
    data = files.archive({"a/x.npy": files.npy(X), "y.npy": files.npy(Y)})
    assert "a/x.npy" in refused(read, data).detail


def test_links_encrypted_members_and_twins(read: Read) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        link = zipfile.ZipInfo("x.npy")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    assert "link" in refused(read, buffer.getvalue()).detail

    data = bytearray(files.archive({"x.npy": files.npy(X), "y.npy": files.npy(Y)}))
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    assert "encrypted" in refused(read, bytes(data)).detail

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x.npy", files.npy(X))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("x.npy", files.npy(X))
    assert "two members" in refused(read, buffer.getvalue()).detail


def test_unusual_compression(read: Read) -> None:
    data = files.archive({"x.npy": files.npy(X), "y.npy": files.npy(Y)}, zipfile.ZIP_LZMA)
    assert "stored or deflated" in refused(read, data).detail


def test_a_truncated_and_a_damaged_zip(read: Read) -> None:
    data = files.npz(x=X, y=Y)
    assert "truncated" in refused(read, data[:-100]).detail
    damaged = bytearray(data)
    damaged[200] ^= 0xFF
    assert "truncated or damaged" in refused(read, bytes(damaged)).detail


def test_missing_x_or_y(read: Read) -> None:
    assert "'x' is missing" in refused(read, files.npz(a=X, y=Y)).detail
    assert "'y' is missing" in refused(read, files.npz(x=X, label=Y)).detail
    named = refused(read, files.npz(x=X, y=Y), groups="patient")
    assert named.pointer == "/groups"


def test_an_empty_file_and_unknown_formats(read: Read) -> None:
    assert "empty" in refused(read, b"").detail
    assert refused(read, b"hello", "notes.txt").status == 415
    assert "numpy.savez" in refused(read, files.npy(X), "x.npy").detail
    assert "HDF5" in refused(read, b"\x89HDF\r\n\x1a\n" + bytes(100), "x.h5").detail
    assert refused(read, b"\x1f\x8b" + bytes(100), "x.csv.gz").status == 415
    assert "empty" in refused(read, files.archive({}), "x.zip").detail


def test_domains(read: Read) -> None:
    data = files.npz(x=X, y=Y)
    image = refused(read, data, domain="image2d")
    assert image.pointer == "/domain"
    assert "(n, h, w)" in image.detail
    for domain in ("sensors", "series1d", "points3d", "volume3d"):
        assert "not supported yet" in refused(read, data, domain=domain).detail
    assert "Unknown domain" in refused(read, data, domain="cube").detail
    assert refused(read, data, task="guess").pointer == "/task"
    assert "shape" in refused(read, files.npz(x=np.zeros((N, 2, 2, 2, 2)), y=Y)).detail
    assert "at least 2 x 2" in refused(read, files.npz(x=np.zeros((N, 1, 5)), y=Y)).detail


def test_x_must_be_numbers(read: Read) -> None:
    assert "must be numbers" in refused(read, files.npz(x=np.array([["a"]] * N), y=Y)).detail


def test_tasks_that_do_not_fit_y(read: Read) -> None:
    assert refused(read, files.npz(x=X, y=np.array(["a", "b"] * 6)), task="regression").pointer == "/task"
    half = refused(read, files.npz(x=X, y=Y + 0.5), task="classification")
    assert "0.5 in row 0" in half.detail
    one_hot = np.eye(3)[np.arange(N) % 3]
    assert "argmax" in refused(read, files.npz(x=X, y=one_hot)).detail
    assert "argmax" in refused(read, files.npz(x=X, y=one_hot), task="classification").detail
    assert "12 classes" in refused(read, files.npz(x=X, y=np.arange(N)), task="classification").detail
    assert "shape" in refused(read, files.npz(x=X, y=np.zeros((N, 2, 2)))).detail


def test_class_names_that_are_no_names(read: Read) -> None:
    assert "empty" in refused(read, files.npz(x=X, y=np.array(["a", " "] * 6))).detail
    assert "not text" in refused(read, files.npz(x=X, y=np.array(["a", "b\x07"] * 6))).detail
    wrong = np.full((N, 2), 0x110000, np.uint32).view("<U2")
    assert "not text" in refused(read, files.npz(x=X, y=wrong)).detail
    assert "UTF-8" in refused(read, files.npz(x=X, y=np.array([b"\xff", b"a"] * 6))).detail


def test_groups_and_split_that_do_not_fit(read: Read) -> None:
    def detail(**arrays: np.ndarray) -> str:
        return refused(read, files.npz(x=X, y=Y, **arrays)).detail

    assert "groups has 3 values" in detail(groups=np.arange(3))
    assert "single value" in detail(groups=np.zeros(N, int))
    assert "fractions or NaN" in detail(groups=np.full(N, 0.5))
    assert "one value a sample" in detail(groups=np.zeros((N, 2), int))
    assert "split has 3 values" in detail(split=np.arange(3))
    assert "split is '2' in row 2" in detail(split=np.arange(N) % 3)
    assert "split is 'dev' in row 1" in detail(split=np.array(["train", "dev"] * 6))
    assert "one side" in detail(split=np.zeros(N, int))
    assert "single class in the training part" in detail(split=Y)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.npz", "a.zip", "a.csv", "a.parquet", "a.bin"]))
def test_arbitrary_bytes_are_refused_and_nothing_worse(read: Read, data: bytes, filename: str) -> None:
    refused(read, data, filename, target="a")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_npz_files_are_read_or_refused(read: Read, data: st.DataObject) -> None:
    good = bytearray(files.npz(x=X, y=Y))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Refusal):
        read(bytes(good))


def test_options_normalise_auto() -> None:
    assert ReadOptions(domain="auto", task="auto").normalised() == ReadOptions()
