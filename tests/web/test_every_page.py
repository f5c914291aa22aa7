"""What holds for every page: it fits a phone, it has no barriers, the way around it is the same, colours are kept."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.db.tables import Search
from app.routes.pages import WEB
from tests.web.rows import finished_search, waiting_search
from tests.web.serving import OpenPage, Service, running_service

pytestmark = pytest.mark.browser

# A page, and what stands on it once it has settled. {dataset} and {waiting} are ids.
PAGES = {
    "/": "#latest li",
    "/datasets": "#datasets tbody tr",
    "/new?dataset={dataset}": "#cost .cost-total",
    "/searches": "#searches tbody tr",
    "/searches/{waiting}": ".live-table tbody tr",
    "/rankings": "#rankings tbody tr",
    "/docs": "details.operation",
}
LINKS = {
    "Overview": "/", "Data sets": "/datasets", "Searches": "/searches", "Rankings": "/rankings", "API": "/docs",
    "Docs": "/documentation/",
}  # fmt: skip


@pytest.fixture(scope="module")
def ids(service: Service) -> dict[str, str]:
    with service.writer.begin() as session:
        search = finished_search(session)
        waiting = waiting_search(session)
        dataset = session.scalars(select(Search.dataset_id).where(Search.id == search)).one()
    return {"dataset": dataset, "waiting": waiting}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_a_page_fits_its_screen_and_has_no_barriers(
    service: Service,
    ids: dict[str, str],
    open_page: OpenPage,
    barriers: Callable[[Page], list[str]],
    path: str,
    width: int,
    scheme: str,
) -> None:
    page = open_page(service.url + path.format(**ids), width=width, scheme=scheme)
    expect(page.locator(PAGES[path]).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert barriers(page) == []
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(links).to_have_text(list(LINKS))
    for link in links.all():
        expect(link).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


@pytest.mark.parametrize("width", [320, 360, 480, 581, 768, 861])
def test_the_navigation_is_whole_on_every_screen(service: Service, open_page: OpenPage, width: int) -> None:
    page = open_page(f"{service.url}/searches", width=width)
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(links).to_have_count(len(LINKS))
    places = [
        (at["x"], at["y"], at["x"] + at["width"], at["y"] + at["height"])
        for link in links.all()
        if (at := link.bounding_box())
    ]
    assert all(0 <= left and right <= width for left, _, right, _ in places)
    assert all(
        a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 1 or b[3] <= a[1] + 1
        for a, b in itertools.combinations(places, 2)
    ), "no two overlap"
    assert page.evaluate(
        "[...document.querySelectorAll('nav a')].every((link) => link.scrollWidth <= link.clientWidth)"
    ), "no name is cut off"
    links.first.focus()
    for name in list(LINKS)[1:]:
        page.keyboard.press("Tab")
        link = page.get_by_role("link", name=name, exact=True)
        expect(link).to_be_focused()
        assert link.evaluate("(link) => getComputedStyle(link).outlineStyle") == "solid"
    assert (
        page.get_by_role("navigation", name="Main").evaluate("(nav) => getComputedStyle(nav).overflow") == "visible"
    ), "it does not clip the outline"


def test_the_navigation_says_where_one_is_and_leads_on(
    service: Service, ids: dict[str, str], open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{ids['waiting']}")
    here = page.get_by_role("navigation", name="Main").locator("[aria-current=page]")
    expect(here).to_have_text("Searches")
    for name in ("Rankings", "Data sets", "Overview", "API"):
        page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
        page.wait_for_url(service.url + LINKS[name])
        expect(here).to_have_text(name)
    page.get_by_role("link", name="New search").click()
    page.wait_for_url("**/new")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Docs").click()
    page.wait_for_url(service.url + LINKS["Docs"])


def test_the_page_in_place_of_an_unbuilt_documentation_is_one_of_them(
    service: Service, open_page: OpenPage, barriers: Callable[[Page], list[str]]
) -> None:
    page = open_page(f"{service.url}/searches")
    page.route("**/documentation/", lambda route: route.fulfill(path=WEB / "no-documentation.html"))
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Docs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Documentation")
    expect(page.get_by_role("navigation", name="Main").locator("[aria-current=page]")).to_have_text("Docs")
    assert barriers(page) == []


def test_colours_are_chosen_by_a_switch_and_kept(service: Service, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/", scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    switch = page.get_by_role("button", name="Colours")
    expect(switch).to_have_accessible_name("Colours: as the system")
    switch.click()
    expect(switch).to_have_accessible_name("Colours: light")
    switch.click()
    expect(switch).to_have_accessible_name("Colours: dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.goto(f"{service.url}/searches")
    assert page.evaluate(ground) == dark
    expect(switch).to_have_accessible_name("Colours: dark")
    switch.click()
    page.reload()
    assert page.evaluate(ground) == light
    assert page.evaluate("Object.keys(localStorage).length") == 0


def test_a_first_visit_shows_three_steps(open_page: OpenPage, tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_service(tmp_path_factory.mktemp("first")) as service:
        page = open_page(f"{service.url}/")
        expect(page.locator("#steps-panel li")).to_have_count(3)
        expect(page.locator("#active-panel")).to_be_hidden()
        page.get_by_role("button", name="Search the example").click()
        page.wait_for_url("**/searches/*")
        expect(page.locator("#name")).to_have_text("Tic-tac-toe: has x won?")
        expect(page.locator("#facts")).to_contain_text("958 samples of 1 × 3 × 3")
        expect(page.locator(".live-table tbody tr")).to_have_count(10)
        page.goto(f"{service.url}/")
        expect(page.locator("#active li")).to_contain_text("0 of 10 candidates done")
        expect(page.locator("#steps-panel")).to_be_hidden()
        page.goto(f"{service.url}/rankings")
        expect(page.locator("#rankings")).to_contain_text("No search has finished yet")


def test_an_answer_that_decides_nothing_stands_like_any_other(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        finished_search(session)
        undecided = session.get(Search, finished_search(session, name="Too few samples"))
        assert undecided is not None
        undecided.best = {**(undecided.best or {}), "group": "E", "verdict": "undetermined", "posterior": 0.4}
    page = open_page(f"{service.url}/")
    cards = page.locator("#latest li")
    card = cards.filter(has_text="Too few samples")
    expect(card).to_contain_text("undetermined")
    boxes = [cards.nth(index).bounding_box() for index in range(2)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["width"] == boxes[1]["width"]
