"""Lists of searches and rankings: filters that live in the address, and a thousand searches in a few requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, expect
from sqlalchemy import insert, select

from app.db.tables import Dataset, Search, Trial, new_id
from tests.web.rows import finished_search, waiting_search
from tests.web.serving import OpenPage, Service, running_service

pytestmark = pytest.mark.browser

MANY = 1000


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one finished search a thousand times over, each with its ten candidates, and one that waits."""
    with running_service(tmp_path_factory.mktemp("full")) as running:
        with running.writer.begin() as session:
            source = finished_search(session)
            row = session.execute(select(*Search.__table__.columns).where(Search.id == source)).one()._mapping
            trials = [
                dict(trial._mapping)
                for trial in session.execute(select(*Trial.__table__.columns).where(Trial.search_id == source))
            ]
            for number in range(1, MANY):
                copy = new_id("sr")
                session.execute(insert(Search).values(**{**row, "id": copy, "name": f"copy {number}"}))
                session.execute(
                    insert(Trial), [{**t, "id": new_id("tr"), "search_id": copy, "prefix": None} for t in trials]
                )
            waiting_search(session)
        yield running


def asked(page: Page) -> list[str]:
    """Addresses of the API that the page asks from now on."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if "/v1/" in request.url:
            seen.append(request.url.partition("/v1/")[2])

    page.on("request", note)
    return seen


def test_a_thousand_searches_are_a_page_and_a_button(full: Service, open_page: OpenPage) -> None:
    page = open_page(f"{full.url}/docs")
    requests = asked(page)
    page.goto(f"{full.url}/searches")
    rows = page.get_by_role("table", name="Searches").locator("tbody tr")
    expect(rows).to_have_count(25)
    expect(page.locator("#dataset_id option")).to_have_count(3)
    assert sorted(address.split("?")[0] for address in requests) == ["datasets", "searches"]
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(50)
    assert len(requests) == 3
    page.goto(f"{full.url}/rankings")
    expect(page.get_by_role("table", name="Candidates").locator("tbody tr")).to_have_count(25)
    assert len(requests) == 4
    page.goto(f"{full.url}/")
    expect(page.locator("#latest li")).to_have_count(6)
    assert len(requests) == 7


def test_searches_are_narrowed_and_the_address_says_how(full: Service, open_page: OpenPage) -> None:
    page = open_page(f"{full.url}/searches")
    rows = page.get_by_role("table", name="Searches").locator("tbody tr")
    page.get_by_label("State").select_option("queued")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Waiting")
    assert page.url.endswith("/searches?state=queued")
    page.get_by_label("State").select_option("")
    page.get_by_label("With the candidate").fill("C4")
    page.get_by_label("that got the verdict").select_option("certified")
    expect(page.locator("#searches")).to_contain_text("No search is like that.")
    page.get_by_label("that got the verdict").select_option("refuted")
    expect(rows).to_have_count(25)
    expect(page).to_have_url(f"{full.url}/searches?group=C4&verdict=refuted")
    page.reload()
    expect(page.get_by_label("With the candidate")).to_have_value("C4")
    expect(rows).to_have_count(25)
    page.get_by_label("Order").select_option("oldest first")
    expect(rows.first).to_contain_text("Planted D2")
    page.get_by_role("button", name="Clear").click()
    expect(rows.first).to_contain_text("Waiting")
    assert page.url == f"{full.url}/searches"


def test_searches_of_one_data_set(full: Service, open_page: OpenPage) -> None:
    with full.writer() as session:
        waiting = session.scalars(select(Dataset.id).where(Dataset.name == "waiting")).one()
    page = open_page(f"{full.url}/searches?dataset_id={waiting}")
    expect(page.get_by_role("table", name="Searches").locator("tbody tr")).to_have_count(1)
    expect(page.get_by_label("Data set").locator("option:checked")).to_have_text("waiting")


def test_rankings_are_narrowed(full: Service, open_page: OpenPage) -> None:
    page = open_page(f"{full.url}/rankings")
    rows = page.get_by_role("table", name="Candidates").locator("tbody tr")
    expect(rows.first).to_contain_text("93.1 %")
    page.get_by_label("Verdict").select_option("refuted")
    expect(rows.first).to_contain_text("refuted")
    page.get_by_label("Posterior at least").fill("0.5")
    expect(page.locator("#rankings")).to_contain_text("No candidate is like that.")
    page.get_by_label("Verdict").select_option("")
    page.get_by_label("Of each search").select_option("1")
    page.get_by_label("Group").fill("D2")
    expect(rows.first).to_contain_text("certified")
    expect(page).to_have_url(f"{full.url}/rankings?group=D2&min_posterior=0.5&max_rank=1")
    rows.first.get_by_role("link").first.click()
    page.wait_for_url("**/searches/*#candidate-*")
    expect(page.locator(f"[id='{page.url.partition('#')[2]}']")).to_be_in_viewport()
