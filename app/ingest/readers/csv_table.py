""".csv: a header line, then one sample a row; comma, semicolon or tab between the cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from app.ingest.job import IngestJob, Refusal
from app.ingest.raw import RawDataset
from app.ingest.readers.columns import ColumnFile, Roles, assign_roles

BLOCK_BYTES = 8 * 1024 * 1024
_MISSING = frozenset(pacsv.ConvertOptions().null_values)
_CONVERSION = re.compile(r"In CSV column #(\d+): Row #(\d+): .*invalid value '(.*)'", re.DOTALL)
_NOT_TEXT = re.compile(r"In CSV column #(\d+): Row #(\d+): .*invalid UTF8")
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def read(job: IngestJob, work: Path) -> RawDataset:
    """`target` names the y column or columns; every other numeric column is x."""
    names, delimiter = _header(job.path)
    roles = assign_roles(names, job.options)
    types = _column_types(job.path, names, roles, delimiter)
    text: dict[str, list[pa.Array]] = {name: [] for name in names if name not in roles.x}
    with ColumnFile(work / "x.raw", len(roles.x), job.limits) as file:
        held = 0
        for batch in _batches(job.path, names, types, delimiter):
            file.write([batch.column(name).to_numpy(zero_copy_only=False) for name in roles.x])
            for name, parts in text.items():
                parts.append(batch.column(name))
                held += batch.column(name).nbytes
            if held > job.limits.table_bytes:
                raise Refusal(f"target, groups and split take more than {job.limits.table_bytes} bytes.", status=413)
        x = file.stored()
    y = [_infer(text[name], name, "/target") for name in roles.y]
    return RawDataset(
        source="csv",
        x=x,
        y=stack_targets(y, roles.y),
        groups=_infer(text[roles.groups], roles.groups, "/groups") if roles.groups else None,
        split=_infer(text[roles.split], roles.split, "/split") if roles.split else None,
        x_names=roles.x,
        y_names=roles.y,
        y_pointer="/target",
        groups_pointer="/groups",
        split_pointer="/split",
    )


def stack_targets(columns: Sequence[NDArray[Any]], names: Sequence[str]) -> NDArray[Any]:
    """One column as it is, several as an array (n, p). Raises Refusal for text among several."""
    if len(columns) == 1:
        return columns[0]
    for column, name in zip(columns, names, strict=True):
        if column.dtype.kind == "U":
            raise Refusal(f"The target column {name!r} holds text; several targets must all be numbers.", "/target")
    return np.stack([column.astype(np.float64) for column in columns], axis=1)


def _header(path: Path) -> tuple[list[str], str]:
    with path.open("rb") as file:
        line = file.readline(BLOCK_BYTES)
    try:
        text = re.split(b"[\r\n]", line, maxsplit=1)[0].decode("utf-8-sig")  # a line may end in a CR alone
    except UnicodeDecodeError:
        raise Refusal("The first line is not UTF-8 text. Save the table as CSV in UTF-8.") from None
    if not text.strip():
        raise Refusal("The first line is empty. The first line of a CSV names the columns.")
    delimiter = next((mark for mark in (",", ";", "\t") if mark in text), ",")
    try:
        names = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        remedy = " Close its quotation mark, and keep each name on one line." if text.count('"') % 2 else ""
        raise Refusal(f"The first line cannot be read as CSV: {error}.{remedy}") from None
    if all(_is_number(name) for name in names):
        raise Refusal("The first line holds numbers. The first line of a CSV names the columns: add one.")
    return names, delimiter


def _is_number(text: str) -> bool:
    """As Arrow reads numbers: Python's underscores and digits of other scripts are text to it."""
    if "_" in text or not text.isascii():
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _open(path: Path, names: list[str], types: dict[str, pa.DataType], delimiter: str) -> Any:
    return pacsv.open_csv(
        path,
        # The names go by our own reading of the first line, so that a column is never taken for another.
        read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=1),
        parse_options=pacsv.ParseOptions(delimiter=delimiter),
        convert_options=pacsv.ConvertOptions(column_types=types),
    )


