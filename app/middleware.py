"""What happens around every request, as plain ASGI: guarding the door, and observing who came through it."""

from __future__ import annotations

import re
import time
from random import getrandbits
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Problem
from app.metrics import Metrics

MAX_JSON_BYTES = 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
CSP = (
    "default-src 'self'; style-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = [
    (b"content-security-policy", CSP.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger("erlangen.http")


class Observe:
    """Give each request an id, its answer the security headers, and count and time it; log writes and refusals.

    An unexpected error becomes a problem document here; its stack trace goes to the log only.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"{getrandbits(64):016x}"
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.setdefault("headers", [])
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                own = {name for name, _ in headers}  # a route may name a policy of its own
                headers.extend(pair for pair in SECURITY_HEADERS if pair[0] not in own)
                headers.append((b"x-request-id", request_id.encode()))
                self._note(scope, status, time.perf_counter() - started)
            await send(message)

        # Never unbound: a server runs each request in a context of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            log.exception("unexpected error", method=scope["method"], path=scope["path"])
            if status:
                raise  # half an answer is out: the server closes the connection
            problem = Problem(500, "Something went wrong here", f"It was logged as request {request_id}.")
            await problem.response()(scope, receive, send_and_note)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"]
        # Unknown paths and methods share a label: a scanner must not fill the registry.
        template = getattr(scope.get("route"), "path_format", None) or "unmatched"
        self.metrics.observe(method if template != "unmatched" else "any", template, status, seconds)
        if method not in SAFE_METHODS or status >= 400:
            log.info("request", method=method, path=scope["path"], status=status, ms=round(seconds * 1000, 2))


class Guard:
    """Refuse what no honest client sends.

    - A Host that is not ours, when no keys are configured: a web page could otherwise reach a local service by
      pointing its own name at 127.0.0.1. `hosts` None admits every Host.
    - A request from another site's page that would change something.
    - A JSON body over 1 MiB, and NUL characters in an address, which no database text holds.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._refusal(scope, headers)
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        if scope["method"] not in SAFE_METHODS and not headers.get("content-type", "").startswith("multipart/"):
            receive = _capped(receive)
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if self.hosts is not None and host_name(host) not in self.hosts:
            return Problem(
                421,
                "This service does not answer to that name",
                "Without API keys only local names are answered; set ERLANGEN_ALLOWED_HOSTS to add one.",
                slug="host",
            )
        if scope["method"] not in SAFE_METHODS:
            origin = headers.get("origin")
            other_site = origin is not None and _authority(origin) != host.lower()
            if other_site or headers.get("sec-fetch-site") == "cross-site":
                return Problem(403, "Another site's page may not do this", slug="cross-site")
            length = headers.get("content-length", "0")
            multipart = headers.get("content-type", "").startswith("multipart/")
            if not multipart and length.isdecimal() and int(length) > MAX_JSON_BYTES:
                return _too_large()
        if b"%00" in scope.get("raw_path", b"") or b"%00" in scope["query_string"]:
            return Problem(400, "The address holds a NUL character", "No name or id has one: take %00 out.", slug="nul")
        return None


def host_name(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets."""
    name = host.lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def _authority(origin: str) -> str:
    """The host and port of an Origin header, lower case; empty for `null` and for what is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _too_large() -> Problem:
    return Problem(413, "The body is too large", f"A JSON body may have {MAX_JSON_BYTES} bytes.", slug="too-large")


def _capped(receive: Receive) -> Receive:
    seen = 0

    async def capped() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_JSON_BYTES:
            # An HTTPException is the one error that FastAPI lets through while it reads a body.
            raise HTTPException(413, _too_large().detail)
        return message

    return capped
