"""Rankings and elements as CSV, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

CSV = "text/csv"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Column = str | tuple[str, Callable[[Mapping[str, Any]], Any]]


def _inside(found: Any, path: Sequence[str]) -> Any:
    """What lies in an item under these names; None where there is nothing."""
    for name in path:
        found = (found or {}).get(name)
    return found


def _ends(name: str, *parts: str) -> list[Column]:
    """The parts of an interval as columns of their own."""
    return [(f"{name}_{part}", partial(_inside, path=(name, part))) for part in parts]


_INTERVAL = ("mean", "low", "high")
_DEFECT = ("value", "low", "high", "bound")
RANKING: list[Column] = [
    "rank", "candidate_id", "name", "group", "title", "labels", "translations", "order", "state", "verdict", "reason",
    "posterior", "score", "accuracy_term", "consistency_term", "complexity_term",
    *_ends("accuracy", *_INTERVAL), *_ends("r2", *_INTERVAL), *_ends("loss_bits", *_INTERVAL), "gain_bits",
    *_ends("defect", *_DEFECT, "element"), "equivariance_error", "parameters", "flops", "seconds", "attempt", "error",
]  # fmt: skip
ELEMENTS: list[Column] = [
    "element", "title", "angle_degrees", "order", ("in_groups", lambda row: "; ".join(row.get("in_groups") or [])),
    *_ends("defect", *_DEFECT), "p_value", "p_adjusted", "log10_bayes_factor",
    ("support", partial(_inside, path=("support", "status"))),
    ("law_p_x", partial(_inside, path=("laws", "marginal", "status"))),
    ("law_p_x_y", partial(_inside, path=("laws", "joint", "status"))),
    ("law_p_y_given_x", partial(_inside, path=("laws", "conditional"))),
]  # fmt: skip


def wants_csv(format: str | None, accept: str | None) -> bool:
    """Whether a request asks for CSV: by its parameter, else by the first type that it accepts."""
    if format is not None:
        return format == "csv"
    return (accept or "").split(",")[0].split(";")[0].strip().lower() == CSV


def as_csv(items: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """A header and a row for each item (RFC 4180). Numbers are written in full, what is not known is empty, and text
    that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column if isinstance(column, str) else column[0] for column in columns])
    for item in items:
        writer.writerow([_cell(item.get(column) if isinstance(column, str) else column[1](item)) for column in columns])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return str(value).lower() if isinstance(value, bool) else value
