"""The pages as a person meets them, in Chromium, against a real service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.auth import hash_key
from app.db import states
from app.db.tables import Trial
from tests.web.rows import finished_search, waiting_search
from tests.web.serving import Complaints, OpenPage, Service, running_service

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture(scope="module")
def search_id(service: Service) -> str:
    with service.writer.begin() as session:
        return finished_search(session)


def scroll_width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_the_answer_stands_first(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    answer = page.locator("#answer")
    expect(answer).to_contain_text("symmetric under D2")
    expect(answer).to_contain_text("certified")
    expect(answer).to_contain_text("posterior 93.1 %")
    expect(page).to_have_title("Planted D2 · Erlangen")
    expect(page.locator("#warnings")).to_contain_text("rests on one witness")


def test_the_ranking_names_verdicts_terms_and_the_refuting_element(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    rows = page.locator("#ranking tbody tr:not(.details)")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text("D2")
    expect(rows.first).to_have_class("best")
    for term in ("accuracy", "consistency", "complexity"):
        expect(rows.first).to_contain_text(term)
    quarter_turns = rows.filter(has=page.get_by_role("button", name="C4"))
    expect(quarter_turns).to_contain_text("refuted")
    expect(quarter_turns).to_contain_text("by rotation by 90°")


def test_a_row_opens_by_keyboard(service: Service, search_id: str, open_page: OpenPage) -> None:
    leave_files(service, search_id)
    page = open_page(f"{service.url}/searches/{search_id}")
    button = page.locator("#ranking .disclose").first
    expect(page.locator("#ranking tr.details").first).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#ranking tr.details").first).to_contain_text("Held-out loss")


def leave_files(service: Service, search_id: str) -> None:
    """What training would have left of every candidate: weights, and errors that grow away from right angles."""
    angles = range(0, 181, 15)
    items = [
        {"element": f"r{angle}", "angle_degrees": angle, "where": where, "band": "pi/4", "antialiased": smooth,
         "error": 2e-7 if angle % 90 == 0 else size * (1 + angle % 45) * (1 if smooth else 3)}
        for where, size in (("centre", 1e-3), ("boundary", 4e-3), ("clutter", 8e-3))
        for angle in angles
        for smooth in (True, False)
    ]  # fmt: skip
    items += [{**item, "element": "mx", "angle_degrees": None} for item in items if item["angle_degrees"] == 90]
    with service.writer() as session:
        prefixes = session.scalars(select(Trial.prefix).where(Trial.search_id == search_id)).all()
    for prefix in prefixes:
        service.storage.put_bytes(f"{prefix}/equivariance.json", json.dumps({"items": items, "seconds": 0.2}).encode())
        service.storage.put_bytes(f"{prefix}/network.safetensors", b"weights")


def test_a_trained_network_shows_its_errors_and_can_be_taken_along(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    leave_files(service, search_id)
    page = open_page(f"{service.url}/searches/{search_id}")
    page.locator("#ranking .disclose").first.click()
    panel = page.locator("#ranking tr.details").first.locator(".network")
    expect(panel.get_by_role("img")).to_have_attribute(
        "aria-label", "Error of the network against the angle, 0 to 180 degrees; the numbers are in the table"
    )
    expect(panel.locator(".series")).to_have_count(4)
    expect(panel.locator(".series-centre circle")).to_have_count(13)
    expect(panel.locator("figcaption")).to_contain_text("without anti-aliasing")
    expect(panel.locator("thead th")).to_have_text(["Element", "at the centre", "at the boundary", "in clutter"])
    expect(panel.locator("tbody tr")).to_have_count(14)
    expect(panel.locator("tbody tr", has_text="r45")).to_contain_text("0.0010")
    expect(panel.locator("tbody tr", has_text="mx")).to_contain_text("2.0 · 10⁻⁷")
    expect(panel).to_contain_text("No network.onnx: the expanded kernels take 80 MiB")
    expect(panel.get_by_role("link", name="network as ONNX")).to_have_count(0)
    with page.expect_download() as download:
        panel.get_by_role("link", name="weights as safetensors").click()
    assert Path(download.value.path()).read_bytes() == b"weights"
    assert download.value.suggested_filename.endswith(".safetensors")


def test_a_file_that_was_lost_is_said_to_be_missing(
    service: Service, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.expected_status = {404}
    with service.writer.begin() as session:
        lost = finished_search(session)
    page = open_page(f"{service.url}/searches/{lost}")
    page.locator("#ranking .disclose").first.click()
    panel = page.locator("#ranking tr.details").first.locator(".network")
    expect(panel.get_by_role("status")).to_have_text("Nothing was stored for this candidate.")


def test_the_lattice_has_every_node_and_leads_to_its_row(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("svg.lattice a.node")).to_have_count(10)
    expect(page.locator("svg.lattice line.cover")).to_have_count(15)
    expect(page.locator("svg.lattice .node-best")).to_contain_text("D2")
    heights = {
        name: page.locator(f'svg.lattice a[aria-label^="{title}"] rect').first.bounding_box()
        for name, title in (("T", "translations only"), ("D4", "rotations by 360°/4 and 4 mirrors"))
    }
    assert heights["D4"] is not None
    assert heights["T"] is not None
    assert heights["D4"]["y"] < heights["T"]["y"], "larger groups stand above"
    page.locator("svg.lattice .node-best").focus()
    page.keyboard.press("Enter")
    target = page.locator("#ranking tr:target")
    expect(target).to_have_class("best")


def test_defects_are_drawn_against_the_tolerance(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    charts = page.locator("#elements svg.defect")
    expect(charts).to_have_count(6)
    expect(page.locator("#elements svg.d-within")).to_have_count(3)
    expect(page.locator("#elements svg.d-beyond")).to_have_count(3)
    turned = page.locator("#elements tr", has_text="rotation by 90°")
    expect(turned.get_by_role("img")).to_have_attribute(
        "aria-label", "defect 0.830, interval 0.720 to 0.950, tolerance 0.05"
    )
    line = turned.locator("line.tolerance").bounding_box()
    estimate = turned.locator("circle.estimate").bounding_box()
    assert line is not None
    assert estimate is not None
    assert line["x"] < estimate["x"]


def test_learning_curves_stand_beside_that_of_the_trivial_group(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("#curves svg.curves .curve")).to_have_count(10)
    expect(page.locator("#curves .curve-best title")).to_contain_text("D2: 0.700 bits from 333")
    expect(page.locator("#curves .curve-reference title")).to_contain_text("T: ")
    expect(page.locator("#curves tr.best")).to_contain_text("2.6 ×2.2 … beyond the sizes")
    best, reference = (page.locator(f"#curves .curve-{kind} circle").last.bounding_box() for kind in ("best", "other"))
    assert best is not None
    assert reference is not None
    assert best["x"] == pytest.approx(reference["x"], abs=3)


def test_every_verdict_is_explained(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    legend = page.locator("#legend dl > div")
    expect(legend).to_have_count(5)
    for number, verdict in enumerate(("certified", "approximate", "refuted", "untested", "undetermined")):
        expect(legend.nth(number)).to_contain_text(verdict)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_need_no_sideways_scrolling(
    service: Service, search_id: str, open_page: OpenPage, scheme: str
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}", width=390, scheme=scheme)
    expect(page.locator("#elements svg.defect")).to_have_count(6)
    assert scroll_width(page) == 390
    page.goto(f"{service.url}/")
    expect(page.locator("#searches tbody tr").first).to_be_visible()
    assert scroll_width(page) == 390


def test_what_a_user_typed_stays_text(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        hostile = finished_search(session, name=HOSTILE, data=HOSTILE)
    page = open_page(f"{service.url}/searches/{hostile}")
    expect(page.locator("#name")).to_have_text(HOSTILE)
    expect(page.locator("#facts")).to_contain_text(HOSTILE)
    page.goto(f"{service.url}/")
    expect(page.locator("#searches tbody tr", has_text=HOSTILE).first).to_be_visible()
    expect(page.locator("#datasets li", has_text=HOSTILE).first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_the_page_follows_a_search_by_itself(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        waiting = waiting_search(session)
    page = open_page(f"{service.url}/searches/{waiting}")
    expect(page.locator("#answer")).to_contain_text("Waiting for a worker")
    with service.writer.begin() as session:
        states.set_search_state(session, waiting, states.RUNNING, expect={states.QUEUED})
    expect(page.locator("#answer")).to_contain_text("Training one network per candidate")
    with service.writer.begin() as session:
        progress = {"done": 3, "total": 10, "fraction": 0.42}
        states.add_event(session, waiting, "progress", progress)
    expect(page.locator("#answer")).to_contain_text("3 of 10 done")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#answer")).to_contain_text("cancelled")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#answer")).to_contain_text("Waiting for a worker")


def test_a_search_that_does_not_exist_is_said_to_be_missing(
    service: Service, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.expected_status = {404}
    page = open_page(f"{service.url}/searches/nothing")
    expect(page.locator("#notice")).to_have_text("There is no such search.")


def test_a_file_becomes_a_search(service: Service, open_page: OpenPage, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "forty.npz", x=x, y=(x.mean((1, 2)) > 0).astype(np.int64))
    page = open_page(f"{service.url}/")
    page.locator("#file").set_input_files(tmp_path / "forty.npz")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#dataset-facts")).to_contain_text("image2d")
    expect(page.locator("#dataset-facts")).to_contain_text("40")
    page.get_by_label("These:").check()
    page.locator("#catalogue").get_by_label("C2", exact=False).first.check()
    page.get_by_label("and their subgroups").uncheck()
    page.locator("#search-name").fill("from the form")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/searches/*")
    expect(page.locator("#name")).to_have_text("from the form")
    expect(page.locator("svg.lattice a.node")).to_have_count(2)


def test_a_refused_file_is_explained(
    service: Service, open_page: OpenPage, tmp_path: Path, complaints: Complaints
) -> None:
    complaints.expected_status = {400, 422}
    np.savez(tmp_path / "one_class.npz", x=np.random.default_rng(0).normal(size=(20, 6, 6)), y=np.zeros(20, np.int64))
    page = open_page(f"{service.url}/")
    page.locator("#file").set_input_files(tmp_path / "one_class.npz")
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#upload-error")).to_contain_text("class")
    expect(page.locator("#search")).to_be_hidden()


def test_the_api_is_described_without_anything_from_elsewhere(service: Service, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/docs")
    operation = page.locator("details.operation", has_text="POST/v1/searches").first
    operation.locator("summary").click()
    expect(operation).to_contain_text("dataset_id")
    expect(operation.locator("pre").first).to_be_visible()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    keys = f"ada={hash_key('the right key')}"
    with running_service(tmp_path_factory.mktemp("guarded"), ERLANGEN_API_KEYS=keys) as running:
        yield running


def test_a_page_behind_keys_asks_for_one_and_keeps_it_for_the_tab(
    guarded: Service, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.expected_status = {401}
    with guarded.writer.begin() as session:
        owned = finished_search(session, owner="ada")
    page = open_page(f"{guarded.url}/searches/{owned}")
    page.get_by_label("API key").fill("a wrong key")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("That key was not accepted")).to_be_visible()
    page.get_by_label("API key").fill("the right key")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#answer")).to_contain_text("symmetric under D2")
    page.reload()
    expect(page.locator("#answer")).to_contain_text("symmetric under D2")
    assert page.evaluate("Object.keys(localStorage).length") == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="ranking as JSON").click()
    assert '"candidate_id"' in Path(download.value.path()).read_text()
