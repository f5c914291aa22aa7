"""Cursor pagination: opaque cursors that belong to one listing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

from app.errors import Problem

Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page.", examples=[50])]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.", examples=[None])]
DEFAULT_LIMIT = 50
_DIGEST_BYTES = 8


def encode_cursor(context: Any, last: Sequence[Any]) -> str:
    """A cursor that continues after the row with the sort key `last`, in the listing that `context` describes.

    context: JSON-ready owner, filters and order; a cursor is refused in any other listing.
    """
    payload = json.dumps(list(last), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(context, payload) + payload).decode().rstrip("=")


def decode_cursor(context: Any, cursor: str) -> list[Any]:
    """The sort key that `cursor` continues after; raises a 422 problem for anything `encode_cursor` did not make."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise _refusal() from error
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    # Not a secret: a cursor only says where to go on, and every query filters by owner whatever it says.
    if digest != _digest(context, payload):
        raise _refusal()
    last: list[Any] = json.loads(payload)
    return last


def _digest(context: Any, payload: bytes) -> bytes:
    described = json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.blake2b(described + b"\0" + payload, digest_size=_DIGEST_BYTES).digest()


def _refusal() -> Problem:
    return Problem.invalid(
        "/query/cursor", "This cursor is not one of this listing. Start again without it, with the same filters."
    )
