"""Keys, scopes and owners."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from app.auth import KeyRing, hash_key, new_key
from app.errors import Problem

KEYS = "alice=alice-key,bob=bob-key,reader:read=read-key,writer:write=write-key"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def guarded(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(api_keys=KEYS)


PROTECTED = [
    ("GET", "/v1/groups"),
    ("GET", "/v1/searches"),
    ("POST", "/v1/searches"),
    ("GET", "/v1/searches/x"),
    ("GET", "/v1/searches/x/ranking"),
    ("GET", "/v1/searches/x/elements"),
    ("GET", "/v1/searches/x/lattice"),
    ("GET", "/v1/searches/x/events"),
    ("POST", "/v1/searches/x/cancel"),
    ("POST", "/v1/searches/x/retry"),
    ("GET", "/v1/candidates/x"),
    ("GET", "/v1/candidates/x/model"),
    ("GET", "/v1/rankings"),
    ("GET", "/v1/datasets"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_a_known_key_is_needed(guarded: TestClient, method: str, path: str) -> None:
    for headers in ({}, bearer("wrong"), {"Authorization": "Basic YWxpY2U="}, {"Authorization": "Bearer"}):
        response = guarded.request(method, path, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.headers["content-type"] == "application/problem+json"


def test_every_v1_route_is_protected(guarded: TestClient) -> None:
    document = guarded.get("/openapi.json").json()
    routes = [(method, path) for path, item in document["paths"].items() for method in item if path.startswith("/v1/")]
    assert len(routes) >= len(PROTECTED)
    for method, path in routes:
        assert document["paths"][path][method]["security"] == [{"HTTPBearer": []}]
        response = guarded.request(method.upper(), path.replace("{", "").replace("}", ""))
        assert response.status_code == 401, (method, path)


def test_scopes(guarded: TestClient) -> None:
    assert guarded.get("/v1/searches", headers=bearer("read-key")).status_code == 200
    assert guarded.post("/v1/searches", json={}, headers=bearer("read-key")).status_code == 403
    assert guarded.post("/v1/searches/x/cancel", headers=bearer("read-key")).status_code == 403
    assert guarded.get("/v1/searches", headers=bearer("write-key")).status_code == 403
    assert guarded.post("/v1/searches/x/cancel", headers=bearer("write-key")).status_code == 404


def test_health_needs_no_key(guarded: TestClient) -> None:
    assert guarded.get("/livez").status_code == 200
    assert guarded.get("/metrics").status_code == 200


def test_rows_of_others_do_not_exist(guarded: TestClient, rows) -> None:  # type: ignore[no-untyped-def]
    dataset = rows.dataset("alice")
    search = rows.search(dataset, owner="alice", state="done")
    candidate = rows.trials(search)[0].id
    parts = ("", "/ranking", "/ranking?format=csv", "/elements", "/elements?format=csv", "/lattice", "/evidence",
             "/curves", "/gallery", "/events")  # fmt: skip
    addresses = [f"/v1/searches/{search}{part}" for part in parts]
    addresses += [f"/v1/candidates/{candidate}", f"/v1/datasets/{dataset}", f"/v1/datasets/{dataset}/groups"]
    for address in addresses:
        assert guarded.get(address, headers=bearer("bob-key")).status_code == 404, address
        assert guarded.get(address, headers=bearer("alice-key")).status_code == 200, address
    ids = {"dataset_id": dataset, "search_id": search, "candidate_id": candidate}
    for path, item in guarded.get("/openapi.json").json()["paths"].items():
        for method in item if "_id}" in path else ():
            answer = guarded.request(method.upper(), path.format(**ids), headers=bearer("bob-key"))
            assert answer.status_code == 404, (method, path)
    for path in ("/v1/searches", "/v1/searches/estimate"):
        assert guarded.post(path, json={"dataset_id": dataset}, headers=bearer("bob-key")).status_code == 404
    for listing in ("/v1/searches", "/v1/rankings", "/v1/datasets"):
        assert guarded.get(listing, headers=bearer("bob-key")).json()["items"] == []
        assert guarded.get(listing, headers=bearer("alice-key")).json()["items"]


def test_key_ring_reads_every_form() -> None:
    key, entry = new_key()
    ring = KeyRing(f" alice={entry} , bob:read=plain=, {hash_key('third')},fourth ")
    assert ring.principal(f"Bearer {key}").owner == "alice"
    assert ring.principal("bearer plain=").owner == "bob"
    assert ring.principal("bearer plain=").scopes == {"read"}
    third, fourth = ring.principal("Bearer third"), ring.principal("Bearer fourth")
    assert third.owner.startswith("key-")
    assert third.owner != fourth.owner
    with pytest.raises(Problem):
        ring.principal(f"Bearer {entry}")  # the hash is not the key


@pytest.mark.parametrize("entries", ["alice:admin=k", "alice=", "sha256$abc", "a b"])
def test_unreadable_entries_stop_the_start(entries: str) -> None:
    with pytest.raises(ValueError, match="ERLANGEN_API_KEYS"):
        KeyRing(entries)


def test_no_keys_means_the_local_owner() -> None:
    assert KeyRing("").principal(None).owner == "local"
