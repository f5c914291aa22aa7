"""The report of a search as a browser shows it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.rows import finished_search
from tests.web.serving import OpenPage, Service

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1100, 380])
def test_the_report_is_reached_from_its_search_and_fits_the_screen(
    service: Service, open_page: OpenPage, width: int
) -> None:
    with service.writer.begin() as session:
        search_id = finished_search(session)
    page = open_page(f"{service.url}/searches/{search_id}", width=width)
    page.locator("#raw").get_by_role("link", name="report").click()
    expect(page).to_have_title("Planted D2: symmetry report")
    expect(page.locator(".answer")).to_contain_text("symmetric under D2")
    expect(page.get_by_role("img", name="Lattice of the candidate groups").locator("g.node")).to_have_count(10)
    expect(page.locator("table").first.locator("tbody tr")).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    title = page.locator("table").first.locator("tbody td:not(.n)").first.bounding_box()
    assert title is not None
    assert title["width"] >= 100  # words stay whole; the table is scrolled
    page.emulate_media(media="print")
    expect(page.locator("h1")).to_be_visible()
