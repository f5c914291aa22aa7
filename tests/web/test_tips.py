"""Every number in a table says what it means, to the keyboard and to screen readers as well as to a pointer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from app.db.tables import Search
from tests.web.rows import finished_search, leave_files
from tests.web.running import Running
from tests.web.serving import OpenPage, Service

pytestmark = pytest.mark.browser

TABLES = ("#ranking", "#elements", "#curves", "#laws", "#network")
STOPS = """(table) => [...table.querySelectorAll("td, th, button, a")].filter((one) => one.tabIndex === 0).length"""


@pytest.fixture(scope="module")
def search_id(service: Service) -> str:
    with service.writer.begin() as session:
        identifier = finished_search(session, files=True)
        session.flush()
        leave_files(session, service.storage, identifier)
    return identifier


@pytest.fixture
def finished(service: Service, search_id: str, open_page: OpenPage) -> Page:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("#network table")).to_be_visible()
    return page


def tip(page: Page) -> Locator:
    """Names of the terms that the popover explains."""
    return page.locator("#gloss:popover-open strong")


def enter(page: Page, table: str) -> None:
    """Come to the tab stop of a table by the keyboard, from what stands before it."""
    page.locator(f"{table} [role=grid] [tabindex='0']").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")


def test_a_table_is_one_tab_stop_and_is_walked_by_arrow_keys(finished: Page) -> None:
    page = finished
    for table in TABLES:
        assert page.locator(f"{table} [role=grid]").evaluate(STOPS) == 1
    enter(page, "#ranking")
    row = page.locator("#ranking tr.row")
    cell = row.first.get_by_role("gridcell")
    expect(cell.first).to_be_focused()
    expect(tip(page)).to_have_text("Rank")
    expect(page.locator("#gloss")).to_contain_text("Arrow keys lead to the other cells.")
    page.keyboard.press("ArrowRight")
    expect(row.first.get_by_role("button", name="D2")).to_be_focused()  # the only button of its cell is entered at once
    expect(tip(page)).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(tip(page)).to_have_text("Certified")
    expect(page.locator("#gloss")).not_to_contain_text("Arrow keys")
    page.keyboard.press("ArrowRight")
    expect(tip(page)).to_have_text("Posterior")
    page.keyboard.press("ArrowDown")
    expect(row.nth(1).locator("td.posterior")).to_be_focused()
    page.keyboard.press("End")
    expect(tip(page)).to_have_text("Held-out accuracy")
    page.keyboard.press("ArrowRight")  # there is nothing more
    expect(tip(page)).to_have_text("Held-out accuracy")
    page.keyboard.press("Home")
    expect(row.nth(1).locator("td.rank")).to_be_focused()
    page.keyboard.press("Control+End")
    expect(row.last.get_by_role("gridcell").last).to_be_focused()
    expect(tip(page)).to_have_text("Held-out accuracy")  # the page scrolled to it, and the tip went along
    page.keyboard.press("Control+Home")
    expect(page.locator("#ranking").get_by_role("button", name="#")).to_be_focused()
    assert page.locator("#ranking [role=grid]").evaluate(STOPS) == 1
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator("#ranking :focus")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(row.nth(1).locator("td.rank")).to_be_focused()


def test_escape_and_leaving_hide_a_tip(finished: Page) -> None:
    page = finished
    enter(page, "#elements")
    expect(tip(page)).to_have_text(["Defect", "Interval"])
    page.keyboard.press("Escape")
    expect(tip(page)).to_have_count(0)
    expect(page.locator("#elements td:focus")).to_have_attribute("data-label", "Defect")
    page.keyboard.press("ArrowRight")
    expect(tip(page)).to_have_text("p, adjusted")
    page.mouse.move(5, 5)  # a pointer that rests elsewhere does not hide it
    expect(tip(page)).to_have_text("p, adjusted")
    page.evaluate("document.activeElement.blur()")
    expect(tip(page)).to_have_count(0)


def test_a_cell_is_described_by_the_one_text_of_its_term(finished: Page) -> None:
    page = finished
    row = page.get_by_role("grid", name="Candidates").get_by_role("row").nth(1)
    posterior = row.locator("td.posterior")
    expect(posterior).to_have_attribute("aria-describedby", "gloss-posterior")
    expect(posterior).to_have_accessible_description(
        "How probable it is, given this data, that exactly this group is the full symmetry: not a smaller and not a "
        "larger one of the candidates. The shares of all candidates add up to 100 %."
    )
    assert page.locator("#gloss-posterior").count() == 1
    lost = """() => [...document.querySelectorAll("[role=grid] td")].filter((cell) =>
        cell.querySelector("[data-term]") && !cell.hasAttribute("colspan")
        && !(cell.getAttribute("aria-describedby") ?? "?").split(" ").every((id) => document.getElementById(id)))
        .map((cell) => cell.outerHTML)"""
    assert page.evaluate(lost) == []
    unexplained = """() => [...document.querySelectorAll("td")].filter((cell) =>
        /[0-9]/.test(cell.textContent) && !cell.hasAttribute("aria-describedby")).map((cell) => cell.outerHTML)"""
    assert page.evaluate(unexplained) == []


def test_an_opened_row_is_passed_by_arrows_and_entered_by_tab(finished: Page) -> None:
    page = finished
    opener = page.locator("#ranking .disclose")
    opener.first.focus()
    page.keyboard.press("Enter")
    details = page.locator("#ranking tr.details").first
    inner = details.get_by_role("grid", name="Error of the network on each element")
    expect(inner).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(opener.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(details.locator(".term").first).to_be_focused()
    inner.locator("td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(inner.get_by_role("row").nth(2).get_by_role("gridcell").nth(1)).to_be_focused()
    expect(tip(page)).to_have_text("Error of the network")
    assert inner.evaluate(STOPS) == 1


@pytest.mark.parametrize("width", [1280, 360])
def test_grids_have_no_barriers_wide_and_narrow(
    service: Service, search_id: str, open_page: OpenPage, barriers: Callable[[Page], list[str]], width: int
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}", width=width)
    expect(page.locator("#network table")).to_be_visible()
    row = page.get_by_role("grid", name="Candidates").get_by_role("row")
    expect(row).to_have_count(11)
    expect(row.nth(1).get_by_role("gridcell", name="93.1 %")).to_have_count(1)
    expect(row.nth(1).get_by_role("rowheader")).to_have_count(1)
    enter(page, "#ranking")
    page.keyboard.press("ArrowUp")  # headings stand beside a narrow screen
    expect(tip(page)).to_have_text("Rank")
    expect(page.locator("#ranking :focus")).to_be_in_viewport()
    page.keyboard.press("End")
    box = page.locator("#gloss").bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= width - box["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert barriers(page) == []


def test_the_table_of_a_running_search_keeps_focus_and_place(
    service: Service, open_page: OpenPage, barriers: Callable[[Page], list[str]]
) -> None:
    running = Running(service)
    running.begin(0)
    running.epochs(0, 1, 2)
    page = open_page(f"{service.url}/searches/{running.id}")
    rows = page.locator(".live-table tbody tr")
    expect(rows.first).to_contain_text("2 of 40")
    enter(page, ".running")
    expect(tip(page)).to_have_text("State")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    loss = rows.first.locator("td[data-label='Held-out loss']")
    expect(loss).to_be_focused()
    loss.evaluate("one => { window.kept = one }")
    running.epochs(0, 3, 5)
    running.begin(1)
    expect(rows.first).to_contain_text("5 of 40")
    expect(page.locator(".node[aria-label*=', running']")).to_have_count(2)
    expect(loss).to_be_focused()
    expect(tip(page)).to_have_text("Held-out loss")
    assert loss.evaluate("one => one === window.kept"), "not read out again"
    running.epochs(1, 1, 1)
    waiting = rows.nth(1).locator("td[data-label='Held-out loss']")
    expect(waiting).to_have_attribute("aria-describedby", "gloss-held_out_loss")
    assert barriers(page) == []
    page.locator("#lattice .node").first.focus()
    running.finish(0, accuracy={"mean": 0.9, "low": 0.85, "high": 0.95})
    expect(rows.first.locator("td").last).to_have_attribute("aria-describedby", "gloss-accuracy")
    expect(loss).to_have_attribute("tabindex", "0")
    assert page.locator(".live-table").evaluate(STOPS) == 1


def test_a_ranking_that_is_drawn_anew_keeps_place_and_focus(service: Service, open_page: OpenPage) -> None:
    running = Running(service)
    page = open_page(f"{service.url}/searches/{running.id}")
    page.get_by_role("button", name="Cancel").click()
    state = page.locator("#ranking tr.row").nth(3).locator("td[data-label=Verdict]")
    state.click()
    state.evaluate("one => { window.before = one }")
    page.get_by_role("button", name="Retry failed candidates").click()
    page.get_by_role("button", name="Cancel").click()
    expect(state).to_be_visible()
    assert state.evaluate("one => one !== window.before")
    expect(state).to_have_attribute("tabindex", "0")
    assert page.locator("#ranking [role=grid]").evaluate(STOPS) == 1
    state.focus()
    page.evaluate(
        """async () => { const { grid, redrawGrids } = await import("/static/grid.js");
        const frame = document.getElementById("ranking");
        const copy = frame.firstElementChild.cloneNode(true);
        for (const stop of copy.querySelectorAll("[data-key]")) stop.removeAttribute("tabindex");
        grid(copy.querySelector("table"));
        window.before = document.activeElement;
        redrawGrids(frame, copy) }"""
    )
    expect(state).to_be_focused()
    assert state.evaluate("one => one !== window.before")
    assert page.locator("#ranking [role=grid]").evaluate(STOPS) == 1


def test_numbers_of_lists_and_of_the_cost_say_what_they_mean(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/rankings")
    row = page.get_by_role("table", name="Candidates").locator("tbody tr").first
    row.locator("[data-label=Posterior] .figure").hover()
    expect(tip(page)).to_have_text("Posterior")
    page.get_by_role("button", name="Rank").focus()
    expect(tip(page)).to_have_text("Rank")
    page.goto(f"{service.url}/")
    page.locator("#latest .term").first.hover()
    expect(tip(page)).to_have_text("Posterior")
    page.goto(f"{service.url}/searches")
    page.locator("#searches .figure[data-term=posterior]").first.hover()
    expect(tip(page)).to_have_text("Posterior")
    with service.writer.begin() as session:
        dataset = session.scalars(select(Search.dataset_id).where(Search.id == search_id)).one()
    page.goto(f"{service.url}/new?dataset={dataset}")
    page.get_by_text("Each candidate").click()
    page.locator(".cost-table").locator("tbody .figure").nth(1).hover()
    expect(tip(page)).to_have_text("Tested")
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.cost-table td')].filter(cell => !cell.querySelector('[data-term]')"
            " && /[0-9]/.test(cell.textContent)).length"
        )
        == 0
    )
