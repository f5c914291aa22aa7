"""Errors as RFC 9457 problem details: one shape for everything the service refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"
_UNREADABLE = "There was an error parsing the body"  # FastAPI's words for what json raises beside JSONDecodeError


class Problem(Exception):
    """A refusal that the caller is told about.

    status: HTTP status; title: the kind of problem, the same for every occurrence; detail: this occurrence and its
    remedy; errors: `{pointer, detail}` for each bad part of the input; slug: the machine-readable kind; extensions:
    further members of the document.
    """

    def __init__(
        self,
        status: int,
        title: str = "",
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        slug: str = "",
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = [dict(error) for error in errors]
        self.slug = slug
        self.headers = dict(headers or {})
        self.extensions = dict(extensions or {})

    @classmethod
    def not_found(cls, what: str, identifier: str) -> Problem:
        """404 for a row that does not exist, or that belongs to someone else: the two look the same."""
        return cls(404, f"No such {what}", f"There is no {what} {identifier!r}.", slug="not-found")

    @classmethod
    def invalid(cls, pointer: str, detail: str) -> Problem:
        """422 for one bad part of the input."""
        return cls(
            422, "The request is not valid", detail, errors=[{"pointer": pointer, "detail": detail}], slug="invalid"
        )

    def body(self) -> dict[str, Any]:
        """The JSON object of RFC 9457."""
        kind = f"urn:erlangen:problem:{self.slug}" if self.slug else "about:blank"
        body: dict[str, Any] = {"type": kind, "title": self.title, "status": self.status, "detail": self.detail}
        if self.errors:
            body["errors"] = self.errors
        return body | self.extensions

    def response(self) -> Response:
        return Response(json.dumps(self.body()), self.status, self.headers, media_type=PROBLEM_JSON)


def json_pointer(loc: Sequence[int | str], body: Any, *, missing: bool = False) -> str:
    """The JSON pointer of a pydantic error location.

    Parts that name a union member and not a place in the body are left out; with `missing` the last part is the place
    that should be there. The query parameter `limit` is `/query/limit`.
    """
    if not loc:
        return ""
    source, rest = loc[0], list(loc[1:])
    if source != "body":
        return "".join(f"/{_escape(part)}" for part in loc)
    kept: list[int | str] = []
    node = body
    for index, part in enumerate(rest):
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        elif not (missing and index == len(rest) - 1):
            continue
        kept.append(part)
    return "".join(f"/{_escape(part)}" for part in kept)


def _escape(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _from_validation(error: RequestValidationError) -> Problem:
    if isinstance(error.body, bytes):  # FastAPI leaves a body that is not announced as JSON unread
        remedy = "Send JSON, and the header Content-Type: application/json."
        return Problem(415, "The body has another media type", remedy, slug="media-type")
    found = error.errors()
    for item in found:
        if item["type"] == "json_invalid":
            where = f"{item['ctx']['error']}, at character {item['loc'][-1]}"
            return _not_json(f"The request body could not be read as JSON: {where}.")
    # A field that fails several members of a union is reported by each of them: say the same thing once.
    said = [
        (
            json_pointer(item["loc"], error.body, missing=item["type"] == "missing"),
            item["msg"].removeprefix("Value error, "),
        )
        for item in found
    ]
    errors = list(dict.fromkeys(said))
    return Problem(
        422,
        "The request is not valid",
        "; ".join(f"{pointer or 'body'}: {message}" for pointer, message in errors[:3]),
        errors=[{"pointer": pointer, "detail": message} for pointer, message in errors],
        slug="invalid",
    )


def _not_json(detail: str) -> Problem:
    return Problem(400, "The body is not JSON", detail, slug="not-json")


def _from_http(error: HTTPException, request: Request) -> Problem:
    title = HTTPStatus(error.status_code).phrase
    detail = str(error.detail)
    if detail == _UNREADABLE:
        return _not_json(
            "The request body could not be read as JSON: it is not UTF-8, nests too deeply, or holds a number of "
            "thousands of digits."
        )
    if detail == title:
        said = {404: f"There is nothing at {request.url.path}.", 405: f"Not {request.method} {request.url.path}."}
        detail = said.get(error.status_code, "")
    return Problem(error.status_code, title, detail, headers=error.headers)


def install(app: FastAPI) -> None:
    """Answer every refusal of `app` with a problem document; app.middleware.Observe does it for unexpected errors."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> Response:
        return _from_validation(error).response()

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return _from_http(error, request).response()
