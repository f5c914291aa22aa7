"""Uploads that never touch memory as a whole: one multipart `file` part goes to disk while it is hashed."""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from app.errors import Problem
from app.settings import Settings

FILE_FIELD = "file"
WRITE_BYTES = 1024 * 1024
MAX_FIELD_BYTES = 4096
# What multipart adds around the file: boundaries, part headers and the text fields.
ENVELOPE_BYTES = 256 * 1024


@dataclass(slots=True)
class Upload:
    """A received file: `path` in its own `folder`, which is deleted when the request ends."""

    folder: Path
    path: Path
    filename: str = ""
    sha256: str = ""
    size: int = 0
    fields: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def receive_upload(
    request: Request, incoming: Path, max_bytes: int, text_fields: Collection[str]
) -> AsyncIterator[Upload]:
    """Stream the multipart body of `request` to a new folder under `incoming`, and delete the folder at the end.

    Memory stays constant. Raises Problem: 400 for a body that is not multipart or ends early, 413 as soon as the file
    passes `max_bytes`, 415 for another content type, 422 for fields that are missing, unknown, or no text.
    """
    boundary = _boundary(request)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes + ENVELOPE_BYTES:
        raise _too_large(max_bytes)
    folder = incoming / secrets.token_hex(16)
    folder.mkdir(parents=True)
    try:
        yield await _receive(request, boundary, folder, max_bytes, text_fields)
    finally:
        # Not awaited: also a cancelled request must leave nothing behind.
        shutil.rmtree(folder, ignore_errors=True)


def sweep_incoming(settings: Settings) -> int:
    """Delete what uploads of a killed process left in `incoming`; returns how many there were.

    Only folders in which nothing was written for longer than an ingest may take.
    """
    oldest = time.time() - settings.ingest_wall_seconds
    swept = 0
    for folder in incoming_folder(settings).glob("*"):
        try:
            last = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
        except FileNotFoundError:
            continue
        if last < oldest:
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def incoming_folder(settings: Settings) -> Path:
    """Where uploads lie while they are received and read."""
    return settings.data_dir / "incoming"


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise Problem(
            415, "The body is not a form", "Send multipart/form-data with a part named `file`.", slug="not-multipart"
        )
    if not options.get(b"boundary"):
        raise _malformed("The content type names no boundary.")
    return options[b"boundary"]


async def _receive(
    request: Request, boundary: bytes, folder: Path, max_bytes: int, text_fields: Collection[str]
) -> Upload:
    upload = Upload(folder, folder / "upload")
    with upload.path.open("wb", buffering=0) as file:
        form = _Form(upload, file, max_bytes, text_fields)
        try:
            parser = form.parser(boundary)
            async for chunk in request.stream():
                parser.write(chunk)
                if len(form.pending) >= WRITE_BYTES:
                    await run_in_threadpool(form.flush)
            parser.finalize()
            await run_in_threadpool(form.flush)
        except FormParserError as error:
            raise _malformed(str(error)) from None
        except ClientDisconnect:
            raise _malformed("The client went away before the end of the body.") from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise Problem(
                    507, "No room left", "The service has no room left for this file.", slug="no-room"
                ) from None
            raise
    return form.finish()


class _Form:
    """The callbacks of the multipart parser: text fields in memory, the file part to disk."""

    def __init__(self, upload: Upload, file: BinaryIO, max_bytes: int, text_fields: Collection[str]) -> None:
        self.pending = bytearray()
        self._upload = upload
        self._file = file
        self._max_bytes = max_bytes
        self._text_fields = text_fields
        self._digest = hashlib.sha256()
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._part: str | None = None
        self._text = bytearray()
        self._seen: set[str] = set()
        self._ended = False

    def parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def flush(self) -> None:
        """Hash and write what is pending; blocks."""
        self._digest.update(self.pending)
        view = memoryview(self.pending)
        while view:
            view = view[self._file.write(view) :]
        view.release()
        self.pending = bytearray()

    def finish(self) -> Upload:
        if not self._ended:
            raise _malformed("The body ends before its last boundary.")
        if FILE_FIELD not in self._seen:
            raise Problem.invalid("/file", "The form has no part named `file`.")
        self._upload.sha256 = self._digest.hexdigest()
        return self._upload

    def _on_part_begin(self) -> None:
        self._disposition = b""
        self._text = bytearray()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name != FILE_FIELD and name not in self._text_fields:
            known = ", ".join((FILE_FIELD, *self._text_fields))
            raise Problem.invalid(f"/{name[:100]}", f"The form has an unknown part; the known ones are {known}.")
        if name in self._seen:
            raise Problem.invalid(f"/{name}", "The form has this part twice.")
        self._seen.add(name)
        self._part = name
        if name == FILE_FIELD:
            self._upload.filename = _plain_name(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == FILE_FIELD:
            self._upload.size += end - start
            if self._upload.size > self._max_bytes:
                raise _too_large(self._max_bytes)
            self.pending += memoryview(data)[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            raise Problem.invalid(f"/{self._part}", f"This part is longer than {MAX_FIELD_BYTES} bytes.")

    def _on_part_end(self) -> None:
        if self._part is None or self._part == FILE_FIELD:
            return
        try:
            text = self._text.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise Problem.invalid(f"/{self._part}", "This part is not UTF-8 text.") from None
        if "\0" in text:
            raise Problem.invalid(f"/{self._part}", "NUL characters are not allowed.")
        if text:
            self._upload.fields[self._part] = text

    def _on_end(self) -> None:
        self._ended = True


def _plain_name(name: str) -> str:
    """The last part of a client's file name, printable and short; only its ending and its looks matter."""
    name = re.split(r"[/\\]", name)[-1]
    return "".join(char for char in name if char.isprintable())[-200:].strip()


def _too_large(max_bytes: int) -> Problem:
    detail = f"The file is larger than {max_bytes} bytes, the limit."
    return Problem(
        413,
        "The file is over a limit",
        detail,
        errors=[{"pointer": "/file", "detail": detail}],
        slug="too-large",
        headers={"Connection": "close"},
    )


def _malformed(detail: str) -> Problem:
    return Problem(400, "The form cannot be read", detail, slug="not-multipart")
