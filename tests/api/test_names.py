"""Candidates of one group, with translations and about the centre alone, are told apart wherever they are named."""

from __future__ import annotations

import csv

import pytest
from fastapi.testclient import TestClient

from app.services.pictures import lattice_picture
from tests.api.rows import Rows

BOTH = ("C4", {"group": "C4", "translations": False})
NAMES = {"C4": True, "C4 about the centre": False}


@pytest.fixture
def search(rows: Rows) -> str:
    return rows.search(state="done", candidates=BOTH)


@pytest.mark.parametrize("part", ["curves", "ranking"])
def test_a_row_has_the_name_of_its_node_and_says_whether_it_has_translations(
    client: TestClient, search: str, part: str
) -> None:
    items = client.get(f"/v1/searches/{search}/{part}").json()["items"]
    assert {item["name"]: item["translations"] for item in items if item["group"] == "C4"} == NAMES
    nodes = client.get(f"/v1/searches/{search}/lattice").json()["nodes"]
    assert {item["candidate_id"]: item["name"] for item in items} == {n["candidate_id"]: n["name"] for n in nodes}


def test_a_table_of_the_ranking_has_names(client: TestClient, search: str) -> None:
    text = client.get(f"/v1/searches/{search}/ranking", params={"format": "csv"}).text
    rows = [row for row in csv.DictReader(text.splitlines()) if row["group"] == "C4"]
    assert {row["name"]: row["translations"] == "true" for row in rows} == NAMES


def test_rankings_across_searches_say_which_have_translations(client: TestClient, search: str) -> None:
    items = client.get("/v1/rankings", params={"group": "C4"}).json()["items"]
    assert {item["translations"] for item in items if item["search_id"] == search} == {True, False}


def test_a_report_names_both_in_its_tables_and_its_curves(client: TestClient, search: str) -> None:
    text = client.get(f"/v1/searches/{search}/report").text
    for name in NAMES:
        assert f"<title>{name}</title></polyline>" in text
        assert text.count(f"<td><strong>{name}</strong>") == 2, "in the ranking, and among what each is worth"


def test_a_lattice_in_print_leaves_the_centre_to_a_dashed_line() -> None:
    node = {"group": "C4", "labels": "sign", "place": 0.0, "row": 0}
    names = ("C4 [sign]", "C4 about the centre [sign]")
    drawn = lattice_picture({"nodes": [{**node, "name": name} for name in names], "covers": []})
    assert [(node["label"], node["centred"]) for node in drawn["nodes"]] == [("C4 [sign]", False), ("C4 [sign]", True)]
