"""Galleries and tables of a search over HTTP."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db.tables import Element, Trial
from app.schemas.gallery import Gallery
from app.services.tables import as_csv
from tests.api.rows import Rows

SAMPLE = {
    "chosen": "worst", "row": 3, "label": 0, "moved_label": 1, "original": 0, "moved": 1,
    "said": [[0, 0.9], [1, 0.1]], "moved_said": [[1, 0.8], [0, 0.2]], "excess": 2.5,
}  # fmt: skip
KEPT = {
    "kind": "image", "witness": "T", "pictures": ["data:image/png;base64,AA", "data:image/png;base64,BB"],
    "items": [{"element": "r90", "title": "rotation by 90°", "interpolated": False, "hurt": 0.2, "samples": [SAMPLE]}],
    "orbit": {
        "row": 3, "label": 0, "original": 0, "said": [[0, 0.9], [1, 0.1]],
        "elements": [{"element": "r90", "title": "rotation by 90°", "groups": ["C4"], "label": 1, "picture": 1,
                      "said": [[1, 0.8], [0, 0.2]]}],
    },
    "left_out": 0,
}  # fmt: skip


def keep(app: FastAPI, rows: Rows, search: str) -> None:
    trial = rows.trials(search)[0]
    app.state.storage.put_bytes(f"{trial.prefix}/gallery.json", json.dumps(KEPT).encode())
    with rows.writer.begin() as session:
        session.get_one(Trial, trial.id).metrics = {"files": ["gallery.json"]}


def test_the_gallery_names_classes(client: TestClient, app: FastAPI, rows: Rows) -> None:
    search = rows.search(rows.dataset(classes=["six", "nine"]), state="done")
    keep(app, rows, search)
    body = client.get(f"/v1/searches/{search}/gallery").json()
    assert Gallery.model_validate(body).model_dump() == body
    (sample,) = body["items"][0]["samples"]
    assert (sample["label"], sample["moved_label"]) == ("six", "nine")
    assert sample["moved_said"][0] == {"label": "nine", "probability": 0.8}
    assert body["orbit"]["elements"][0]["label"] == "nine"
    assert body["reason"] is None


def test_a_search_without_a_gallery_says_why(client: TestClient, app: FastAPI, rows: Rows) -> None:
    search = rows.search(state="done")
    body = client.get(f"/v1/searches/{search}/gallery").json()
    assert (body["items"], body["pictures"], body["orbit"]) == ([], [], None)
    assert "no samples were kept" in body["reason"]
    with rows.writer.begin() as session:
        session.get_one(Trial, rows.trials(search)[0].id).metrics = {"missing": {"gallery.json": "a full disk"}}
    assert client.get(f"/v1/searches/{search}/gallery").json()["reason"] == "a full disk"
    keep(app, rows, search)
    app.state.storage.delete_prefix(rows.trials(search)[0].prefix)
    assert "gone from storage" in client.get(f"/v1/searches/{search}/gallery").json()["reason"]
    for foreign in ("sr_none", rows.search(state="done", owner="someone else")):
        assert client.get(f"/v1/searches/{foreign}/gallery").status_code == 404


@pytest.mark.parametrize("part", ["ranking", "elements"])
def test_tables_are_offered_as_csv(client: TestClient, rows: Rows, part: str) -> None:
    address = f"/v1/searches/{rows.search(state='done')}/{part}"
    plain = client.get(address)
    items = plain.json()["items"]
    asked = client.get(address, params={"format": "csv"})
    assert asked.headers["content-type"].startswith("text/csv")
    assert asked.headers["content-disposition"].endswith(f'-{part}.csv"')
    assert client.get(address, headers={"Accept": "text/csv, */*"}).text == asked.text
    assert client.get(address, params={"format": "json"}, headers={"Accept": "text/csv"}).json()["items"] == items
    assert client.get(address, params={"format": "xls"}).status_code == 422
    for answer in (plain, asked):
        assert "Accept" in [name.strip() for name in answer.headers["vary"].split(",")]
    table = list(csv.DictReader(io.StringIO(asked.text)))
    assert len(table) == len(items)
    for row, item in zip(table, items, strict=True):
        assert float(row["defect_low"]) == item["defect"]["low"]
        assert float(row["defect_bound"]) == item["defect"]["bound"]
    if part == "ranking":
        assert [row["group"] for row in table] == [item["group"] for item in items]
        assert table[0]["r2_mean"] == ""
    else:
        assert table[1]["in_groups"] == "C4"


def test_text_that_looks_like_a_formula_is_escaped_in_tables(client: TestClient, rows: Rows) -> None:
    search = rows.search(state="done")
    hostile = ['=HYPERLINK("http://a")', "+1", "-1", "@SUM(1)", "\tx"]
    with rows.writer.begin() as session:
        for element in session.query(Element).filter(Element.search_id == search):
            element.evidence = {**element.evidence, "title": hostile[element.position]}
    text = client.get(f"/v1/searches/{search}/elements?format=csv").text
    titles = [row["title"] for row in csv.DictReader(io.StringIO(text))]
    assert titles == ["'" + text for text in hostile[: len(titles)]]
    rest: list[dict[str, Any]] = [{"title": text, "defect": -0.5} for text in hostile]
    for row in list(csv.reader(io.StringIO(as_csv(rest, ["title", "defect"]))))[1:]:
        assert row[0].startswith("'")
        assert row[1] == "-0.5", "a number stays a number"
