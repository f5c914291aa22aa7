"""What can go wrong, as exceptions that say what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erlangen_client.answers import Search


class ErlangenError(Exception):
    """Any failure that this package reports."""


class InputError(ErlangenError, ValueError):
    """The data given to the client cannot be sent; nothing was."""


class Unreachable(ErlangenError):
    """No service answers at the address, or the connection was lost."""


class UnexpectedAnswer(ErlangenError):
    """Something answered, but not as this service does."""


@dataclass(frozen=True, slots=True)
class BadPart:
    """One bad part of a request: a JSON pointer to it, and what is wrong."""

    pointer: str
    detail: str


class ServiceError(ErlangenError):
    """The service refused. `problem` is its whole RFC 9457 document; `errors` names the bad parts of the input."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.title = str(problem.get("title") or "The service refused")
        self.detail = str(problem.get("detail") or "")
        listed = problem.get("errors")
        self.errors = tuple(
            BadPart(str(error.get("pointer", "")), str(error.get("detail", "")))
            for error in (listed if isinstance(listed, list) else ())
            if isinstance(error, Mapping)
        )
        lines = [f"{self.title} ({status})", self.detail, *(f"{part.pointer}: {part.detail}" for part in self.errors)]
        super().__init__("\n".join(line for line in lines if line))


class SearchFailed(ErlangenError):
    """A search that was waited for failed or was cancelled; `search` is how it ended."""

    def __init__(self, search: Search) -> None:
        self.search = search
        super().__init__(f"The search {search.id} is {search.state}" + (f": {search.error}" if search.error else "."))
