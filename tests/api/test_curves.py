"""GET /v1/searches/{id}/curves."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.api.rows import CURVE, MEASURED, Rows


def test_curves_of_a_finished_search_are_compared_with_the_trivial_group(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="done")
    body = client.get(f"/v1/searches/{search}/curves").json()
    assert body["state"] == "done"
    assert [item["group"] for item in body["items"]] == ["T", "C2", "C4"]
    reference, _, turned = body["items"]
    assert turned["sizes"] == CURVE["sizes"]
    assert turned["loss_bits"] == turned["accuracy"] == [MEASURED, MEASURED]
    assert (turned["r2"], turned["seeds"], turned["cut"]) == (None, 1, None)
    assert turned["labels_saved"] == {"factor": 2.6, "low": 2.2, "high": None, "bound": None, "reason": None}
    assert turned["bits_saved_against_trivial"] == turned["imposing_costs_bits"] == MEASURED
    assert turned["code_length_bits"] == {"total": 56.1, "per_sample": 0.85}
    assert turned["against"] == reference["candidate_id"] == rows.trials(search)[0].id
    assert turned["price"]["relative"] == dict.fromkeys(
        ("parameters", "flops", "training_seconds", "inference_seconds"), 1.0
    )
    assert reference["labels_saved"]["reason"] == "it is the reference itself"


def test_curves_of_trained_candidates_are_there_before_the_search_is_done(client: TestClient, rows: Rows) -> None:
    items = client.get(f"/v1/searches/{rows.search(state='running', trial_state='done')}/curves").json()["items"]
    for item in items:
        assert item["sizes"] == CURVE["sizes"]
        assert item["labels_saved"] is item["against"] is item["price"]["relative"] is None
    waiting = client.get(f"/v1/searches/{rows.search()}/curves").json()["items"]
    assert all(item["sizes"] == [] and item["cut"] is None for item in waiting)


def test_curves_that_were_not_asked_for_say_so(client: TestClient, rows: Rows) -> None:
    off = {"request": {"candidates": ["T", "C4"], "tolerance": 0.05, "utility": "off"}}
    items = client.get(f"/v1/searches/{rows.search(**off)}/curves").json()["items"]
    assert {item["cut"] for item in items} == {"not asked for: the search has utility off"}


def test_nobody_else_sees_the_curves(client: TestClient, rows: Rows) -> None:
    assert client.get(f"/v1/searches/{rows.search(owner='somebody')}/curves").status_code == 404
