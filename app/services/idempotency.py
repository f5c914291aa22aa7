"""Idempotency keys: a request sent twice is done once and answered twice alike.

A claim on the key is committed before the work, so that a second request meanwhile learns that the first is in
flight; the answer is written in the transaction of the work itself, so that no crash leaves one without the other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.db.repositories import idempotency
from app.db.tables import utc_now
from app.errors import Problem

ABANDONED_AFTER = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(hours=24)
_HEADER = "/header/idempotency-key"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: status, JSON body, location, and whether it is a repeat."""

    status: int
    body: dict[str, Any]
    location: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer a key, held by one request."""

    owner: str
    key: str
    claimed_at: datetime

    def answer(self, session: Session, answer: Answer) -> None:
        """Write the answer into the transaction of the work; raises a 409 problem if the claim was taken over."""
        if not idempotency.answer(
            session,
            self.owner,
            self.key,
            self.claimed_at,
            status=answer.status,
            response=answer.body,
            location=answer.location,
        ):
            raise _in_flight()

    def release(self, writer: sessionmaker[Session]) -> None:
        """Give the key back after a refusal."""
        with writer.begin() as session:
            idempotency.release(session, self.owner, self.key, self.claimed_at)


def fingerprint(method: str, path: str, body: str) -> str:
    """sha256 of what makes two requests the same."""
    return hashlib.sha256(f"{method} {path}\n{body}".encode()).hexdigest()


def claim(writer: sessionmaker[Session], owner: str, key: str, request: str) -> Claim | Answer:
    """A claim on `key` for the request with the fingerprint `request`, or the answer it was given before.

    Raises a 422 problem when the key was used for another request, 409 while that request is in flight.
    """
    now = utc_now()
    with writer.begin() as session:
        if idempotency.claim(
            session,
            owner,
            key,
            request,
            now=now,
            abandoned_before=now - ABANDONED_AFTER,
            forgotten_before=now - FORGOTTEN_AFTER,
        ):
            return Claim(owner, key, now)
        known = idempotency.find(session, owner, key)
        if known is None:  # its holder gave it back between the two statements
            raise _in_flight()
        if known.fingerprint != request:
            detail = "This Idempotency-Key was used for another request: choose a new one."
            raise Problem.invalid(_HEADER, detail)
        if known.status is None:
            raise _in_flight()
        return Answer(known.status, known.response or {}, known.location or "", replayed=True)


def _in_flight() -> Problem:
    return Problem(
        409,
        "The request is in flight",
        "A request with this Idempotency-Key is being answered: try again in a moment.",
        slug="in-flight",
        headers={"Retry-After": "1"},
    )
