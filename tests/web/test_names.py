"""A group with translations and the same about the centre alone are told apart wherever a page names them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.rows import finished_search, waiting_search
from tests.web.serving import OpenPage, Service

pytestmark = pytest.mark.browser
BOTH: list[str | dict[str, Any]] = ["D2", {"group": "D2", "translations": False}]
CENTRED = "D2 about the centre"


@pytest.fixture(scope="module")
def search_id(service: Service) -> str:
    with service.writer.begin() as session:
        return finished_search(session, name="Both", candidates=BOTH)


def names(page: Page, selector: str) -> list[str]:
    return [name for name in page.locator(selector).all_text_contents() if name.startswith("D2")]


def test_a_finished_search_names_both(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("#answer h2")).to_contain_text("symmetric under D2")
    assert sorted(names(page, "#ranking .disclose")) == sorted(names(page, "#curves th")) == ["D2", CENTRED]
    titles = names(page, "#curves .curve title")
    assert {title.split(":")[0] for title in titles} == {"D2", CENTRED}
    assert sorted(names(page, "#elements tr[data-key=r180] .groups > span")) == ["D2", CENTRED]
    page.locator(f'svg.lattice .node[aria-label*=": {CENTRED}, "]').click()
    expect(page.locator("#chosen h3")).to_contain_text(CENTRED)


def test_a_search_that_trains_names_both(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        waiting = waiting_search(session, candidates=BOTH)
    page = open_page(f"{service.url}/searches/{waiting}")
    expect(page.locator(".live-table tbody tr").first).to_be_visible()
    assert sorted(names(page, ".live-table tbody th")) == ["D2", CENTRED]
    drawn = page.evaluate(
        """async ([one, other]) => {
        const {runningView} = await import("/static/running.js");
        const view = runningView();
        document.body.append(view.node);
        const rows = [one, other].map((name, k) =>
          ({candidate_id: name, name, group: "D2", translations: !k, labels: "trivial"}));
        rows.forEach(({candidate_id}, k) => {
          const points = [{epoch: 1, losses: [1]}, {epoch: 2, losses: [0.5 + 0.4 * k]}];
          view.hear("epoch", {candidate_id, attempt: 1, epochs: 9, points});
        });
        view.update({state: "running", progress: {}}, rows.map((row) => ({...row, state: "running", attempt: 1})));
        const frame = view.node.querySelector(".live-chart").getBoundingClientRect();
        const ends = [...view.node.querySelectorAll(".live-name")];
        const inside = ends.every((end) => end.getBoundingClientRect().right <= frame.right);
        return {names: ends.map((end) => end.textContent), inside};
        }""",
        ["D2", CENTRED],
    )
    assert sorted(drawn["names"]) == ["D2", "D2 centre"]
    assert drawn["inside"]


def test_lists_of_searches_say_what_their_answers_are_about(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        finished_search(session, name="Only the centre", candidates=BOTH[1:])
    page = open_page(f"{service.url}/searches")
    expect(page.locator("#searches tr", has_text="Only the centre")).to_contain_text(CENTRED)
    page.goto(f"{service.url}/rankings")
    row = page.locator("#rankings tr", has_text="Only the centre").first
    expect(row.get_by_role("rowheader")).to_have_text(CENTRED)
    row.get_by_role("link").first.click()
    heading = page.locator("#answer h2")
    expect(heading).to_contain_text("symmetric under D2:")  # nothing else is, so nothing has to be said
