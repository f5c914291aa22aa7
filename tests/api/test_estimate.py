"""Estimates: the plan of a search without the search, refused as the search would be, and honest about time."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db.tables import Search, Trial, new_id, utc_now
from tests.api.rows import Rows
from tests.api.test_repositories import statements


def estimated(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/searches/estimate", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def trained(
    rows: Rows, dataset: str, *, seconds: float, flops: float | None, epochs: int = 40, number: int = 1
) -> None:
    """Finished trials of three folds and at most 40 epochs, as a worker leaves them."""
    search = rows.search(dataset, state="done", candidates=("T",))
    with rows.writer.begin() as session:
        row = session.get(Search, search)
        assert row is not None
        row.request = {**row.request, "folds": 3, "seeds": 1, "budget": {"max_epochs": 40, "max_seconds": 600}}
        for position in range(1, number + 1):
            session.add(
                Trial(
                    id=new_id("tr"), search_id=search, position=position, group="T", labels="trivial", order=1, spec={},
                    state="done", seconds=seconds, finished_at=utc_now(),
                    metrics={
                        **({} if flops is None else {"flops": flops}),
                        "epochs": epochs, "spectrum": {"large": [0.0] * 100},
                    },
                )
            )  # fmt: skip


def test_the_plan_is_that_of_the_search_and_nothing_is_started(client: TestClient, rows: Rows) -> None:
    asked = {"dataset_id": rows.dataset(), "candidates": ["C4"]}
    found = estimated(client, **asked)
    assert [c["name"] for c in found["candidates"]] == ["T", "C2", "C4"]
    assert [c["posted"] for c in found["candidates"]] == [False, False, True]
    assert found["covers"] == [[0, 1], [1, 2]]
    assert {e["element"] for e in found["elements"]} == {"r90", "r180"}
    assert client.get("/v1/searches").json()["items"] == []
    started = client.post("/v1/searches", json=asked).json()
    ranking = client.get(f"/v1/searches/{started['id']}/ranking").json()["items"]
    assert [(c["parameters"], c["flops"]) for c in found["candidates"]] == [
        (row["parameters"], row["flops"]) for row in ranking
    ]


def test_nothing_is_claimed_where_nothing_is_known(client: TestClient, rows: Rows) -> None:
    found = estimated(client, dataset_id=rows.dataset())
    assert found["seconds"] is None
    assert all(candidate["seconds"] is None for candidate in found["candidates"])
    assert found["basis"] == {"kind": None, "trials": 0, "workers": 1}


def test_time_is_that_of_similar_trials(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    asked = {"dataset_id": dataset, "candidates": ["T"]}
    flops = estimated(client, **asked)["candidates"][0]["flops"]
    trained(rows, dataset, seconds=12.0, flops=flops, number=4)
    found = estimated(client, **asked)
    assert found["basis"] == {"kind": "similar_trials", "trials": 4, "workers": 1}
    assert found["seconds"] == {"value": 12.0, "low": 12.0, "high": 12.0}
    twice = estimated(client, **asked, seeds=2)
    assert twice["seconds"]["value"] == pytest.approx(24.0)
    half = estimated(client, **asked, budget={"max_epochs": 20})
    assert half["seconds"]["value"] == pytest.approx(6.0)
    capped = estimated(client, **asked, budget={"max_seconds": 8})
    assert capped["seconds"]["value"] == pytest.approx(8.0)


def test_a_trial_that_stopped_by_itself_would_stop_there_again(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    asked = {"dataset_id": dataset, "candidates": ["T"]}
    flops = estimated(client, **asked)["candidates"][0]["flops"]
    trained(rows, dataset, seconds=12.0, flops=flops, epochs=10, number=3)
    assert estimated(client, **asked, budget={"max_epochs": 400})["seconds"]["value"] == pytest.approx(12.0)


def test_a_scout_whose_search_went_no_further_is_left_out(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    trained(rows, dataset, seconds=9.0, flops=None)
    assert estimated(client, dataset_id=dataset)["basis"]["trials"] == 0
    trained(rows, dataset, seconds=9.0, flops=1e6)
    assert estimated(client, dataset_id=dataset)["basis"]["trials"] == 1


def test_far_trials_are_scaled_and_the_answer_says_so(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    asked = {"dataset_id": dataset, "candidates": ["T"]}
    flops = estimated(client, **asked)["candidates"][0]["flops"]
    trained(rows, dataset, seconds=1.0, flops=flops / 20)
    found = estimated(client, **asked)
    assert found["basis"]["kind"] == "scaled_by_operations"
    assert found["seconds"]["value"] == pytest.approx(20.0, rel=0.01)


def test_workers_share_the_candidates(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    asked = {"dataset_id": dataset, "candidates": ["C4"]}
    flops = estimated(client, **asked)["candidates"][0]["flops"]
    trained(rows, dataset, seconds=12.0, flops=flops, number=3)
    alone = estimated(client, **asked)["seconds"]["value"]
    rows.worker()
    rows.worker()
    rows.worker(seen_seconds_ago=600)
    found = estimated(client, **asked)
    assert found["basis"]["workers"] == 2
    assert found["seconds"]["value"] == pytest.approx(alone / 2, abs=0.1)


def test_label_actions_that_are_to_be_found_are_said_to_come_on_top(client: TestClient, rows: Rows) -> None:
    found = estimated(client, dataset_id=rows.dataset(), candidates=[{"group": "C4", "labels": "permutation"}])
    assert found["label_actions_to_find"]
    assert [c["name"] for c in found["candidates"]] == ["T", "C2", "C4"]


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"candidates": ["C99"]}, 422, "/candidates/0"),
        ({"candidates": []}, 422, "/candidates"),
        ({"tolerance": 2}, 422, "/tolerance"),
        ({"dataset_id": "ds_nothing"}, 404, "/dataset_id"),
    ],
)
def test_it_is_refused_as_the_search_would_be(
    client: TestClient, rows: Rows, change: dict[str, Any], status: int, pointer: str
) -> None:
    asked = {"dataset_id": rows.dataset()} | change
    answers = [client.post(path, json=asked) for path in ("/v1/searches/estimate", "/v1/searches")]
    assert [answer.status_code for answer in answers] == [status, status]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["errors"][0]["pointer"].startswith(pointer)


def test_it_takes_a_few_statements_however_much_was_trained(client: TestClient, rows: Rows) -> None:
    dataset = rows.dataset()
    app: Any = client.app
    counts = []
    for number in (1, 30):
        trained(rows, dataset, seconds=1.0, flops=1e6, number=number)
        with statements(app.state.engine) as seen:
            estimated(client, dataset_id=dataset)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 3


def test_the_groups_offered_for_a_data_set(client: TestClient, rows: Rows) -> None:
    found = client.get(f"/v1/datasets/{rows.dataset()}/groups").json()
    items = {item["name"]: item for item in found["items"]}
    assert found["auto"] == ["T", "D4"]
    assert "swap" in items["D4"]["labels"]
    assert {"T", "C2", "C4", "D2"} < set(items["D4"]["contains"])
    assert client.get("/v1/datasets/ds_nothing/groups").status_code == 404


def test_the_usual_groups_are_drawn_as_a_lattice_of_their_own(client: TestClient, rows: Rows) -> None:
    address = f"/v1/datasets/{rows.dataset()}/groups"
    every = client.get(address).json()
    usual = client.get(address, params={"usual": True}).json()
    names = [item["name"] for item in usual["items"]]
    assert {"D4", "C3", "SO(2)"} < set(names)
    assert "C13" not in names
    assert "C13" in {item["name"] for item in every["items"]}
    covers = {(names[lower], names[upper]) for lower, upper in usual["covers"]}
    assert {("T", "C2"), ("C2", "C4"), ("C4", "D4"), ("C8", "SO(2)"), ("SO(2)", "O(2)")} <= covers
    assert not {("T", "C4"), ("C2", "D4"), ("C4", "SO(2)")} & covers
    rows_of = {item["name"]: item["row"] for item in usual["items"]}
    assert all(rows_of[lower] < rows_of[upper] for lower, upper in covers)
    places = {(item["row"], item["place"]) for item in usual["items"]}
    assert len(places) == len(names)
