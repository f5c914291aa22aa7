"""Every refusal is a problem document, whatever went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

PROBLEM = "application/problem+json"


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"] == "about:blank" or body["type"].startswith("urn:erlangen:problem:")
    assert body["title"]
    assert isinstance(body["detail"], str)
    return body


def test_unknown_address(client: TestClient) -> None:
    assert "/nope" in problem(client.get("/nope"), 404)["detail"]
    problem(client.get("/v1/nope"), 404)


def test_wrong_method(client: TestClient) -> None:
    response = client.put("/v1/groups")
    problem(response, 405)
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize("content", [b"{garbage", b"", b"[1, 2", b"\xff\xfe"])
def test_garbage_json(client: TestClient, content: bytes) -> None:
    response = client.post("/v1/searches", content=content, headers={"Content-Type": "application/json"})
    found = problem(response, 400 if content else 422)
    assert not content or "JSON" in found["detail"]


def test_a_number_of_thousands_of_digits(client: TestClient) -> None:
    content = b'{"seed": ' + b"1" * 5000 + b"}"
    response = client.post("/v1/searches", content=content, headers={"Content-Type": "application/json"})
    assert "digits" in problem(response, 400)["detail"]


@pytest.mark.parametrize("content", [b"null", b"[]", b"3", b'"text"'])
def test_json_that_is_no_object(client: TestClient, content: bytes) -> None:
    problem(client.post("/v1/searches", content=content, headers={"Content-Type": "application/json"}), 422)


def test_json_of_another_media_type(client: TestClient) -> None:
    found = problem(client.post("/v1/searches", content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    assert "application/json" in found["detail"]


def test_deeply_nested_json(client: TestClient) -> None:
    deep = b'{"dataset_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    response = client.post("/v1/searches", content=deep, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    problem(response, response.status_code)


@pytest.mark.parametrize(
    ("query", "pointer"), [("limit=0", "/query/limit"), ("limit=x", "/query/limit"), ("state=odd", "/query/state")]
)
def test_bad_query_names_the_parameter(client: TestClient, query: str, pointer: str) -> None:
    errors = problem(client.get(f"/v1/searches?{query}"), 422)["errors"]
    assert [error["pointer"] for error in errors] == [pointer]


def test_nul_in_an_address(client: TestClient) -> None:
    problem(client.get("/v1/searches/a%00b"), 400)
    problem(client.get("/v1/searches?dataset_id=%00"), 400)


@pytest.mark.parametrize("announced", [True, False])
def test_large_body(client: TestClient, announced: bool) -> None:
    body = b'{"name": "' + b"x" * 1_100_000 + b'"}'
    content: Any = body if announced else iter([body[:600_000], body[600_000:]])
    problem(client.post("/v1/searches", content=content, headers={"Content-Type": "application/json"}), 413)


def test_unexpected_error_says_nothing_of_itself(client: TestClient, app: FastAPI) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret")

    response = client.get("/broken", headers={"X-Request-ID": "find-me"})
    body = problem(response, 500)
    assert "secret" not in response.text
    assert "find-me" in body["detail"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_request_id_is_kept_or_made(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = client.get("/livez", headers={"X-Request-ID": "bad id; drop"}).headers["x-request-id"]
    assert made != "bad id; drop"
    assert len(made) == 16


def test_security_headers_on_every_answer(client: TestClient) -> None:
    for path in ("/", "/livez", "/v1/groups", "/nope"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_foreign_host_is_refused_without_keys(make_client: Callable[..., TestClient]) -> None:
    client = make_client(allowed_hosts="erlangen.example, other.example:8000")
    for host in ("localhost", "127.0.0.1:9000", "[::1]:8000", "LOCALHOST", "erlangen.example", "other.example"):
        assert client.get("/livez", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "localhost.evil.example", "169.254.169.254", ""):
        problem(client.get("/livez", headers={"Host": host}), 421)


def test_any_host_is_answered_with_keys(make_client: Callable[..., TestClient]) -> None:
    assert make_client(api_keys="secret").get("/livez", headers={"Host": "a.example"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Origin": "http://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://[::1"}, True),
        ({"Origin": "http://localhost:3000"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "http://localhost"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({}, False),
    ],
)
def test_other_sites_pages_change_nothing(client: TestClient, headers: dict[str, str], refused: bool) -> None:
    response = client.post("/v1/searches", json={}, headers=headers)
    problem(response, 403 if refused else 422)
    assert client.get("/v1/searches", headers=headers).status_code == 200
