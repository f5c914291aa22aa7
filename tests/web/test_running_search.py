"""A search that runs: curves that grow with the events, attempts, what is settled, and a page that was reloaded."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from app.db import states
from app.db.tables import Trial
from tests.web.rows import waiting_search
from tests.web.serving import OpenPage, Service

pytestmark = pytest.mark.browser


class Running:
    """A search whose rows and events a test changes as workers would."""

    def __init__(self, service: Service) -> None:
        self.service = service
        with service.writer.begin() as session:
            self.id = waiting_search(session)
            states.set_search_state(session, self.id, states.RUNNING, expect={states.QUEUED})
            trials = session.execute(select(Trial.id).where(Trial.search_id == self.id).order_by(Trial.position))
            self.trials = list(trials.scalars())

    def event(self, kind: str, trial: int, **data: Any) -> None:
        with self.service.writer.begin() as session:
            states.add_event(session, self.id, kind, {"candidate_id": self.trials[trial], "group": "-", **data})

    def begin(self, trial: int, attempt: int = 1) -> None:
        with self.service.writer.begin() as session:
            session.execute(
                update(Trial)
                .where(Trial.id == self.trials[trial])
                .values(state="running", attempt=attempt, progress=0.1)
            )
        self.event("trial", trial, state="running", attempt=attempt)

    def epochs(self, trial: int, first: int, last: int, attempt: int = 1) -> None:
        points = [{"epoch": n, "losses": [2.0 / n, 1.0 / n, None]} for n in range(first, last + 1)]
        self.event("epoch", trial, attempt=attempt, epochs=40, points=points)

    def finish(self, trial: int, **metrics: Any) -> None:
        with self.service.writer.begin() as session:
            values = {"state": "done", "metrics": metrics, "progress": 1.0}
            session.execute(update(Trial).where(Trial.id == self.trials[trial]).values(values))
        self.event("trial", trial, state="done", attempt=1)


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


def test_it_fits_a_phone(service: Service, running: Running, open_page: OpenPage) -> None:
    running.begin(0)
    running.epochs(0, 1, 20)
    page = open_page(f"{service.url}/searches/{running.id}", width=360)
    expect(page.locator(".live-chart")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert float(page.locator(".live-chart text").first.evaluate("text => text.getBoundingClientRect().height")) > 9
