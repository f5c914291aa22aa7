"""Answers as pandas frames, where pandas is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MIDDLES = ("mean", "value", "factor")  # what an estimate calls its middle, beside `low` and `high`


def frame_of(items: Iterable[Mapping[str, Any]]) -> Any:
    """A pandas DataFrame with one row for each JSON object. Raises ImportError without pandas."""
    try:
        import pandas
    except ImportError:
        raise ImportError("to_frame() needs pandas, which is not installed here: pip install pandas") from None
    return pandas.DataFrame([flat(item) for item in items])


def flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """One row: an estimate in three columns, other objects in one column for each of their parts."""
    row: dict[str, Any] = {}
    for name, value in item.items():
        if not isinstance(value, Mapping):
            row[name] = value
            continue
        middle = next((part for part in MIDDLES if part in value), None)
        for part, inner in value.items():
            row[name if part == middle else f"{name}_{part}"] = inner
    return row
