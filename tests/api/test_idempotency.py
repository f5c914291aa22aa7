"""A request with an Idempotency-Key is done once, however often and however concurrently it is sent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.db.tables import IdempotencyKey, Search, utc_now
from app.schemas.searches import SearchRequest
from app.services import idempotency
from tests.api.process import Server
from tests.api.rows import Rows


def post(client: Any, body: dict[str, Any], key: str, url: str = "") -> Any:
    return client.post(f"{url}/v1/searches", json=body, headers={"Idempotency-Key": key})


def count(rows: Rows) -> int:
    with rows.writer() as session:
        return session.query(Search).count()


def test_the_same_request_gets_the_same_answer(client: TestClient, rows: Rows) -> None:
    body = {"dataset_id": rows.dataset(), "candidates": ["C2"]}
    first = post(client, body, "k1")
    client.post(f"{first.headers['location']}/cancel")
    second = post(client, {"candidates": ["C2"], "dataset_id": body["dataset_id"], "folds": 3}, "k1")
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert count(rows) == 1
    assert post(client, body, "k2").json()["id"] != first.json()["id"]


def test_another_request_with_the_key_is_refused(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    post(client, {"dataset_id": dataset}, "k1")
    response = post(client, {"dataset_id": dataset, "folds": 4}, "k1")
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/header/idempotency-key"
    assert count(rows) == 1


def test_a_refused_request_frees_its_key(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    assert post(client, {"dataset_id": dataset, "candidates": ["C99"]}, "k1").status_code == 422
    assert post(client, {"dataset_id": dataset, "candidates": ["C4"]}, "k1").status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "clé"])
def test_unusable_keys(client: TestClient, rows: Rows, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    response = client.post("/v1/searches", json={"dataset_id": rows.dataset()}, headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/header/idempotency-key"


def in_flight(rows: Rows, body: dict[str, Any], seconds_ago: float) -> None:
    request = SearchRequest.model_validate(body).model_dump_json()
    with rows.writer.begin() as session:
        session.add(
            IdempotencyKey(
                owner="local",
                key="k1",
                fingerprint=idempotency.fingerprint("POST", "/v1/searches", request),
                created_at=utc_now() - timedelta(seconds=seconds_ago),
            )
        )


def test_a_request_in_flight_is_a_conflict(client: TestClient, rows: Rows) -> None:
    body = {"dataset_id": rows.dataset()}
    in_flight(rows, body, 5)
    response = post(client, body, "k1")
    assert response.status_code == 409
    assert response.headers["retry-after"] == "1"
    assert count(rows) == 0


def test_what_a_crash_left_in_flight_expires(client: TestClient, rows: Rows) -> None:
    body = {"dataset_id": rows.dataset()}
    in_flight(rows, body, 61)
    first = post(client, body, "k1")
    assert first.status_code == 202
    assert post(client, body, "k1").json()["id"] == first.json()["id"]


def test_a_claim_that_was_taken_over_stores_nothing(client: TestClient, rows: Rows) -> None:
    """The first process only seemed dead: its search must not appear beside the second one's."""
    claim = idempotency.claim(rows.writer, "local", "k1", "f")
    assert isinstance(claim, idempotency.Claim)
    with rows.writer.begin() as session:
        row = session.get(IdempotencyKey, ("local", "k1"))
        assert row is not None
        row.created_at = utc_now()
    with pytest.raises(Exception, match="try again"), rows.writer.begin() as session:
        claim.answer(session, idempotency.Answer(202, {}, "/x"))


def test_answers_are_forgotten_after_a_day(client: TestClient, rows: Rows) -> None:
    body = {"dataset_id": rows.dataset()}
    first = post(client, body, "k1")
    with rows.writer.begin() as session:
        row = session.get(IdempotencyKey, ("local", "k1"))
        assert row is not None
        row.created_at -= timedelta(hours=25)
    assert post(client, body, "k1").json()["id"] != first.json()["id"]


def test_concurrent_requests_make_one_search(server: Server, rows: Rows) -> None:
    body = {"dataset_id": rows.dataset(), "candidates": ["C2"]}
    start = threading.Barrier(8)

    def send(_: int) -> httpx2.Response:
        with httpx2.Client() as client:
            start.wait(10)
            response: httpx2.Response = post(client, body, "same", server.url)
            return response

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(send, range(8)))
    assert {response.status_code for response in responses} <= {202, 409}
    accepted = {response.json()["id"] for response in responses if response.status_code == 202}
    assert len(accepted) == 1
    assert count(rows) == 1
    with httpx2.Client() as client:
        assert post(client, body, "same", server.url).json()["id"] == accepted.pop()
