"""The pages as a person meets them, in Chromium, against a real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.auth import hash_key
from app.db import states
from app.services.report import percent
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_need_no_sideways_scrolling(
    service: Service, search_id: str, open_page: OpenPage, scheme: str
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}", width=390, scheme=scheme)
    expect(page.locator("#elements svg.defect")).to_have_count(6)
    assert scroll_width(page) == 390


def test_what_a_user_typed_stays_text(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        hostile = finished_search(session, name=HOSTILE, data=HOSTILE)
    page = open_page(f"{service.url}/searches/{hostile}")
    expect(page.locator("#name")).to_have_text(HOSTILE)
    expect(page.locator("#facts")).to_contain_text(HOSTILE)
    page.goto(f"{service.url}/")
    expect(page.locator("#latest li", has_text=HOSTILE).first).to_be_visible()
    for path, name in (("searches", "Searches"), ("datasets", "Data sets"), ("rankings", "Candidates")):
        page.goto(f"{service.url}/{path}")
        expect(page.get_by_role("table", name=name).get_by_text(HOSTILE).first).to_be_visible()
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
    page.get_by_label("API key").fill("a k\u00e9y of “letters” that no header holds")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("API key")).to_be_visible()
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


def test_shares_read_as_in_the_report(service: Service, open_page: OpenPage) -> None:
    shares = [0, 1e-9, 0.00099, 0.001, 0.05, 0.5, 0.9994, 0.9995, 0.9999, 1 - 1e-12, 1]
    page = open_page(f"{service.url}/")
    shown = page.evaluate(
        "async (shares) => { const { percent } = await import('/static/format.js'); return shares.map(percent); }",
        shares,
    )
    assert shown == [percent(share) for share in shares]
    assert (shown[0], shown[-1]) == ("0 %", "100 %")
