"""A small HTTP client of the service, on the standard library: for the command line and the demo."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

CHUNK_BYTES = 1024 * 1024
FINISHED = frozenset({"done", "failed", "cancelled"})


class ServiceError(Exception):
    """The service refused; `errors` names the bad parts of the input."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.title = str(problem.get("title", "The service refused"))
        self.detail = str(problem.get("detail", ""))
        self.errors: list[dict[str, str]] = list(problem.get("errors", []))
        parts = [f"{self.title} ({status})", self.detail]
        parts += [f"{error.get('pointer')}: {error.get('detail')}" for error in self.errors]
        super().__init__("\n".join(part for part in parts if part))


class Unreachable(Exception):
    """No service answers at the address."""


class Client:
    """One service at `url`; `key` is sent as a bearer token. Every call opens a connection of its own."""

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 60.0) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http(s) address: {url!r}")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._timeout = timeout

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """POST a JSON body. Raises ServiceError, Unreachable."""
        data = b"" if body is None else json.dumps(body).encode()
        return self._request("POST", path, data, {"Content-Type": "application/json"} | dict(headers or {}))

    def alive(self) -> bool:
        """Whether a service answers."""
        try:
            self.get("/livez")
        except (Unreachable, ServiceError):
            return False
        return True

    def upload(self, path: Path, **fields: str | None) -> dict[str, Any]:
        """Send a file as a data set, streamed; `fields` are the form's other fields. Returns the data set."""
        boundary = f"erlangen{secrets.token_hex(16)}"
        head = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
            if value is not None
        )
        file_name = path.name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()

        def body() -> Iterator[bytes]:
            yield head
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        }
        dataset: dict[str, Any] = self._request("POST", "/v1/datasets", body(), headers)
        return dataset

    def search(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Start a search; sending it again after a lost answer starts no second one."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        found: dict[str, Any] = self._patiently(lambda: self.post("/v1/searches", dict(request), headers=headers))
        return found

    def follow(self, search_id: str, *, every: float = 0.3, patience: float = 60.0) -> Iterator[dict[str, Any]]:
        """The search as it stands, again and again until it is finished; a restart of the service is waited for."""
        path = f"/v1/searches/{quote(search_id)}"
        while True:
            search: dict[str, Any] = self._patiently(lambda: self.get(path), patience)
            yield search
            if search["state"] in FINISHED:
                return
            time.sleep(every)

    def ranking(self, search_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._patiently(lambda: self.get(f"/v1/searches/{quote(search_id)}/ranking"))
        return found

    def _patiently(self, call: Any, patience: float = 60.0) -> Any:
        deadline = time.monotonic() + patience
        while True:
            try:
                return call()
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def _request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        try:
            early: OSError | None = None
            try:
                connection.request(method, self._base + path, body, self._headers | dict(headers or {}))
            except (BrokenPipeError, ConnectionResetError) as error:
                early = error  # a refusal may come before the whole body was sent
            try:
                response = connection.getresponse()
                raw = response.read()
            except (OSError, http.client.HTTPException):
                if early is not None:
                    raise early from None
                raise
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"no service answers at {self.url}: {error}") from error
        finally:
            connection.close()
        try:
            answer = json.loads(raw) if raw else None
        except ValueError:
            answer = {"detail": raw[:200].decode("utf-8", "replace")}
        if response.status >= 400:
            raise ServiceError(response.status, answer if isinstance(answer, dict) else {})
        return answer
