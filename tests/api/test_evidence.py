"""Rankings, elements, lattices, candidates and their networks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db.tables import Trial
from app.schemas.equivariance import EquivarianceReport
from tests.api.rows import Rows

RANKING_FIELDS = (
    "rank candidate_id group labels order verdict posterior score accuracy_term consistency_term complexity_term "
    "accuracy r2 loss_bits gain_bits defect equivariance_error fields parameters flops seconds state error"
).split()
ELEMENT_FIELDS = (
    "element title angle_degrees matrix permutation order in_groups defect p_value p_holm log10_bayes_factor "
    "witnesses support"
).split()


def test_ranking_of_a_finished_search(client: TestClient, rows: Rows) -> None:
    body = client.get(f"/v1/searches/{rows.search(state='done')}/ranking").json()
    assert [item["rank"] for item in body["items"]] == [1, 2, 3]
    assert [item["group"] for item in body["items"]] == ["C4", "C2", "T"]
    for item in body["items"]:
        assert set(RANKING_FIELDS) <= set(item)
        assert item["verdict"] == "certified"
    first = body["items"][0]
    assert first["defect"] == {"value": 0.01, "low": -0.01, "high": 0.03, "bound": 0.04, "element": "r90"}
    assert first["accuracy"] == {"mean": 0.9, "low": 0.85, "high": 0.95}
    assert (first["parameters"], first["seconds"], first["r2"]) == (1234, 3.5, None)
    assert (body["confidence"], body["tolerance"], body["state"]) == (0.87, 0.05, "done")


def test_ranking_before_the_search_is_done(client: TestClient, rows: Rows) -> None:
    body = client.get(f"/v1/searches/{rows.search(state='running')}/ranking").json()
    assert [item["group"] for item in body["items"]] == ["T", "C2", "C4"]
    for item in body["items"]:
        assert set(RANKING_FIELDS) <= set(item)
        assert item["state"] == "running"
        assert item["rank"] is item["verdict"] is item["posterior"] is item["score"] is item["defect"] is None
    assert (body["confidence"], body["state"]) == (None, "running")


def test_failed_candidates_say_why(client: TestClient, rows: Rows) -> None:
    body = client.get(f"/v1/searches/{rows.search(state='failed')}/ranking").json()
    assert {(item["state"], item["error"], item["attempt"]) for item in body["items"]} == {
        ("failed", "the loss is not finite", 1)
    }


def test_elements(client: TestClient, rows: Rows) -> None:
    for state, known in (("done", True), ("queued", False)):
        items = client.get(f"/v1/searches/{rows.search(state=state)}/elements").json()["items"]
        assert [item["element"] for item in items] == ["r180", "r90"]
        for item in items:
            assert set(ELEMENT_FIELDS) <= set(item)
            assert (item["p_value"] is not None) is known
        assert items[1]["angle_degrees"] == 90.0
        assert items[1]["in_groups"] == ["C4"]


def test_lattice_nodes_carry_verdicts(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="done")
    body = client.get(f"/v1/searches/{search}/lattice").json()
    assert [node["name"] for node in body["nodes"]] == ["T", "C2", "C4"]
    assert body["covers"] == [[0, 1], [1, 2]]
    top = body["nodes"][2]
    assert (top["verdict"], top["posterior"], top["rank"], top["posted"]) == ("certified", 0.9, 1, True)
    assert top["candidate_id"] == rows.trials(search)[2].id
    waiting = client.get(f"/v1/searches/{rows.search()}/lattice").json()["nodes"][0]
    assert (waiting["state"], waiting["verdict"], waiting["posterior"]) == ("queued", None, None)


def test_candidate(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="done")
    trial = rows.trials(search)[2]
    body = client.get(f"/v1/candidates/{trial.id}").json()
    assert set(RANKING_FIELDS) <= set(body)
    assert (body["search_id"], body["group"], body["progress"], body["has_model"]) == (search, "C4", 1.0, True)
    assert body["metrics"]["parameters"] == 1234
    assert client.get("/v1/candidates/tr_none").status_code == 404


@pytest.mark.parametrize("format", ["safetensors", "onnx"])
def test_model_is_streamed_from_storage(client: TestClient, app: FastAPI, rows: Rows, format: str) -> None:
    trial = rows.trials(rows.search(state="done"))[2]
    content = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      " + bytes(3_000_000)
    address = f"/v1/candidates/{trial.id}/model"
    assert client.get(address, params={"format": format}).status_code == 404
    app.state.storage.put_bytes(f"{trial.prefix}/network.{format}", content)
    response = client.get(address, params={"format": format})
    assert response.status_code == 200
    assert response.content == content
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == f'attachment; filename="C4-{trial.id.replace("_", "-")}.{format}"'
    assert client.get(address, params={"format": "pickle"}).status_code == 422


def test_a_candidate_that_was_spared_has_no_network(client: TestClient, rows: Rows) -> None:
    trial = rows.trials(rows.search(state="done"))[2]
    with rows.writer.begin() as session:
        session.get_one(Trial, trial.id).metrics = {"parameters": 1234, "spared": "the half turn is no symmetry"}
    body = client.get(f"/v1/candidates/{trial.id}").json()
    assert (body["has_model"], body["state"]) == (False, "done")
    answer = client.get(f"/v1/candidates/{trial.id}/model")
    assert answer.status_code == 409
    assert "the half turn is no symmetry" in answer.json()["detail"]


REPORT = {
    "items": [
        {"element": "r90", "angle_degrees": 90.0, "member": True, "where": "centre", "band": "pi/4",
         "antialiased": None, "error": 2e-7}
    ],
    "samples": 6,
    "seconds": 0.4,
}  # fmt: skip


def test_equivariance_report(client: TestClient, app: FastAPI, rows: Rows) -> None:
    trial = rows.trials(rows.search(state="done"))[2]
    app.state.storage.put_bytes(f"{trial.prefix}/equivariance.json", json.dumps(REPORT).encode())
    response = client.get(f"/v1/candidates/{trial.id}/equivariance")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == REPORT
    assert EquivarianceReport.model_validate(response.json()).model_dump() == REPORT


@pytest.mark.parametrize("file", ["model?format=onnx", "model?format=safetensors", "equivariance"])
def test_no_files_before_training_is_done(client: TestClient, rows: Rows, file: str) -> None:
    trial = rows.trials(rows.search(state="running"))[0]
    assert client.get(f"/v1/candidates/{trial.id}/{file}").status_code == 409
    assert client.get(f"/v1/candidates/tr_none/{file}").status_code == 404


def test_a_missing_file_says_why(client: TestClient, rows: Rows) -> None:
    trial = rows.trials(rows.search(state="done"))[2]
    reasons = {"network.onnx": "its kernels take 80 MiB", "equivariance.json": "the budget of seconds was spent"}
    with rows.writer.begin() as session:
        session.get_one(Trial, trial.id).metrics = {"missing": reasons}
    for path, reason in zip(("model?format=onnx", "equivariance"), reasons.values(), strict=True):
        response = client.get(f"/v1/candidates/{trial.id}/{path}")
        assert (response.status_code, response.json()["detail"]) == (404, reason)


def test_rankings_across_searches(client: TestClient, rows: Rows) -> None:
    one = rows.dataset()
    two = rows.dataset(domain="vector", name="other")
    first, second = rows.search(one, state="done"), rows.search(two, state="done")
    rows.search(one, state="running")
    rows.search(one, state="done", owner="someone else")

    def found(**parameters: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = client.get("/v1/rankings", params=parameters).json()["items"]
        return items

    assert [item["posterior"] for item in found()] == [0.9, 0.9, 0.06, 0.06, 0.03, 0.03]
    assert {item["search_id"] for item in found(max_rank=1)} == {first, second}
    assert [item["group"] for item in found(group="C2")] == ["C2", "C2"]
    only = found(domain="vector", min_posterior=0.5)
    assert [(item["search_id"], item["dataset_id"], item["dataset_name"]) for item in only] == [(second, two, "other")]
    assert found(verdict="refuted") == []
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("/v1/rankings", params={"limit": 4} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["candidate_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [item["candidate_id"] for item in found()]
    assert client.get("/v1/rankings", params={"min_posterior": "nan"}).status_code == 422


def test_groups(client: TestClient) -> None:
    everything = client.get("/v1/groups").json()["items"]
    images = client.get("/v1/groups", params={"domain": "image2d"}).json()["items"]
    assert {"E", "T", "C2", "C4", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D4"} <= {item["name"] for item in images}
    assert len(everything) > len(images)
    fields = "name title order continuous generators elements subgroups supported label_actions".split()
    assert all(set(fields) <= set(item) for item in everything)
    assert client.get("/v1/groups", params={"domain": "music"}).status_code == 422
