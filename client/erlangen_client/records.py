"""Answers of the service as frozen dataclasses, read by their type hints."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, Generic, Self, TypeVar

from erlangen_client.errors import UnexpectedAnswer
from erlangen_client.frames import frame_of


@dataclass(frozen=True, kw_only=True)
class Record:
    """One JSON object. `raw` is all of it, as it was sent: also what this version of the client has no field for."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Any) -> Self:
        """The record of a JSON object. Raises UnexpectedAnswer where a field that it cannot do without is missing."""
        if not isinstance(raw, Mapping):
            raise UnexpectedAnswer(f"{cls.__name__}: expected a JSON object, got {raw!r:.100}")
        values = {name: _convert(hint, raw[name]) for name, hint in _hints(cls).items() if name in raw}
        try:
            return cls(raw=raw, **values)
        except TypeError as error:
            raise UnexpectedAnswer(f"{cls.__name__}: the answer lacks a field ({error})") from None

    @property
    def extra(self) -> dict[str, Any]:
        """The fields that this version of the client does not know."""
        known = _hints(type(self))
        return {name: value for name, value in self.raw.items() if name not in known}

    def __getitem__(self, name: str) -> Any:
        """A field as it was sent, known to this version or not."""
        return self.raw[name]


Item = TypeVar("Item", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Rows(Record, Generic[Item]):
    """An answer whose `items` are what matters: iterate over it, count it, or make a table of it."""

    items: tuple[Item, ...] = ()

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def to_frame(self) -> Any:
        """A pandas frame, one row an item. An estimate becomes three columns: `defect`, `defect_low`, `defect_high`.

        Raises ImportError where pandas is not installed.
        """
        return frame_of(item.raw for item in self.items)


def _hints(record: Any) -> dict[str, Any]:
    """The type hints of a record's fields."""
    return _read_hints(record)


@cache
def _read_hints(record: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(record)
    return {part.name: hints[part.name] for part in fields(record) if part.name != "raw"}


def _convert(hint: Any, value: Any) -> Any:
    """A JSON value as its field wants it: records in records, lists as tuples, times as datetimes."""
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        kinds = [part for part in typing.get_args(hint) if part is not types.NoneType]
        return _convert(kinds[0] if len(kinds) == 1 else _kind_of(value, kinds), value)
    if origin is tuple and isinstance(value, list):
        (inner, _) = typing.get_args(hint)
        return tuple(_convert(inner, part) for part in value)
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.read(value)
    if hint is datetime and isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise UnexpectedAnswer(f"expected a time, got {value!r:.100}") from None
    return value


def _kind_of(value: Any, kinds: list[Any]) -> Any:
    """Which of several kinds a JSON object or list is; `object`, which is left as it is, for everything else."""
    for kind in kinds:
        plain = typing.get_origin(kind) or kind
        if (isinstance(value, Mapping) and issubclass(plain, Record)) or (isinstance(value, list) and plain is tuple):
            return kind
    return object
