"""npz files that are accepted, and what becomes of their arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.ingest.inputs import UNITS
from app.ingest.job import Refusal
from tests import ingest_files as files
from tests.ingest_files import Read

N = 12


def labels(n: int = N) -> np.ndarray:
    return np.arange(n) % 3


def vectors(n: int = N, d: int = 4) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, d))


def test_grey_uint8_images_keep_their_bytes(read: Read) -> None:
    x, y = files.digits()
    found = read(files.npz(x=x, y=y))
    assert found.arrays["x"].dtype == np.uint8
    assert found.arrays["x"].shape == (20, 1, 6, 6)
    assert np.array_equal(found.arrays["x"][:, 0], x)
    assert found.arrays["y"].dtype == np.int64
    assert found.manifest["domain"] == "image2d"
    assert found.manifest["task"] == "classification"
    assert found.manifest["classes"] == ["0", "1"]
    assert found.manifest["class_counts"] == [10, 10]
    assert found.manifest["warnings"] == []


def test_manifest_counts_groups_and_test_samples(read: Read) -> None:
    x, y = files.digits()
    found = read(files.npz(x=x, y=y, groups=np.arange(20) // 2, split=np.arange(20) > 14))
    assert found.manifest["arrays"].keys() == {"x", "y", "groups", "split"}
    assert found.manifest["groups"] == 10
    assert found.manifest["test"] == 5


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_last_images_are_turned(read: Read, channels: int) -> None:
    x = np.random.default_rng(0).integers(0, 256, (N, 7, 5, channels), dtype=np.uint8)
    found = read(files.npz(x=x, y=labels()))
    assert np.array_equal(found.arrays["x"], x.transpose(0, 3, 1, 2))


def test_channels_first_images_stay_and_an_ambiguous_shape_is_warned_about(read: Read) -> None:
    x = np.random.default_rng(0).integers(0, 256, (N, 3, 5, 3), dtype=np.uint8)
    found = read(files.npz(x=x, y=labels()))
    assert np.array_equal(found.arrays["x"], x)
    assert "channels could be first or last" in found.manifest["warnings"][0]


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", ">i4", "<u2", "i1"])
def test_other_numbers_become_float32(read: Read, dtype: str) -> None:
    x = (np.arange(N * 9).reshape(N, 3, 3) % 100).astype(dtype)
    found = read(files.npz(x=x, y=labels()))
    assert found.arrays["x"].dtype == np.float32
    assert np.array_equal(found.arrays["x"][:, 0], x)


def test_bool_images_become_bytes_and_bool_vectors_floats(read: Read) -> None:
    x = np.random.default_rng(0).random((N, 4, 4)) > 0.5
    assert read(files.npz(x=x, y=labels())).arrays["x"].dtype == np.uint8
    assert read(files.npz(x=x.reshape(N, -1), y=labels())).arrays["x"].dtype == np.float32


def test_vectors_and_a_single_coordinate(read: Read) -> None:
    x = vectors()
    found = read(files.npz(x=x, y=labels()))
    assert found.manifest["domain"] == "vector"
    assert found.manifest["x_shape"] == [4]
    assert np.array_equal(found.arrays["x"], x.astype(np.float32))
    assert read(files.npz(x=x[:, 0], y=labels())).manifest["x_shape"] == [1]


def test_images_given_as_vectors_are_flattened_with_a_warning(read: Read) -> None:
    x, y = files.digits()
    found = read(files.npz(x=x, y=y), domain="vector")
    assert found.arrays["x"].shape == (20, 36)
    assert found.arrays["x"].dtype == np.float32
    assert "flattened" in found.manifest["warnings"][0]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a"] * 6, ["a", "b"]),
        ([True, False] * 6, ["false", "true"]),
        ([10, 9, -1] * 4, ["-1", "9", "10"]),
        (np.array(["x", "y"] * 6, dtype="S1"), ["x", "y"]),
        (np.array(["x", "é"] * 6).astype(">U5"), ["x", "é"]),
    ],
)
def test_class_labels_become_sorted_indices(read: Read, y: object, classes: list[str]) -> None:
    found = read(files.npz(x=vectors(), y=np.asarray(y)))
    assert found.manifest["classes"] == classes
    assert found.arrays["y"].max() == len(classes) - 1


def test_task_auto_goes_by_kind_and_number_of_values(read: Read) -> None:
    x = vectors(500)
    assert read(files.npz(x=x, y=np.arange(500) % 22)).manifest["task"] == "classification"
    assert read(files.npz(x=x, y=np.arange(500) % 23)).manifest["task"] == "regression"
    floats = read(files.npz(x=x, y=np.arange(500) % 2 * 1.0))
    assert floats.manifest["task"] == "regression"
    assert "task=classification" in floats.manifest["warnings"][0]


def test_whole_floats_may_be_classes_when_asked(read: Read) -> None:
    found = read(files.npz(x=vectors(), y=labels() * 1.0), task="classification")
    assert found.manifest["classes"] == ["0", "1", "2"]


def test_vector_targets(read: Read) -> None:
    y = np.random.default_rng(2).normal(size=(N, 3))
    found = read(files.npz(x=vectors(), y=y))
    assert found.manifest["task"] == "regression"
    assert found.manifest["target_dim"] == 3
    assert np.array_equal(found.arrays["y"], y.astype(np.float32))
    assert read(files.npz(x=vectors(), y=y[:, :1])).manifest["target_dim"] == 1


def test_a_class_with_one_sample_is_accepted_with_a_warning(read: Read) -> None:
    y = np.array(["a"] * 6 + ["b"] * 5 + ["lonely"])
    assert "lonely" in read(files.npz(x=vectors(), y=y)).manifest["warnings"][0]


def test_groups_become_codes_and_split_marks_the_test_part(read: Read) -> None:
    groups = np.array(["p3", "p1", "p2"] * 4)
    split = np.array(["train"] * 8 + ["test"] * 4)
    found = read(files.npz(x=vectors(), y=labels(), groups=groups, split=split))
    assert found.arrays["groups"].tolist() == [2, 0, 1] * 4
    assert found.arrays["split"].dtype == np.int8
    assert found.arrays["split"].tolist() == [0] * 8 + [1] * 4


def test_validation_is_the_test_part_only_where_there_is_no_other(read: Read) -> None:
    two = np.array(["train"] * 8 + ["val"] * 4)
    assert read(files.npz(x=vectors(), y=labels(), split=two)).arrays["split"].sum() == 4
    three = np.array(["train"] * 6 + ["VAL"] * 3 + ["Test"] * 3)
    found = read(files.npz(x=vectors(), y=labels(), split=three))
    assert found.arrays["split"].tolist() == [0] * 9 + [1] * 3
    assert "validation" in found.manifest["warnings"][0]


def test_fields_may_name_other_arrays(read: Read) -> None:
    found = read(
        files.npz(x=vectors(), label=labels(), patient=np.arange(N) // 2, fold=np.arange(N) > 8, note=np.ones(3)),
        target="label",
        groups="patient",
        split="fold",
    )
    assert found.manifest["groups"] == 6
    assert found.manifest["test"] == 3
    assert "note" in found.manifest["warnings"][0]


def test_fortran_order_is_read(read: Read) -> None:
    x = np.random.default_rng(0).normal(size=(N, 4, 5))
    y = np.random.default_rng(0).normal(size=(N, 2))
    found = read(files.npz(x=np.asfortranarray(x), y=np.asfortranarray(y)))
    assert np.array_equal(found.arrays["x"][:, 0], x.astype(np.float32))
    assert np.array_equal(found.arrays["y"], y.astype(np.float32))


def test_whole_numbers_that_float32_rounds_are_warned_about(read: Read) -> None:
    x = np.arange(N * 2).reshape(N, 2) + 2**24
    assert "float32 rounds" in read(files.npz(x=x + 1, y=labels())).manifest["warnings"][0]
    assert read(files.npz(x=x * 2.0 - 2**24, y=labels())).manifest["warnings"] == []


def test_a_sparse_array_that_packs_fifty_to_one_is_no_bomb(read: Read) -> None:
    x = (np.random.default_rng(0).random((24000, 100)) < 0.03).astype(np.float64)
    data = files.npz(x=x, y=np.arange(24000) % 2, compressed=True)
    assert len(data) * 50 < 24000 * 800
    assert read(data).manifest["n"] == 24000


def test_preview_spreads_samples_over_the_classes(read: Read) -> None:
    x, _ = files.digits(40)
    y = np.repeat(["a", "b", "c", "d"], 10)
    preview = read(files.npz(x=x, y=y)).preview
    assert [sample["label"] for sample in preview["samples"]] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3 + ["d"] * 3
    assert [sample["row"] for sample in preview["samples"]][:4] == [0, 1, 2, 10]
    assert preview["classes"] == [{"name": name, "count": 10} for name in "abcd"]
    assert all(sample["image"].startswith("data:image/png;base64,") for sample in preview["samples"])


def test_preview_of_numbers_has_histograms_and_values(read: Read) -> None:
    preview = read(files.npz(x=vectors(), y=np.linspace(0.0, 1.0, N))).preview
    (histogram,) = preview["targets"]
    assert sum(histogram["counts"]) == N
    assert histogram["mean"] == pytest.approx(0.5)
    assert len(preview["samples"]) == N
    assert len(preview["samples"][0]["values"]) == 4


numbers = st.sampled_from(["<f4", "<f8", ">f4", "<i2", "u1", "<f2"])


@settings(max_examples=40, deadline=None)
@given(
    x=numbers.flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=6).map(lambda shape: (9, *shape[1:])),
            elements={"allow_nan": False, "allow_infinity": False} if "f" in dtype else {},
        )
    ),
    fortran=st.booleans(),
    compressed=st.booleans(),
)
def test_arrays_come_back_as_they_went_in(read: Read, x: np.ndarray, fortran: bool, compressed: bool) -> None:
    x[0].flat[0] = 0
    x[1].flat[0] = 1  # not constant
    with np.errstate(over="ignore"):
        expected = x if x.dtype == np.uint8 and x.ndim > 2 else x.astype(np.float32)
    if not np.isfinite(expected).all():
        return
    data = files.npz(x=np.asfortranarray(x) if fortran else x, y=np.arange(9) % 2, compressed=compressed)
    if np.abs(x.astype(np.float64)).max() > UNITS[1]:
        with pytest.raises(Refusal, match="too large"):
            read(data)
        return
    found = read(data)
    got = found.arrays["x"]
    assert got.dtype == expected.dtype
    if x.ndim == 4 and x.shape[3] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        got = got.transpose(0, 2, 3, 1)
    assert np.array_equal(got.reshape(expected.shape), expected)
