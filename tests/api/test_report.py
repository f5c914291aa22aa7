"""The report of a search: one HTML file that stands alone."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser

from fastapi.testclient import TestClient

from app.schemas.evidence import SearchEvidence
from app.services.hasse import WIDEST, arrange
from app.services.pictures import spectrum_picture
from tests.api.rows import Rows


class Page(HTMLParser):
    """Tags in order, visible text, and every address that the page names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_stands_alone_and_says_the_answer_first(client: TestClient, rows: Rows) -> None:
    answer = client.get(f"/v1/searches/{rows.search(state='done')}/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "style-src 'unsafe-inline'" in answer.headers["content-security-policy"]
    assert answer.headers.get_list("content-security-policy") == [answer.headers["content-security-policy"]]
    page = Page(answer.text)
    assert page.addresses == []
    assert not {"script", "link", "img", "iframe", "form"} & set(page.tags)
    assert page.text.index("Quarter turns.") < page.text.index("Candidates, best first") < page.text.index("Methods")
    for said in ("✓ certified", "90.0 %", "r90", "1,234", "0.01 (−0.01 to 0.03)", "0.9 (0.85 to 0.95)"):
        assert said in page.text


def test_a_report_shows_names_as_text(client: TestClient, rows: Rows) -> None:
    name = "<script>alert(1)</script>"
    dataset = rows.dataset(name=name, classes=["<b>", "&amp;"])
    answer = client.get(f"/v1/searches/{rows.search(dataset, state='done', name=name, warnings=[name])}/report")
    page = Page(answer.text)
    assert not {"script", "b"} & set(page.tags)
    assert page.text.count(name) >= 3


def test_only_finished_searches_have_a_report(client: TestClient, rows: Rows) -> None:
    for state in ("queued", "running", "failed", "cancelled"):
        answer = client.get(f"/v1/searches/{rows.search(state=state)}/report")
        assert answer.status_code == 409
        assert state in answer.json()["detail"]
    assert client.get("/v1/searches/sr_nothing/report").status_code == 404
    strangers = rows.search(rows.dataset("somebody"), owner="somebody", state="done")
    assert client.get(f"/v1/searches/{strangers}/report").status_code == 404


def test_lattices_are_drawn_with_larger_groups_above_and_no_two_in_one_place() -> None:
    covers = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 5), (4, 6), (5, 6)]
    places = arrange(7, covers)
    assert all(places[upper][1] > places[lower][1] for lower, upper in covers)
    assert len(set(places)) == 7
    assert all(abs(a[0] - b[0]) >= 1 for a, b in itertools.combinations(places, 2) if a[1] == b[1])
    assert arrange(0, []) == []
    assert arrange(2, []) == [(-0.5, 0), (0.5, 0)]


def test_a_level_of_many_groups_takes_several_rows_between_its_neighbours() -> None:
    covers = [(0, k) for k in range(1, 100)] + [(k, 100) for k in range(1, 100)]
    places = arrange(101, covers)
    middle = places[1:100]
    assert len(set(places)) == 101
    assert max(abs(place) for place, _ in middle) <= (WIDEST - 1) / 2
    rows = {row for _, row in middle}
    assert rows == set(range(1, 1 + len(rows)))
    assert (places[0][1], places[100][1]) == (0, 1 + len(rows))


FOUND = {
    "tolerance_sweep": [
        {"tolerance": 0.2, "best": "D4", "posterior": 0.8, "verdict": "approximate", "verdicts": {"approximate": 1},
         "certified": []}
    ],
    "more_data": {"rival": "D4", "factor": 2.4, "element": "mx"},
    "stopping": {"spared": 7, "of": 10, "seconds": 84.0},
    "prior": [{"group": "C4", "bits": 2.0, "probability": 0.2}],
    "spectrum": [
        {"kind": "turns", "coordinates": [0, 1], "labels": "trivial", "at": [45.0, 90.0], "shown": [1.0, 1.0],
         "defect": [{"value": 2.5, "low": 2.0, "high": 3.0}, {"value": 0.0, "low": -0.02, "high": 0.03}],
         "state": ["refuted", "within"], "groups_supported": ["C2", "C4"], "not_told_apart": [], "reach": None,
         "between": [], "sentence": "quarter turns cost nothing, a turn by 45° costs all: C4"}
    ],
    "label_actions": [
        {"group": "D1", "labels": "permutation", "samples": 500, "better": 0.31, "error": 0.02,
         "generators": [{"element": "mirror", "cycles": [["left", "right"]], "predicted": None, "matrix": None},
                        {"element": "turn", "cycles": None, "predicted": None, "matrix": [[0.0, -1.0], [1.0, 0.0]]}]}
    ],
    "laws": {"candidates": [{"position": 0, "name": "C4", "marginal": "broken", "joint": "broken",
                             "conditional": "symmetric"}],
             "marginal_broken": ["r90"], "pose_predicts_label": ["r180"]},
    "worth": [{"position": 1, "against": 0, "labels_saved": {"factor": 2.6, "low": 2.2, "high": 3.0, "bound": None},
               "bits_saved_against_trivial": {"mean": 120.0, "low": 90.0, "high": 150.0},
               "imposing_costs_bits": {"mean": -0.1, "low": -0.2, "high": -0.01}}],
}  # fmt: skip


def test_a_report_shows_what_was_found_about_the_data_as_a_whole(client: TestClient, rows: Rows) -> None:
    SearchEvidence.model_validate(FOUND)
    page = Page(client.get(f"/v1/searches/{rows.search(state='done', evidence=FOUND)}/report").text)
    for said in (
        "about 2.4 times the data", "spared 7 of 10", "C4 20.0 %", "a turn by 45° costs all", "(left → right)",
        "[0, −1][1, 0]", "0.31 ± 0.02", "2.6 (2.2 to 3)", "120 (90 to 150)", "broken",
    ):  # fmt: skip
        assert said in page.text
    assert page.addresses == []


def test_marks_of_a_spectrum_stay_in_their_picture() -> None:
    plot = spectrum_picture(FOUND["spectrum"][0], 0.05)  # type: ignore[index]
    assert [point["verdict"] for point in plot["points"]] == ["refuted", "certified"]
    for point in plot["points"]:
        assert 0 <= point["high"] <= point["y"] <= point["low"] <= plot["height"]
        assert plot["left"] <= point["x"] <= plot["right"]
    assert plot["zero"] > plot["tolerance"]
