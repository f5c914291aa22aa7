""".parquet: flat columns of numbers or bools; target, groups and split may be text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.ingest.job import IngestJob, Refusal
from app.ingest.raw import RawDataset
from app.ingest.readers.columns import ColumnFile, assign_roles
from app.ingest.readers.csv_table import stack_targets

BATCH_BYTES = 8 * 1024 * 1024


def read(job: IngestJob, work: Path) -> RawDataset:
    """`target` names the y column or columns; every other column must be numeric and is x."""
    try:
        return _read(job, work)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise Refusal(f"The file cannot be read as Parquet: {str(error)[:200]}") from None


def _read(job: IngestJob, work: Path) -> RawDataset:
    with pq.ParquetFile(job.path, memory_map=False, buffer_size=1024 * 1024, pre_buffer=False) as file:
        schema = file.schema_arrow
        roles = assign_roles(schema.names, job.options)
        if file.metadata.num_rows * len(roles.x) * 8 > job.limits.unpacked_bytes:
            raise Refusal(f"The table unpacks to more than {job.limits.unpacked_bytes} bytes, the limit.", status=413)
        labels = [*roles.y, *(name for name in (roles.groups, roles.split) if name)]
        for name in roles.x:
            if not _is_numeric(schema.field(name).type):
                raise Refusal(
                    f"Column {name!r} has the type {schema.field(name).type}, not a number. Remove the column, write "
                    "it as numbers, or name it in target, groups or split."
                )
        for name in labels:
            found = schema.field(name).type
            if not _is_numeric(found) and not _is_text(found):
                raise Refusal(f"Column {name!r} has the type {found}; numbers, bools and text are read.", "/target")
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in labels}
        rows = max(1, BATCH_BYTES // (8 * len(schema.names)))
        with ColumnFile(work / "x.raw", len(roles.x), job.limits) as columns:
            held = 0
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                columns.write([_floats(batch.column(name)) for name in roles.x])
                for name, arrays in parts.items():
                    arrays.append(_labels(batch.column(name), name, columns.rows - batch.num_rows))
                    held += arrays[-1].nbytes
                if held > job.limits.table_bytes:
                    limit = job.limits.table_bytes
                    raise Refusal(f"target, groups and split take more than {limit} bytes.", status=413)
            x = columns.stored()
    tables = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return RawDataset(
        source="parquet",
        x=x,
        y=stack_targets([tables[name] for name in roles.y], roles.y),
        groups=tables[roles.groups] if roles.groups else None,
        split=tables[roles.split] if roles.split else None,
        x_names=roles.x,
        y_names=roles.y,
        y_pointer="/target",
        groups_pointer="/groups",
        split_pointer="/split",
    )


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _floats(column: pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)  # empty cells become NaN, or None among bools
    return np.array([np.nan if value is None else value for value in values]) if values.dtype == object else values


def _labels(column: pa.Array, name: str, first_row: int) -> NDArray[Any]:
    if column.null_count:
        row = first_row + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        raise Refusal(f"The column {name!r} has no value in row {row} (counting from 0). Fill it or drop the row.")
    if _is_text(column.type):
        return np.asarray(column.to_pylist(), dtype=np.str_)
    return np.asarray(column.to_numpy(zero_copy_only=False))
