"""The report of a search: one HTML file that stands alone."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db.tables import Trial
from app.schemas.evidence import SearchEvidence
from app.services import report
from app.services.hasse import WIDEST, arrange
from app.services.pictures import curves_picture, spectrum_picture
from app.services.polar import RADIUS, polar_pictures
from tests.api.rows import Rows
from tests.api.test_gallery import KEPT, keep
from workers.scoring import Terms


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
    assert not {"script", "link", "iframe", "form"} & set(page.tags)
    assert page.text.index("Quarter turns.") < page.text.index("Candidates, best first") < page.text.index("Methods")
    for said in ("✓ certified", "90.0 %", "r90", "1,234", "0.01 (−0.01 to 0.03)", "at most 0.04", "0.9 (0.85 to 0.95)"):
        assert said in page.text


@pytest.mark.parametrize(
    ("found", "weights"),
    [
        (Terms(0.7312, -4.2149, 1.0), {}),
        (Terms(0.7312, 1.5, 2.5), {"accuracy": 3.0, "complexity": 0.1}),
        (Terms(0.004, -2043.1, 0.0), {"accuracy": 0.0, "consistency": 0.5}),
    ],
)
def test_what_is_printed_beneath_a_score_sums_to_it(
    client: TestClient, rows: Rows, found: Terms, weights: dict[str, float]
) -> None:
    request = {"candidates": ["T"], "tolerance": 0.05, "weights": weights}
    search = rows.search(state="done", candidates=("T",), request=request)
    with rows.writer.begin() as session:
        trial = session.query(Trial).where(Trial.search_id == search).one()
        trial.score = found.score(weights)
        terms = {f"{name}_term": getattr(found, name) for name in ("accuracy", "consistency", "complexity")}
        trial.evidence = {**(trial.evidence or {}), **terms}
    page = client.get(f"/v1/searches/{search}/report").text
    said = re.search(r'<td class="n">([−\d.,]+)<br><span class="quiet">([−+ \d.,]+)</span>', page)
    assert said is not None
    plain = " ".join(said.groups()).replace("− ", "-").replace("−", "-").replace(",", "")
    total, *printed = [float(n) for n in re.findall(r"-?[\d.]+", plain)]
    assert len(printed) == 3
    assert total == pytest.approx(found.score(weights), abs=0.005)
    assert sum(printed) == pytest.approx(total, abs=0.02)


def test_a_candidate_that_was_not_ranked_has_no_terms() -> None:
    assert report.weighted_terms({"accuracy_term": 0.5}, {}) is None


def test_the_template_of_the_report_is_read_once(client: TestClient, rows: Rows) -> None:
    report._template.cache_clear()
    search = rows.search(state="done")
    assert client.get(f"/v1/searches/{search}/report").text == client.get(f"/v1/searches/{search}/report").text
    assert report._template.cache_info()[:2] == (1, 1)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"), (0.0, "0 %"), (1e-9, "< 0.1 %"), (0.00099, "< 0.1 %"), (0.001, "0.1 %"), (0.5, "50.0 %"),
        (0.9994, "99.9 %"), (0.9995, "> 99.9 %"), (1 - 1e-12, "> 99.9 %"), (1.0, "100 %"), (None, "–"),
    ],
)  # fmt: skip
def test_only_all_is_all_and_only_nothing_nothing(share: Any, text: str) -> None:
    assert report.percent(share) == text


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


def test_a_report_shows_the_samples_that_were_kept(client: TestClient, app: FastAPI, rows: Rows) -> None:
    search = rows.search(rows.dataset(classes=["six", "<b>nine"]), state="done")
    keep(app, rows, search)
    answer = client.get(f"/v1/searches/{search}/report")
    assert "img-src data:" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert page.addresses[:2] == KEPT["pictures"]
    assert "witness: six (90.0 %). Moved: label <b>nine, witness: <b>nine (80.0 %); it costs 2.5 bits" in page.text
    assert "One sample under C4" in page.text
    assert "1 of the 3 elements that move something" in page.text
    assert "each with the label that the element gives it" in page.text
    assert "the worst of the eight looked at" in page.text
    assert "rotation by 90°, label <b>nine: <b>nine (80.0 %)" in page.text


def test_turns_are_drawn_at_their_angles_and_mirrors_on_their_axes() -> None:
    def item(
        element: str, matrix: list[list[float]], value: float | None, angle: float | None = None
    ) -> dict[str, Any]:
        defect = {"value": value, "low": value, "high": value}
        return {"element": element, "matrix": matrix, "angle_degrees": angle, "defect": defect}

    items = [
        item("r90", [[0, -1], [1, 0]], 1.0, 90.0),
        item("r180", [[-1, 0], [0, -1]], 0.0, 180.0),
        item("mx", [[-1, 0], [0, 1]], 0.05),
        item("md [sign]", [[0, 1], [1, 0]], None),
        item("other", [[2, 0], [0, 1]], 1.0),
        {"element": "(0 1)", "matrix": None, "defect": None},
    ]
    turns, mirrors, signed = polar_pictures(items, 0.05)
    quarter, half = turns["rays"]
    middle = turns["size"] / 2
    assert [end["at"] for end in quarter["ends"]] == [(middle + RADIUS, middle), (middle - RADIUS, middle)]
    assert [end["at"] for end in half["ends"]] == [(middle, middle)]
    assert (quarter["standing"], half["standing"]) == ("beyond", "within")
    (vertical,) = mirrors["rays"]
    ring = next(ring for ring in mirrors["rings"] if ring["tolerance"])
    assert vertical["ends"][0]["at"] == pytest.approx((middle, middle + ring["r"]), abs=0.01)
    assert (signed["labels"], signed["rays"][0]["standing"]) == ("labels: sign", "none")
    assert [label["text"] for label in signed["rim"]] == ["45°"]
    assert polar_pictures(items[-2:], 0.05) == []
    again = {**items[0], "element": f"{items[0]['element']} #2"}
    other = {**items[0], "defect": {**items[0]["defect"], "bound": 9.0}}
    assert [len(plot["rays"]) for plot in polar_pictures([items[0], again], 0.05)] == [1, 1]
    assert polar_pictures([other], 10.0)[0]["rays"][0]["standing"] == "within"
    assert polar_pictures([other], 8.0)[0]["rays"][0]["standing"] == "open"


def test_the_bound_is_drawn_beyond_the_interval() -> None:
    defect = {"value": 0.01, "low": -0.02, "high": 0.04, "bound": 0.06}
    item = {"element": "r90", "matrix": [[0, -1], [1, 0]], "angle_degrees": 90.0, "refuted": False, "defect": defect}
    (plot,) = polar_pictures([item], 0.05)
    (ray,) = plot["rays"]
    assert ray["ends"][0]["bound"][0] > ray["ends"][0]["high"][0] > plot["size"] / 2
    (x, y), (first, second) = ray["ends"][0]["bound"], ray["ends"][0]["stroke"]
    assert (first, second) == ((x, y - 4), (x, y + 4)), "across a ray to the right"
    before = {**item, "defect": {name: defect[name] for name in ("value", "low", "high")}}
    assert polar_pictures([before], 0.05)[0]["rays"][0]["ends"][0]["bound"] is None, "ranked before bounds were kept"
    (again,) = polar_pictures([{**item, "element": "r90 [sign] #2"}], 0.05)
    assert again["labels"] == "labels: sign, #2"


def test_learning_curves_are_drawn_with_more_labels_to_the_right() -> None:
    def curve(name: str, losses: list[float], against: str | None = None) -> dict[str, Any]:
        bits = [{"mean": m, "low": None if m > 0.8 else m - 0.1, "high": None if m > 0.8 else m + 0.1} for m in losses]
        return {"candidate_id": name, "name": name, "sizes": [100, 200, 400], "loss_bits": bits, "against": against}

    plot = curves_picture([curve("C4", [0.9, 0.5, 0.2]), curve("T", [0.9, 0.8, 0.7], "T"), {"name": "D4"}], "C4")
    assert plot is not None
    assert [line["kind"] for line in plot["lines"]] == ["reference", "best"]
    points = [[float(v) for v in point.split(",")] for point in plot["lines"][1]["points"].split()]
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[1][0] - points[0][0] == pytest.approx(points[2][0] - points[1][0], abs=0.2), "doublings are even"
    assert points[0][1] < points[1][1] < points[2][1], "less loss is lower"
    assert curves_picture([{"name": "D4", "sizes": [100], "loss_bits": []}], None) is None