def _column_types(path: Path, names: list[str], roles: Roles, delimiter: str) -> dict[str, pa.DataType]:
    # The first block only tells numbers from bools and text: a whole number there may be followed by a fraction.
    types = {name: pa.string() for name in names if name not in roles.x}
    try:
        with _open(path, names, types, delimiter) as reader:
            schema = reader.schema
    except pa.ArrowInvalid as error:
        raise _refusal(error, names, delimiter) from None
    for name in roles.x:
        found = schema.field(name).type
        if pa.types.is_boolean(found):
            types[name] = pa.bool_()
        elif pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_null(found):
            types[name] = pa.float64()
        else:
            raise _text_column(path, names, name, delimiter)
    return types


def _text_column(path: Path, names: list[str], name: str, delimiter: str) -> Refusal:
    with _open(path, names, dict.fromkeys(names, pa.binary()), delimiter) as reader:
        cells = [cell.decode("utf-8", "replace") for cell in reader.read_next_batch().column(name).to_pylist()]
    row = next((row for row, cell in enumerate(cells) if cell not in _MISSING and not _is_number(cell)), 0)
    return _not_numeric(name, row, cells[row])


def _not_numeric(name: str, row: int, cell: str) -> Refusal:
    remedy = "Remove the column, write it as numbers, or name it in target, groups or split."
    if "\n" in cell or "\r" in cell:  # it may have swallowed the rows that follow
        remedy += " It goes on over several lines: if that is not meant, close the quotation mark at its start."
    return Refusal(f"Column {name!r} is not numeric: row {row} (counting from 0) holds {cell[:60]!r}. {remedy}")


def _batches(path: Path, names: list[str], types: dict[str, pa.DataType], delimiter: str) -> Any:
    try:
        with _open(path, names, types, delimiter) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        raise _refusal(error, names, delimiter) from None


def _refusal(error: pa.ArrowInvalid, names: list[str], delimiter: str) -> Refusal:
    # Arrow counts rows from 1 and the skipped header line as one of them.
    message = str(error)
    if match := _CONVERSION.search(message):
        return _not_numeric(names[int(match[1])], int(match[2]) - 2, match[3])
    if match := _NOT_TEXT.search(message):
        name, row = names[int(match[1])], int(match[2]) - 2
        return Refusal(f"Column {name!r} holds bytes in row {row} (counting from 0) that are not UTF-8 text.")
    if match := _RAGGED.search(message):
        return Refusal(
            f"The table is ragged: row {int(match[1]) - 2} (counting from 0) has {match[3]} cells where the header has "
            f"{match[2]}. Look there, or in the row before, for a quotation mark that is not closed or a {delimiter!r} "
            "inside a cell, which needs quotation marks around it."
        )
    if "Empty CSV" in message or "Could not skip initial" in message:
        return Refusal("The table has a header but no rows.")
    return Refusal(f"The table cannot be read as CSV: {message[:200]}")


def _infer(parts: list[pa.Array], name: str, pointer: str) -> NDArray[Any]:
    """A column of text as bools, integers or floats if all of it is that, else as text."""
    column = pa.chunked_array(parts, pa.string()).combine_chunks()
    missing = pc.is_in(column, value_set=pa.array(sorted(_MISSING), pa.string())).to_numpy(zero_copy_only=False)
    present = column.filter(pa.array(~missing)) if missing.any() else column
    for kind in (pa.int64(), pa.float64(), pa.bool_()):
        try:
            values = pc.cast(present, kind).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        if kind != pa.bool_() or not set(pc.unique(present).to_pylist()) <= {"0", "1"}:
            break
    else:
        values = np.asarray(present.to_pylist(), dtype=np.str_)
    empty = np.asarray(pc.equal(column, "").to_numpy(zero_copy_only=False))
    if missing.any() and (values.dtype.kind != "U" or empty.any()):
        row = int(np.argmax(missing if values.dtype.kind != "U" else empty))
        detail = f"The column {name!r} has no value in row {row} (counting from 0). Fill it or drop the row."
        raise Refusal(detail, pointer)
    if values.dtype.kind == "U" and missing.any():  # NA is a fine name for a class among other names
        return np.asarray(column.to_pylist(), dtype=np.str_)
    return np.asarray(values)
