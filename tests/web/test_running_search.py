"""A search that runs: curves that grow with the events, attempts, what is settled, and a page that was reloaded."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.running import Running
from tests.web.serving import OpenPage, Service

pytestmark = pytest.mark.browser


@pytest.fixture
def running(service: Service) -> Running:
    return Running(service)


def points(page: Page, line: int = 0) -> int:
    drawn = page.locator(".live-chart .live polyline").nth(line).get_attribute("points") or ""
    return len(drawn.split())


def test_curves_grow_with_the_epochs(service: Service, running: Running, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{running.id}")
    rows = page.locator(".live-table tbody tr")
    expect(rows).to_have_count(10)
    expect(page.locator(".live-chart")).to_have_count(0)
    running.begin(0)
    running.epochs(0, 1, 2)
    expect(rows.first).to_contain_text("2 of 40")
    expect(rows.first).to_contain_text("0.750")  # the mean of the networks that have a loss
    assert points(page) == 2
    running.epochs(0, 3, 5)
    expect(rows.first).to_contain_text("5 of 40")
    assert points(page) == 5
    running.begin(1)
    running.epochs(1, 1, 1)
    expect(page.locator(".live-chart .live")).to_have_count(2)
    assert page.locator(".live-chart").get_attribute("role") == "img"


def test_a_reloaded_page_has_the_whole_curve(service: Service, running: Running, open_page: OpenPage) -> None:
    running.begin(0)
    running.epochs(0, 1, 4)
    running.epochs(0, 5, 9)
    page = open_page(f"{service.url}/searches/{running.id}")
    for _ in range(2):
        expect(page.locator(".live-table tbody tr").first).to_contain_text("9 of 40")
        assert points(page) == 9
        page.reload()


def test_another_attempt_begins_its_curve_anew(service: Service, running: Running, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{running.id}")
    running.begin(0)
    running.epochs(0, 1, 6)
    row = page.locator(".live-table tbody tr").first
    expect(row).to_contain_text("6 of 40")
    running.begin(0, attempt=2)
    expect(row).to_contain_text("attempt 2")
    expect(page.locator(".live-chart")).to_have_count(0)
    running.epochs(0, 1, 2, attempt=2)
    expect(row).to_contain_text("2 of 40")
    assert points(page) == 2


def test_what_is_settled_is_said_while_others_train(service: Service, running: Running, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{running.id}")
    running.begin(0)
    running.finish(0, accuracy={"mean": 0.9, "low": 0.85, "high": 0.95})
    running.finish(1, spared="its elements are refuted already")
    settled = page.locator(".running")
    expect(settled).to_contain_text("Settled so far: 1 trained, 1 spared")
    rows = page.locator(".live-table tbody tr")
    expect(rows.nth(0)).to_contain_text("accuracy 0.900 (0.850 … 0.950)")
    expect(rows.nth(1)).to_contain_text("not trained: its elements are refuted already")
    running.event("progress", 0, done=2, total=10, fraction=0.2)
    expect(page.get_by_role("progressbar", name="Progress of the search")).to_have_attribute("aria-valuenow", "20")
    expect(page.get_by_role("status").filter(has_text="2 of 10 done")).to_be_visible()
    expect(page.locator("#ranking")).to_be_hidden()


def view(page: Page) -> list[float]:
    """Width of the lattice and how far it is scrolled."""
    return list(
        page.locator("#lattice .lattice-frame").evaluate(
            "frame => [frame.firstChild.getBoundingClientRect().width, frame.scrollLeft, frame.scrollTop]"
        )
    )


def test_a_refresh_leaves_the_lattice_as_the_reader_has_it(
    service: Service, running: Running, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{running.id}", width=480)  # where the lattice is wider than its frame
    node = page.locator('.node[data-key="C4"]')
    node.click()
    for _ in range(3):
        page.get_by_role("button", name="Larger").click()
    page.locator("#lattice .lattice-frame").evaluate("frame => frame.scrollTo(37, 23)")
    node.focus()
    before = view(page)
    assert before[1:] == [37, 23]
    running.begin(0)
    expect(page.locator(".node[aria-label*=', running']")).to_have_count(1)  # the lattice was drawn anew
    expect(node).to_have_attribute("aria-selected", "true")
    expect(node).to_be_focused()
    expect(page.locator("#chosen h3")).to_contain_text("C4")
    page.wait_for_function("document.querySelector('#lattice .lattice-frame').scrollLeft === 37")
    assert view(page) == before
    page.get_by_role("button", name="Smaller").click()
    running.begin(1)
    expect(page.locator(".node[aria-label*=', running']")).to_have_count(2)
    expect(page.get_by_role("button", name="Smaller")).to_be_focused()
    node.focus()
    page.keyboard.press("ArrowUp")
    expect(node).to_have_attribute("aria-selected", "false")
    assert moves_heard(page) == 1, "a lattice that is gone listens no more"


def moves_heard(page: Page) -> int:
    """How many listeners of pointer moves the window has."""
    devtools = page.context.new_cdp_session(page)
    window = devtools.send("Runtime.evaluate", {"expression": "window"})["result"]["objectId"]
    heard = devtools.send("DOMDebugger.getEventListeners", {"objectId": window})["listeners"]
    return sum(listener["type"] == "pointermove" for listener in heard)


def test_a_drag_of_the_lattice_goes_on_over_a_refresh(service: Service, running: Running, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{running.id}", width=480)
    for _ in range(5):
        page.get_by_role("button", name="Larger").click()
    frame = page.locator("#lattice .lattice-frame")
    frame.evaluate("frame => frame.scrollTo(80, 60)")
    chosen = page.locator("#chosen h3")
    expect(chosen).to_have_text("T waiting")
    box = frame.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y + 10)
    assert view(page)[1:] == [70, 50]
    running.begin(1)
    expect(page.locator(".node[aria-label*=', running']")).to_have_count(1)  # the lattice was drawn anew
    page.mouse.move(x + 30, y + 20)
    page.wait_for_function("document.querySelector('#lattice .lattice-frame').scrollLeft === 50")
    assert view(page)[1:] == [50, 40]
    page.mouse.up()
    page.mouse.move(x, y)
    assert view(page)[1:] == [50, 40], "let go"
    expect(chosen).to_have_text("T waiting")


def test_a_chosen_group_is_not_read_out_again_when_nothing_changed(
    service: Service, running: Running, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{running.id}")
    node = page.locator('.node[data-key="C4"]')
    node.click()
    expect(page.locator("#chosen h3")).to_contain_text("C4")
    page.evaluate(
        """() => { window.read = []; new MutationObserver((all) => all.forEach(({addedNodes}) =>
        window.read.push(...[...addedNodes].map((one) => one.textContent))))
        .observe(document.getElementById("chosen"), {childList: true, subtree: true}) }"""
    )
    place = int(node.get_attribute("data-index") or 0)
    running.begin(place - 1)
    expect(page.locator(".node[aria-label*=', running']")).to_have_count(1)
    assert page.evaluate("window.read") == []
    running.begin(place)
    expect(page.locator(".node[aria-label*=', running']")).to_have_count(2)
    expect(page.locator("#chosen h3")).to_contain_text("training")
    assert page.evaluate("window.read") == ["C4 training"], "what changed, and nothing else"


def test_rows_that_were_opened_stay_open_and_the_way_to_them_waits_for_the_end(
    service: Service, running: Running, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{running.id}")
    numbers = page.get_by_role("button", name="All its numbers")
    node = page.locator('.node[data-key="C4"]')
    node.click()
    page.keyboard.press("Enter")  # opens its row, which is not on the page yet
    expect(page.locator("#chosen h3")).to_contain_text("C4")
    for done in range(2):
        running.finish(done, parameters=5210)
        expect(page.locator(".node[aria-label*=', done']")).to_have_count(done + 1)
        expect(page.locator("#ranking")).to_be_hidden()
        expect(page.locator("#chosen h3")).to_contain_text("C4")
        expect(numbers).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    opened = page.locator("#ranking .disclose[aria-expanded=true]")
    expect(opened).to_have_text("C4")
    expect(page.locator("#ranking tr.details:visible")).to_contain_text("Elements of the group")
    page.locator('.node[data-key="D4"]').click()
    numbers.click()
    expect(opened).to_have_text(["C4", "D4"])
    page.get_by_role("button", name="Retry failed candidates").click()
    expect(numbers).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    expect(opened).to_have_text(["C4", "D4"])


def test_it_fits_a_phone(service: Service, running: Running, open_page: OpenPage) -> None:
    running.begin(0)
    running.epochs(0, 1, 20)
    page = open_page(f"{service.url}/searches/{running.id}", width=360)
    expect(page.locator(".live-chart")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert float(page.locator(".live-chart text").first.evaluate("text => text.getBoundingClientRect().height")) > 9
