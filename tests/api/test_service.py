"""Health, metrics and the OpenAPI document."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY

from app.serving import bind
from tests.api.process import serving
from tests.api.rows import Rows


def test_livez(client: TestClient) -> None:
    assert client.get("/livez").json()["status"] == "ok"


def test_ready_with_a_fresh_heartbeat(client: TestClient, rows: Rows) -> None:
    rows.worker(30)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok", "broker": "ok", "worker": "ok"}}


def test_not_ready_without_a_worker(client: TestClient, rows: Rows) -> None:
    for seen in (None, 61):
        if seen is not None:
            rows.worker(seen)
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        checks = response.json()["checks"]
        assert (checks["database"], checks["broker"]) == ("ok", "ok")
        assert "worker" in checks["worker"]


def test_not_ready_without_a_database_or_a_broker(make_client: Callable[..., TestClient], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    client = make_client(
        database_url=f"sqlite:///{tmp_path}/nothing/here.db", broker_url=f"filesystem://{tmp_path}/file/broker"
    )
    response = client.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert all(outcome != "ok" for outcome in checks.values())
    assert str(tmp_path) not in response.text
    assert client.get("/livez").status_code == 200
    assert "erlangen_database_up 0.0" in client.get("/metrics").text
    assert client.get("/v1/searches").status_code == 500


def test_metrics(client: TestClient, rows: Rows) -> None:
    rows.search(state="running")
    rows.search()
    rows.worker()
    rows.worker(3600)
    client.get("/v1/searches/a")
    client.get("/v1/searches/b")
    client.request("ODD", "/nowhere")
    text = client.get("/metrics").text
    for line in (
        'erlangen_http_requests_total{method="GET",route="/v1/searches/{search_id}",status="404"} 2.0',
        'erlangen_http_requests_total{method="any",route="unmatched",status="404"} 1.0',
        'erlangen_http_request_seconds_count{method="GET",route="/v1/searches/{search_id}"} 2.0',
        'erlangen_searches{state="running"} 1.0',
        'erlangen_searches{state="queued"} 1.0',
        'erlangen_trials{state="queued"} 3.0',
        'erlangen_trials{state="done"} 0.0',
        "erlangen_queue_depth 3.0",
        "erlangen_workers_alive 1.0",
        "erlangen_database_up 1.0",
    ):
        assert line in text.splitlines(), line


def test_each_application_counts_for_itself(make_client: Callable[..., TestClient]) -> None:
    one, other = make_client(), make_client()
    one.get("/livez")
    assert 'route="/livez"' not in other.get("/metrics").text
    assert not any(name.startswith("erlangen") for name in REGISTRY._names_to_collectors)


def test_every_operation_is_documented(app: FastAPI) -> None:
    document = app.openapi()
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    for path, item in document["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["tags"], where
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], (where, status)
    bodies = {
        content["schema"]["$ref"].rpartition("/")[2]
        for item in document["paths"].values()
        for operation in item.values()
        for part in (operation.get("requestBody"), *operation["responses"].values())
        for content in (part or {}).get("content", {}).values()
        if "$ref" in content.get("schema", {})
    }
    assert len(bodies) > 10
    for name in bodies:
        fields = schemas[name]["properties"].values()
        nested = any("examples" in field or "$ref" in field or "$ref" in field.get("items", {}) for field in fields)
        assert schemas[name].get("examples") or nested, name


def test_the_server_stops_within_ten_seconds(app_settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with serving(app_settings, tmp_path / "log") as server:
        assert server.stop(10) in (0, -15)
        assert "Traceback" not in (tmp_path / "log").read_text()


def test_answers_are_not_held_back_for_acknowledgements() -> None:
    """asyncio turns Nagle's delay off on sockets that name their protocol: without it polling waits 40 ms a time."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_documentation_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200
