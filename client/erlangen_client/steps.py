"""What a client does, one step at a time, without saying whether it waits or awaits.

A script is a generator that yields steps and is sent what came of each. Everything that takes more than one request
(trying again, following, listing) is written once as a script; `Client` and `AsyncClient` only carry out the steps.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import httpx2

from erlangen_client.answers import Event
from erlangen_client.api import Call, Sent, is_visible
from erlangen_client.errors import ServiceError, UnexpectedAnswer
from erlangen_client.version import VERSION

Out = TypeVar("Out")
DEFAULT_URL = "http://127.0.0.1:8000"
CONNECT_SECONDS = 10.0
SHOW_SECONDS = 0.1  # an upload is shown no oftener


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and read the whole answer; comes back as Reply or Lost."""

    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Open:
    """Send a request and leave the body of a good answer unread; comes back as Reply or Lost."""

    call: Call[Any]
    what: Literal["bytes", "events"]


@dataclass(frozen=True, slots=True)
class Next:
    """The next chunk or event of what was opened; None at its end, or Lost."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Call a function that takes a while; comes back as what it returns, and raises what it raises."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand an item to whoever iterates."""

    item: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection failed before the answer was complete."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, headers, and the body unless it was left open."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def content(self) -> Any:
        """The body: JSON as Python has it, other text as text, None where there is none."""
        if not self.body:
            return None
        if "json" not in self.headers.get("content-type", ""):
            return self.body.decode("utf-8", "replace")
        try:
            return json.loads(self.body)
        except ValueError:
            raise UnexpectedAnswer("The answer is not the JSON that it says it is.") from None

    def raise_for_status(self) -> None:
        """Raise ServiceError for an answer that is a refusal, UnexpectedAnswer for one that sends elsewhere."""
        if self.status < 300:
            return
        if self.status < 400:
            raise UnexpectedAnswer(f"It sends on to {self.headers.get('location', 'another address')!r}: ask there.")
        content = self.content
        detail = str(content or "")[:200]
        raise ServiceError(self.status, content if isinstance(content, Mapping) else {"detail": detail})


Step = Send | Open | Next | Pause | Work | Emit
Script = Generator[Step, Any, Out]


def watched(script: Script[Out], see: Callable[[Any], None]) -> Script[Out]:
    """The script with its items handed to `see` and not to whoever iterates."""
    came: Any = None
    try:
        while True:
            try:
                step = script.send(came)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            came = see(step.item) if isinstance(step, Emit) else (yield step)  # type: ignore[func-returns-value]
    finally:
        script.close()


def connection(url: str | None, key: str | None, seconds: float) -> dict[str, Any]:
    """The arguments of an HTTP client: `url` and `key`, by default those of the environment. Raises ValueError."""
    address = (url or os.environ.get("ERLANGEN_URL") or DEFAULT_URL).strip()
    address = address if "//" in address else f"http://{address}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"not an http(s) address: {address!r}")
    secret = (key or os.environ.get("ERLANGEN_API_KEY") or "").strip()
    if not is_visible(secret.replace(" ", "")):  # the HTTP library would refuse it in words that hold it
        raise ValueError("the API key has characters that no key has")
    headers = {"Accept": "application/json", "User-Agent": f"erlangen-client/{VERSION}"}
    return {
        "base_url": address.rstrip("/") + "/",
        "headers": headers | ({"Authorization": f"Bearer {secret}"} if secret else {}),
        "timeout": httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
    }


def event_of(sent: httpx2.ServerSentEvent) -> Event | None:
    """An event of the log; None for what is only about the stream."""
    if not sent.data:
        return None
    try:
        return Event(id=sent.id, kind=sent.event, data=json.loads(sent.data))
    except ValueError:
        raise UnexpectedAnswer(f"An event is not JSON: {sent.data[:100]!r}") from None


def request_of(client: httpx2.Client | httpx2.AsyncClient, call: Call[Any]) -> httpx2.Request:
    """The call as a request of the HTTP library."""
    files = {"file": call.file} if call.file else None
    slow = call.seconds is not None
    timeout = httpx2.Timeout(call.seconds, connect=CONNECT_SECONDS) if slow else httpx2.USE_CLIENT_DEFAULT
    return client.build_request(
        call.method,
        call.path.lstrip("/"),
        params={name: value for name, value in call.query.items() if value is not None},
        headers=dict(call.headers),
        json=call.json,
        data=dict(call.form) if call.form else None,
        files=files,
        timeout=timeout,
    )


class Meter:
    """Counts the bytes of an upload as they are sent."""

    def __init__(self, request: httpx2.Request, see: Callable[[Sent], None] | None) -> None:
        self._total = int(request.headers.get("content-length", 0))
        self._see = see
        self._sent = 0
        self._next = time.monotonic()

    def count(self, piece: bytes) -> None:
        """A piece was sent: tell, if it is the last or the time has come."""
        self._sent += len(piece)
        if self._see is None or (self._sent < self._total and time.monotonic() < self._next):
            return
        self._next = time.monotonic() + SHOW_SECONDS
        self._see(Sent(self._sent, self._total))


def reply_of(response: httpx2.Response, body: bytes = b"") -> Reply:
    """The answer of the HTTP library as a Reply."""
    return Reply(response.status_code, response.headers, body)


def lost(url: object, error: Exception) -> Lost:
    """A failure of the HTTP library as a step's outcome."""
    return Lost(f"No answer from {str(url).rstrip('/')}: {str(error) or type(error).__name__}")
