"""Searches through HTTP: making, listing, reading, cancelling, retrying."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import states
from app.db.tables import Search, Trial, utc_now
from app.schemas.searches import SearchItem, SearchRequest, SearchState
from app.settings import Settings
from models.networks.config import Cost, NetworkConfig
from models.networks.matching import network_cost
from tests.api.rows import Rows


def pointers(response: Any) -> list[str]:
    assert response.status_code == 422, response.text
    return [error["pointer"] for error in response.json()["errors"]]


def messages(settings: Settings) -> list[Path]:
    return sorted((settings.data_dir / "broker").glob("*.msg"))


def test_an_accepted_search_is_queued_and_rung_for(client: TestClient, rows: Rows, app_settings: Settings) -> None:
    response = client.post("/v1/searches", json={"dataset_id": rows.dataset(), "candidates": ["C4"]})
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/v1/searches/{body['id']}"
    assert body["state"] == "queued"
    assert body["name"] == "digits"
    assert body["progress"] == {"done": 0, "total": 3, "fraction": 0.0, "eta_seconds": None}
    assert client.get(response.headers["location"]).json() == body
    assert [trial.group for trial in rows.trials(body["id"])] == ["T", "C2", "C4"]
    assert len(messages(app_settings)) == 3


def test_defaults_are_those_of_the_contract(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    body = client.post("/v1/searches", json={"dataset_id": dataset}).json()
    assert body["request"] == {
        "dataset_id": dataset, "candidates": "auto", "include_subgroups": True, "tolerance": 0.05, "folds": 3,
        "seeds": 1, "weights": {"accuracy": 1.0, "consistency": 1.0, "complexity": 1.0},
        "budget": {"max_seconds": 600.0, "max_epochs": 40}, "matching": "parameters", "utility": "fast",
        "utility_seeds": 3, "seed": 0, "device": "auto", "webhook_url": None,
    }  # fmt: skip
    again = client.post("/v1/searches", json=body["request"])
    assert again.json()["request"] == body["request"]


def test_a_search_for_a_label_action_begins_with_a_scout(client: TestClient, rows: Rows) -> None:
    asked = {"dataset_id": rows.dataset(), "candidates": [{"group": "C4", "labels": "permutation"}]}
    body = client.post("/v1/searches", json=asked).json()
    assert [trial.group for trial in rows.trials(body["id"])] == ["T"]
    assert body["request"]["candidates"] == [{"group": "C4", "labels": "permutation"}]
    nodes = client.get(f"/v1/searches/{body['id']}/lattice").json()["nodes"]
    assert [node["name"] for node in nodes] == ["T"]


@pytest.mark.parametrize(
    ("candidate", "pointer"),
    [
        ({"group": "O(2)", "labels": "permutation"}, "/candidates/0/labels"),
        ({"group": "Q8", "labels": "auto"}, "/candidates/0"),
        ({"group": "C4", "labels": "matrix", "label_matrices": [[[1.0]]]}, "/candidates/0/labels"),
        ({"group": "C4", "labels": "vector"}, "/candidates/0/labels"),
        ({"group": "C4", "labels": "permutation", "label_generators": [[0, 0]]}, "/candidates/0/label_generators"),
    ],
)
def test_a_label_action_that_cannot_be_is_refused_at_once(
    client: TestClient, rows: Rows, candidate: dict[str, Any], pointer: str
) -> None:
    response = client.post("/v1/searches", json={"dataset_id": rows.dataset(), "candidates": [candidate]})
    assert pointers(response) == [pointer]


def test_the_cost_of_every_network_is_known_before_training(client: TestClient, rows: Rows) -> None:
    body = client.post("/v1/searches", json={"dataset_id": rows.dataset(), "candidates": ["D4"]}).json()
    items = client.get(f"/v1/searches/{body['id']}/ranking").json()["items"]
    assert {item["state"] for item in items} == {"queued"}
    baseline = next(item["parameters"] for item in items if item["group"] == "T")
    for item, trial in zip(items, rows.trials(body["id"]), strict=True):
        config = NetworkConfig(trial.spec, (1, 14, 14), 2, item["fields"])
        assert network_cost(config) == Cost(item["parameters"], item["flops"])
        assert abs(item["parameters"] / baseline - 1) < 0.5
        one = client.get(f"/v1/candidates/{trial.id}").json()
        assert (one["fields"], one["parameters"], one["flops"]) == (item["fields"], item["parameters"], item["flops"])


def test_networks_can_be_matched_in_operations(client: TestClient, rows: Rows) -> None:
    dataset, costs = rows.dataset(), {}
    for matching in ("parameters", "flops"):
        request = {"dataset_id": dataset, "candidates": ["C4"], "matching": matching}
        body = client.post("/v1/searches", json=request).json()
        assert body["request"]["matching"] == matching
        items = client.get(f"/v1/searches/{body['id']}/ranking").json()["items"]
        costs[matching] = {item["group"]: item for item in items}
    # Weight sharing divides parameters by the order of the group, not operations.
    assert costs["parameters"]["C4"]["flops"] > 2 * costs["parameters"]["T"]["flops"]
    assert 0.5 < costs["flops"]["C4"]["flops"] / costs["flops"]["T"]["flops"] < 2
    assert costs["flops"]["C4"]["fields"] < costs["parameters"]["C4"]["fields"]


def test_the_contracts_example_is_accepted(client: TestClient, rows: Rows) -> None:
    example = SearchRequest.model_config["json_schema_extra"]["examples"][0]  # type: ignore[call-overload,index]
    response = client.post("/v1/searches", json={**example, "dataset_id": rows.dataset()})
    assert response.status_code == 202, response.text
    assert "D4" in {trial.group for trial in rows.trials(response.json()["id"])}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"folds": 1}, "/folds"),
        ({"folds": 11}, "/folds"),
        ({"seeds": 0}, "/seeds"),
        ({"seeds": 11}, "/seeds"),
        ({"tolerance": 0}, "/tolerance"),
        ({"tolerance": 0.51}, "/tolerance"),
        ({"name": "   "}, "/name"),
        ({"candidates": [" "]}, "/candidates/0"),
        ({"candidates": [{"group": "D4", "on": [True, False]}]}, "/candidates/0/on/0"),
        ({"weights": {"accuracy": -1}}, "/weights/accuracy"),
        ({"weights": {"accuracy": 1e308}}, "/weights/accuracy"),
        ({"weights": {"beauty": 1}}, "/weights/beauty"),
        ({"weights": {"accuracy": 0, "consistency": 0, "complexity": 0}}, "/weights"),
        ({"budget": {"max_seconds": 0}}, "/budget/max_seconds"),
        ({"budget": {"max_seconds": 86401}}, "/budget/max_seconds"),
        ({"budget": {"max_epochs": 10001}}, "/budget/max_epochs"),
        ({"seed": -1}, "/seed"),
        ({"seed": 2**31}, "/seed"),
        ({"device": "tpu"}, "/device"),
        ({"matching": "width"}, "/matching"),
        ({"stopping": "soon"}, "/stopping"),
        ({"utility": "slow"}, "/utility"),
        ({"utility_seeds": 11}, "/utility_seeds"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"webhook_url": "https://example.org/"}, "/webhook_url"),
        ({"candidates": "all"}, "/candidates"),
        ({"candidates": []}, "/candidates"),
        ({"candidates": {}}, "/candidates"),
        ({"candidates": ["C4", 4]}, "/candidates/1"),
        ({"candidates": ["C4", {"name": "x"}]}, "/candidates/1/group"),
        ({"candidates": ["C4", {"group": "C4", "colour": 1}]}, "/candidates/1/colour"),
        ({"candidates": ["C4", "C99"]}, "/candidates/1"),
        ({"candidates": ["S_n"]}, "/candidates/0"),
        ({"candidates": [{"group": "C4", "labels": "vector"}]}, "/candidates/0/labels"),
        ({"candidates": [{"group": "custom", "generators": [[1, 0]]}]}, "/candidates/0"),
        ({"candidates": ["C4"] * 65}, "/candidates"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_bad_requests_name_the_place(client: TestClient, rows: Rows, change: dict[str, Any], pointer: str) -> None:
    response = client.post("/v1/searches", json={"dataset_id": rows.dataset(), **change})
    assert pointer in pointers(response)
    assert client.get("/v1/searches").json()["items"] == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_weights_are_finite(client: TestClient, rows: Rows, number: str) -> None:
    content = f'{{"dataset_id": "{rows.dataset()}", "weights": {{"accuracy": {number}}}}}'
    response = client.post("/v1/searches", content=content, headers={"Content-Type": "application/json"})
    assert pointers(response) == ["/weights/accuracy"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "a\ud800"}, "/name"),
        ({"candidates": [{"group": "custom", "name": "\udfff", "generators": [[1, 0]]}]}, "/candidates/0/name"),
    ],
)
def test_half_a_surrogate_pair_is_refused(client: TestClient, rows: Rows, change: dict[str, Any], pointer: str) -> None:
    content = json.dumps({"dataset_id": rows.dataset(), **change})
    response = client.post("/v1/searches", content=content, headers={"Content-Type": "application/json"})
    assert pointers(response) == [pointer]
    assert client.get("/v1/searches").json()["items"] == []


def test_missing_and_deleted_data_sets(client: TestClient, rows: Rows) -> None:
    for dataset in ("ds_nothing", rows.dataset(deleted_at=utc_now())):
        response = client.post("/v1/searches", json={"dataset_id": dataset})
        assert response.status_code == 404
        assert response.json()["errors"][0]["pointer"] == "/dataset_id"


def test_vector_data_take_custom_groups(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset(domain="vector", x_shape=[4], task="regression", classes=None, target_dim=1)
    custom = {"group": "custom", "name": "Z2xZ2", "generators": [[1, 0, 2, 3], [0, 1, 3, 2]]}
    turned = {"group": "custom", "generators": [[[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]}
    named = {"group": "D4", "on": [0, 1]}
    response = client.post("/v1/searches", json={"dataset_id": dataset, "candidates": [custom, turned, named, "E"]})
    assert response.status_code == 202, response.text
    lattice = client.get(f"/v1/searches/{response.json()['id']}/lattice").json()
    assert "Z2xZ2" in {node["name"] for node in lattice["nodes"]}


def test_too_many_searches_at_once(make_client: Callable[..., TestClient], rows: Rows) -> None:
    client = make_client(max_active_searches=2)
    dataset = rows.dataset()
    rows.search(dataset, state="done")
    rows.search(dataset, owner="someone else")
    assert client.post("/v1/searches", json={"dataset_id": dataset}).status_code == 202
    assert client.post("/v1/searches", json={"dataset_id": dataset}).status_code == 202
    response = client.post("/v1/searches", json={"dataset_id": dataset})
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0


def test_the_answer_is_what_the_model_says(client: TestClient, rows: Rows) -> None:
    """The reading route writes its dictionary without the model: they must agree."""
    for state in SearchState:
        body = client.get(f"/v1/searches/{rows.search(state=state.value)}").json()
        item = SearchItem.model_validate(body)
        assert SearchItem.model_validate(item.model_dump(mode="json")) == item
        assert set(SearchItem.model_fields) <= set(body)
        assert datetime.fromisoformat(body["created_at"]).tzinfo is not None
        assert body["created_at"].endswith("Z")
        assert body["state"] == state
        listed = client.get("/v1/searches", params={"state": state.value}).json()["items"]
        assert [entry["id"] for entry in listed] == [body["id"]]


def test_progress_counts_finished_and_running_candidates(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="running")
    with rows.writer.begin() as session:
        first = session.query(Trial).where(Trial.search_id == search).order_by(Trial.position).first()
        assert first is not None
        first.state, first.progress = states.FAILED, 0.2
    progress = client.get(f"/v1/searches/{search}").json()["progress"]
    assert (progress["done"], progress["total"]) == (1, 3)
    assert progress["fraction"] == pytest.approx(2 / 3, abs=1e-3)
    assert progress["eta_seconds"] == pytest.approx(5, abs=1.5)


def test_pages_meet_without_gap_or_overlap(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    made = sorted(rows.search(dataset) for _ in range(7))
    for order, expected in (("newest", made[::-1]), ("oldest", made)):
        seen: list[str] = []
        cursor: str | None = None
        while True:
            parameters = {"limit": 3, "order": order} | ({"cursor": cursor} if cursor else {})
            page = client.get("/v1/searches", params=parameters).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == expected


def test_cursors_are_refused_elsewhere(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    for _ in range(3):
        rows.search(dataset)
    cursor = client.get("/v1/searches", params={"limit": 1}).json()["next_cursor"]
    tampered = ("A" if cursor[20] != "A" else "B").join([cursor[:20], cursor[21:]])
    for wrong in (tampered, cursor[:-2], "x", "====", "é", "null", "A" * 999):
        assert pointers(client.get("/v1/searches", params={"cursor": wrong})) == ["/query/cursor"]
    other_filter = {"cursor": cursor, "state": "queued"}
    assert pointers(client.get("/v1/searches", params=other_filter)) == ["/query/cursor"]
    assert pointers(client.get("/v1/rankings", params={"cursor": cursor})) == ["/query/cursor"]


def test_filters(client: TestClient, rows: Rows) -> None:
    one, two = rows.dataset(), rows.dataset()
    done = rows.search(one, state="done", candidates=("C4",))
    waiting = rows.search(two, candidates=("C2",))

    def found(**parameters: str) -> set[str]:
        return {item["id"] for item in client.get("/v1/searches", params=parameters).json()["items"]}

    assert found() == {done, waiting}
    assert found(state="done") == {done}
    assert found(dataset_id=two) == {waiting}
    assert found(group="C4") == {done}
    assert found(group="C2") == {done, waiting}
    assert found(group="C2", verdict="certified") == {done}
    assert found(verdict="refuted") == set()
    assert found(group="D7") == set()


def test_cancelling_before_anything_runs(client: TestClient, rows: Rows) -> None:
    search = rows.search()
    response = client.post(f"/v1/searches/{search}/cancel")
    assert response.status_code == 202
    body = response.json()
    assert (body["state"], body["progress"]["done"]) == ("cancelled", 3)
    assert body["finished_at"] is not None
    assert {trial.state for trial in rows.trials(search)} == {"cancelled"}
    assert client.post(f"/v1/searches/{search}/cancel").json()["state"] == "cancelled"


def test_cancelling_what_runs_waits_for_the_worker(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="running")
    trials = rows.trials(search)
    with rows.writer.begin() as session:
        waiting = session.get(Trial, trials[0].id)
        assert waiting is not None
        waiting.state = states.QUEUED
    for _ in range(2):
        response = client.post(f"/v1/searches/{search}/cancel")
        assert (response.status_code, response.json()["state"]) == (202, "cancelling")
    assert [trial.state for trial in rows.trials(search)] == ["cancelled", "running", "running"]
    assert client.post(f"/v1/searches/{search}/retry").status_code == 409


@pytest.mark.parametrize("state", ["done", "failed"])
def test_finished_searches_cannot_be_cancelled(client: TestClient, rows: Rows, state: str) -> None:
    response = client.post(f"/v1/searches/{rows.search(state=state)}/cancel")
    assert response.status_code == 409
    assert state in response.json()["detail"]


@pytest.mark.parametrize("trial_state", ["failed", "crashed", "cancelled"])
def test_retry_queues_what_did_not_finish(
    client: TestClient, rows: Rows, app_settings: Settings, trial_state: str
) -> None:
    search = rows.search(state="done", trial_state=trial_state, error="x", rank_attempts=3)
    kept = rows.trials(search)[0].id
    with rows.writer.begin() as session:
        trial = session.get(Trial, kept)
        assert trial is not None
        trial.state, trial.rank, trial.verdict, trial.posterior = states.DONE, 1, "certified", 1.0
    response = client.post(f"/v1/searches/{search}/retry")
    assert response.status_code == 202
    body = response.json()
    assert (body["state"], body["best"], body["error"], body["summary"]) == ("queued", None, None, "")
    assert (body["started_at"], body["finished_at"]) == (None, None)
    trials = rows.trials(search)
    assert [(t.state, t.attempt, t.error) for t in trials[1:]] == [("queued", 0, None)] * 2
    assert (trials[0].state, trials[0].rank, trials[0].verdict) == ("done", None, None)
    assert len(messages(app_settings)) == 2
    assert all(item["defect"] is None for item in client.get(f"/v1/searches/{search}/elements").json()["items"])


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_retry_ranks_again_when_only_the_ranking_is_missing(
    client: TestClient, rows: Rows, app_settings: Settings, state: str
) -> None:
    search = rows.search(state=state, trial_state="done", error="ranking failed", rank_attempts=3)
    assert client.post(f"/v1/searches/{search}/retry").json()["state"] == "queued"
    assert len(messages(app_settings)) == 1
    with rows.writer() as session:
        row = session.get(Search, search)
        assert row is not None
        assert row.rank_attempts == 0


@pytest.mark.parametrize(("state", "trial_state"), [("done", "done"), ("queued", None), ("running", "failed")])
def test_nothing_to_retry(client: TestClient, rows: Rows, state: str, trial_state: str | None) -> None:
    response = client.post(f"/v1/searches/{rows.search(state=state, trial_state=trial_state)}/retry")
    assert response.status_code == 409


def test_actions_on_unknown_searches(client: TestClient) -> None:
    for part in ("", "/ranking", "/elements", "/lattice", "/events"):
        assert client.get(f"/v1/searches/sr_none{part}").status_code == 404
    for part in ("/cancel", "/retry"):
        assert client.post(f"/v1/searches/sr_none{part}").status_code == 404
