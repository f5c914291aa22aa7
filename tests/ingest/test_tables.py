"""csv and parquet: which columns become what, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.ingest.job import Refusal
from tests import ingest_files as files
from tests.ingest_files import Read

N = 12
A = [i / 4 for i in range(N)]
B = [i % 5 for i in range(N)]
LABEL = ["yes", "no"] * 6

MAKERS = [
    pytest.param(files.csv_table, "t.csv", id="csv"),
    pytest.param(files.parquet_table, "t.parquet", id="parquet"),
]


def refused(read: Read, data: bytes, filename: str = "t.csv", **options: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data, filename, **options)
    return caught.value


@pytest.mark.parametrize(("make", "filename"), MAKERS)
def test_columns_take_their_roles(read: Read, make, filename: str) -> None:  # type: ignore[no-untyped-def]
    patient = [f"p{i // 3}" for i in range(N)]
    part = ["train"] * 8 + ["test"] * 4
    flag = [i % 2 == 0 for i in range(N)]
    table = {"a": A, "patient": patient, "b": B, "label": LABEL, "part": part, "flag": flag}
    found = read(make(table), filename, target="label", groups="patient", split="part")
    assert found.manifest["features"] == ["a", "b", "flag"]
    assert found.manifest["source"] == filename.split(".")[1]
    assert np.array_equal(found.arrays["x"], np.array([A, B, flag], np.float32).T)
    assert found.manifest["classes"] == ["no", "yes"]
    assert found.arrays["groups"].tolist() == [i // 3 for i in range(N)]
    assert found.arrays["split"].sum() == 4


@pytest.mark.parametrize(("make", "filename"), MAKERS)
def test_several_targets_are_a_vector(read: Read, make, filename: str) -> None:  # type: ignore[no-untyped-def]
    found = read(make({"a": A, "u": A[::-1], "v": [value + 0.5 for value in B]}), filename, target="u, v")
    assert found.manifest["targets"] == ["u", "v"]
    assert found.manifest["target_dim"] == 2
    assert found.manifest["task"] == "regression"


@pytest.mark.parametrize(("make", "filename"), MAKERS)
@pytest.mark.parametrize(
    ("label", "task"),
    [(B, "classification"), (A, "regression"), ([True, False] * 6, "classification"), (LABEL, "classification")],
)
def test_task_goes_by_the_column(read: Read, make, filename: str, label: list[object], task: str) -> None:  # type: ignore[no-untyped-def]
    found = read(make({"a": A, "label": label}), filename, target="label")
    assert found.manifest["task"] == task
    if label == [True, False] * 6:
        assert found.manifest["classes"] == ["false", "true"]


@pytest.mark.parametrize(("make", "filename"), MAKERS)
def test_target_missing_or_not_found(read: Read, make, filename: str) -> None:  # type: ignore[no-untyped-def]
    data = make({"a": A, "label": LABEL})
    missing = refused(read, data, filename)
    assert missing.pointer == "/target"
    assert "a, label" in missing.detail
    assert refused(read, data, filename, target="nope").pointer == "/target"
    assert refused(read, data, filename, target="label", groups="nope").pointer == "/groups"
    assert refused(read, data, filename, target="label", split="nope").pointer == "/split"
    assert "twice" in refused(read, data, filename, target="label", groups="label").detail
    assert "left for x" in refused(read, data, filename, target="a,label").detail


@pytest.mark.parametrize(("make", "filename"), MAKERS)
def test_a_text_column_is_named(read: Read, make, filename: str) -> None:  # type: ignore[no-untyped-def]
    detail = refused(read, make({"a": A, "city": ["Paris"] * N, "label": LABEL}), filename, target="label").detail
    assert "Column 'city'" in detail


@pytest.mark.parametrize("cell", ["seven", "7_0", "٧"])
def test_the_first_text_cell_is_named(read: Read, cell: str) -> None:
    cells: list[object] = [*range(7), cell, *range(8, N)]
    detail = refused(read, files.csv_table({"a": A, "b": cells, "label": LABEL}), target="label").detail
    assert f"Column 'b' is not numeric: row 7 (counting from 0) holds {cell!r}" in detail


def test_a_text_cell_far_down_is_named(read: Read) -> None:
    n = 600_000
    data = b"a,label\n" + b"".join(b"%d.25,%d\n" % (i, i % 2) for i in range(n)) + b"oops,1\n"
    detail = refused(read, data, target="label").detail
    assert f"row {n} (counting from 0) holds 'oops'" in detail


def test_whole_numbers_first_and_fractions_later_are_one_column(read: Read) -> None:
    n = 600_000
    data = b"a,label\n" + b"".join(b"%d,%d\n" % (i % 10_000_000, i % 2) for i in range(n)) + b"0.5,1\n"
    found = read(data, "t.csv", target="label")
    assert found.arrays["x"][-1, 0] == 0.5


@pytest.mark.parametrize("cell", ["", "NaN", "inf"])
def test_cells_without_a_number_are_named(read: Read, cell: str) -> None:
    cells: list[object] = [*A[:4], cell, *A[5:]]
    detail = refused(read, files.csv_table({"a": cells, "b": B, "label": LABEL}), target="label").detail
    assert "row 4 (counting from 0), column 'a'" in detail
    again = refused(read, files.csv_table({"a": A, "label": cells}), target="label").detail
    assert "row 4" in again


def test_an_empty_parquet_cell_is_named(read: Read) -> None:
    cells = pa.array([*A[:4], None, *A[5:]])
    assert "row 4" in refused(read, files.parquet_table({"a": cells, "y": LABEL}), "t.parquet", target="y").detail
    assert "row 4" in refused(read, files.parquet_table({"a": A, "y": cells}), "t.parquet", target="y").detail
    flags = pa.array([True] * 4 + [None] + [False] * 7)
    assert "row 4" in refused(read, files.parquet_table({"a": flags, "y": LABEL}), "t.parquet", target="y").detail


def test_na_is_a_class_among_names_but_a_gap_among_numbers(read: Read) -> None:
    names = ["NA", "EU"] * 6
    assert read(files.csv_table({"a": A, "y": names}), "t.csv", target="y").manifest["classes"] == ["EU", "NA"]
    gap: list[object] = [0, 1, "NA", *([0, 1, 0] * 3)]
    assert "no value in row 2" in refused(read, files.csv_table({"a": A, "y": gap}), target="y").detail


def test_a_ragged_table_names_its_row(read: Read) -> None:
    lines = files.csv_table({"a": A, "b": B, "label": LABEL}).splitlines()
    lines[6] = b"1,2"
    assert "ragged: row 5" in refused(read, b"\n".join(lines), target="label").detail


def test_lines_may_end_in_a_carriage_return_alone(read: Read) -> None:
    data = files.csv_table({"a": A, "b": B, "label": LABEL}).replace(b"\r\n", b"\n")
    read_back = read(data.replace(b"\n", b"\r"), "t.csv", target="label")
    assert read_back.manifest == read(data, "t.csv", target="label").manifest


def test_a_quotation_mark_that_is_not_closed_is_named(read: Read) -> None:
    lines = files.csv_table({"a": A, "b": B, "label": LABEL}).splitlines()
    header = [b'a,b,"label', *lines[1:]]
    assert "quotation mark" in refused(read, b"\n".join(header), target="label").detail
    cell = [*lines[:4], b'"' + lines[4], *lines[5:]]
    assert "quotation mark" in refused(read, b"\n".join(cell), target="label").detail
    swallowed = [*lines[:4], b'1,"2,0', *lines[5:7], b'1,2",0', *lines[8:]]
    assert "quotation mark" in refused(read, b"\n".join(swallowed), target="label").detail


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_delimiters_and_a_byte_order_mark(read: Read, mark: str) -> None:
    data = b"\xef\xbb\xbf" + files.csv_table({"a": A, "b": B, "label": LABEL}).replace(b",", mark.encode())
    assert read(data, "t.csv", target="label").manifest["features"] == ["a", "b"]


def test_quoted_names_and_cells(read: Read) -> None:
    data = files.csv_table({'"a, b"': A, "label": [f'"{name}, really"' for name in LABEL]})
    found = read(data, "t.csv", target="label")
    assert found.manifest["features"] == ["a, b"]
    assert found.manifest["classes"] == ["no, really", "yes, really"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"1,2\n3,4\n", "first line holds numbers"),
        (b"a,a\n1,2\n", "two columns named 'a'"),
        (b"a,\n1,2\n", "Column 1 has no name"),
        (b"a,label\n", "no rows"),
        (b"a,label", "no rows"),
        (b"\n1,2\n", "first line is empty"),
        (b"\xff\xfe,a\n1,2\n", "not UTF-8"),
        (b'"a,label\n1,2\n', "cannot be read as CSV"),
    ],
)
def test_headers_that_are_no_headers(read: Read, data: bytes, words: str) -> None:
    assert words in refused(read, data, target="label").detail


def test_cells_that_are_not_utf8(read: Read) -> None:
    data = b"a,label\n" + b"1,x\n" * 10 + b"2,\xff\n"
    assert "row 10" in refused(read, data, target="label").detail


def test_parquet_garbage(read: Read) -> None:
    good = files.parquet_table({"a": A, "label": LABEL})
    for data in (b"PAR1" + bytes(100) + b"PAR1", good[:-20], good[:4] + bytes(len(good) - 4), b"no parquet at all"):
        assert "Parquet" in refused(read, data, "t.parquet", target="label").detail


def test_parquet_columns_that_are_not_flat(read: Read) -> None:
    nested = files.parquet_table({"a": [[value] for value in A], "label": LABEL})
    assert "'a' has the type" in refused(read, nested, "t.parquet", target="label").detail
    label = files.parquet_table({"a": A, "label": [[value] for value in A]})
    assert "'label' has the type" in refused(read, label, "t.parquet", target="label").detail


def test_parquet_categories_are_text(read: Read) -> None:
    data = files.parquet_table({"a": A, "label": pa.array(LABEL).dictionary_encode()})
    assert read(data, "t.parquet", target="label").manifest["classes"] == ["no", "yes"]


def test_tables_over_the_limit(read: Read) -> None:
    for make, filename in ((files.csv_table, "t.csv"), (files.parquet_table, "t.parquet")):
        with pytest.raises(Refusal) as caught:
            read(make({"a": A, "label": LABEL}), filename, limits={"unpacked_bytes": 50}, target="label")
        assert caught.value.status == 413


@settings(max_examples=30, deadline=None)
@given(
    x=hnp.arrays(np.float32, st.tuples(st.integers(8, 30), st.integers(1, 4)), elements=st.floats(-1e6, 1e6, width=32)),
    kind=st.sampled_from(["csv", "parquet"]),
)
def test_numbers_come_back_as_they_went_in(read: Read, x: np.ndarray, kind: str) -> None:
    x[0, 0], x[1, 0] = 0, 1
    columns: dict[str, list[object]] = {f"c{i}": [float(value) for value in column] for i, column in enumerate(x.T)}
    columns["label"] = [i % 2 for i in range(len(x))]
    make = files.csv_table if kind == "csv" else files.parquet_table
    found = read(make(columns), f"t.{kind}", target="label")
    assert np.array_equal(found.arrays["x"], x)
    assert found.arrays["y"].tolist() == columns["label"]
