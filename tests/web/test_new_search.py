"""Asking a question: groups chosen on the picture, label actions, settings, and what it costs before it starts."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.db.tables import Search
from tests.web.rows import dataset
from tests.web.serving import Complaints, OpenPage, Service

pytestmark = pytest.mark.browser


@pytest.fixture
def address(service: Service) -> str:
    with service.writer.begin() as session:
        source = dataset("local", "squares")
        session.add(source)
    return f"{service.url}/new?dataset={source.id}"


def group(page: Page, name: str) -> Locator:
    return page.locator(f'#picture [data-group="{name}"]')


def started(page: Page, service: Service) -> dict[str, object]:
    """The request of the search that the page starts."""
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/searches/*")
    with service.writer() as session:
        row = session.get(Search, page.url.rsplit("/", 1)[1])
        assert row is not None
        return dict(row.request)


def test_the_usual_candidates_are_the_default_and_shown(service: Service, address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    expect(group(page, "D4")).to_have_attribute("aria-checked", "true")
    expect(group(page, "C4")).to_have_attribute("aria-checked", "mixed")
    expect(group(page, "C3")).to_have_attribute("aria-checked", "false")
    expect(page.locator("#cost")).to_contain_text("10 networks are trained")
    expect(page.locator("#cost")).to_contain_text("6 elements are tested")
    expect(page.locator("#cost")).to_contain_text("Nothing has been trained on this service yet")
    assert started(page, service)["candidates"] == "auto"


def test_groups_are_taken_in_and_out_by_pressing_them(service: Service, address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    group(page, "D4").click()  # out of the usual list
    expect(page.get_by_label("Those I choose")).to_be_checked()
    expect(page.locator("#cost")).to_contain_text("1 network is trained")
    group(page, "C4").focus()
    page.keyboard.press("Space")
    expect(group(page, "C4")).to_have_attribute("aria-checked", "true")
    expect(group(page, "C4")).to_be_focused()
    expect(group(page, "C2")).to_have_attribute("aria-checked", "mixed")
    expect(page.locator("#cost")).to_contain_text("3 networks are trained")
    page.get_by_label("and their subgroups").uncheck()
    expect(group(page, "C2")).to_have_attribute("aria-checked", "false")
    expect(page.locator("#cost .cost-table tbody tr")).to_have_count(2)
    page.get_by_label("How C4 moves the labels").select_option("swap")
    expect(page.locator("#cost .cost-table tbody")).to_contain_text("swap")
    page.get_by_role("button", name="Leave T out").click()
    expect(page.locator("#chosen li")).to_have_count(1)
    asked = started(page, service)
    assert asked["candidates"] == [{"group": "C4", "labels": "swap"}]
    assert asked["include_subgroups"] is False


def test_the_keyboard_stays_where_it_was_when_the_cost_is_known(address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    page.get_by_label("Those I choose").check()
    group(page, "C4").click()
    group(page, "D2").click()
    action = page.get_by_label("How C4 moves the labels")
    action.focus()
    with page.expect_response("**/estimate"):
        action.select_option("swap")
    expect(page.locator("#cost .cost-table tbody")).to_contain_text("swap")
    expect(action).to_be_focused()
    page.get_by_role("button", name="Leave C4 out").focus()
    with page.expect_response("**/estimate"):
        page.keyboard.press("Enter")
    expect(page.locator("#chosen li")).to_have_count(1)
    expect(group(page, "C4")).to_be_focused()
    page.get_by_role("region", name="Picture of the groups").focus()
    with page.expect_response("**/estimate"):
        page.get_by_label("and their subgroups").evaluate("box => box.click()")
    expect(group(page, "C2")).to_have_attribute("aria-checked", "false")
    expect(page.get_by_role("region", name="Picture of the groups")).to_be_focused()


def test_groups_about_the_centre(service: Service, address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    expect(group(page, "C3")).to_be_visible()
    page.get_by_label("about the centre only").check()
    expect(group(page, "C3")).to_have_count(0)
    expect(group(page, "E")).to_have_attribute("aria-checked", "mixed")
    expect(group(page, "D4")).to_have_attribute("aria-checked", "true")
    group(page, "D4").click()
    group(page, "D2").click()
    expect(page.locator("#chosen li")).to_have_count(2)
    expect(page.locator("#cost")).to_contain_text("5 networks are trained")
    assert started(page, service)["candidates"] == ["E", {"group": "D2", "labels": "trivial", "translations": False}]


def test_settings_are_sent_as_chosen(service: Service, address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    page.get_by_label("Name").fill("a careful look")
    page.get_by_label("Tolerance").fill("0.1")
    page.get_by_label("Seconds of training").fill("90")
    page.get_by_label("leave out trainings").check()
    page.get_by_text("Folds, seeds, epochs").click()
    page.get_by_label("Folds", exact=True).fill("4")
    page.get_by_label("Networks a fold").fill("2")
    page.get_by_label("Epochs, at most").fill("12")
    page.get_by_label("Learning curves").select_option("off")
    page.get_by_label("Networks alike in").select_option("flops")
    asked = started(page, service)
    expected = {
        "name": "a careful look", "tolerance": 0.1, "folds": 4, "seeds": 2, "stopping": "settled", "utility": "off",
        "budget": {"max_seconds": 90.0, "max_epochs": 12}, "matching": "flops",
    }  # fmt: skip
    assert {name: asked[name] for name in expected} == expected


def test_what_cannot_be_asked_is_said_before_it_is(
    service: Service, address: str, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.expected_status = {422}
    page = open_page(address)
    page.get_by_label("As the API takes them").check()
    text = page.get_by_role("textbox", name="Candidates")
    text.fill(json.dumps(["C2", "C99"]))
    expect(page.locator("#cost")).to_contain_text("/candidates/1")
    expect(page.get_by_role("button", name="Start the search")).to_be_disabled()
    text.fill("[")
    expect(page.locator("#cost")).to_contain_text("The candidates are not JSON")
    text.fill(json.dumps([{"group": "D4", "labels": "auto"}]))
    expect(page.locator("#cost")).to_contain_text("to find how labels move")
    page.get_by_label("Tolerance").fill("3")
    expect(page.locator("#cost")).to_contain_text("/tolerance")


def test_rare_groups_are_shown_when_asked_for(service: Service, address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    expect(group(page, "D8")).to_be_visible()
    expect(group(page, "D16")).to_have_count(0)
    page.get_by_label("rarely asked for").check()
    expect(group(page, "D16")).to_be_attached()
    expect(group(page, "D4")).to_have_attribute("aria-checked", "true")


def test_a_page_without_data_asks_for_some(service: Service, address: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/new")
    expect(page.locator("#rest")).to_be_hidden()
    expect(page.get_by_role("button", name="Start the search")).to_be_disabled()
    page.get_by_label("Data set", exact=True).select_option(address.rsplit("=", 1)[1])
    expect(page.locator("#cost .cost-total")).to_be_visible()
    assert page.url == address


def test_the_data_set_chosen_last_counts(service: Service, address: str, open_page: OpenPage) -> None:
    """The answer about one that was chosen before comes late."""
    with service.writer.begin() as session:
        slow, quick = dataset("local", "slow"), dataset("local", "quick")
        session.add_all([slow, quick])
    page = open_page(address)
    held: list[Route] = []
    page.route(f"**/v1/datasets/{slow.id}", lambda route: held.append(route))
    with page.expect_request(f"**/v1/datasets/{slow.id}"):
        page.get_by_label("Data set", exact=True).select_option(slow.id)
    page.get_by_label("Data set", exact=True).select_option(quick.id)
    look = page.locator("#dataset-facts a")
    expect(look).to_have_attribute("href", f"/datasets/{quick.id}")
    with page.expect_response(f"**/v1/datasets/{slow.id}"):
        held[0].continue_()
    page.wait_for_load_state("networkidle")
    expect(look).to_have_attribute("href", f"/datasets/{quick.id}")
    assert started(page, service)["dataset_id"] == quick.id


def test_the_question_can_be_asked_again_on_coming_back(address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    start = page.get_by_role("button", name="Start the search")
    expect(start).to_be_enabled()
    page.evaluate("document.getElementById('start').disabled = true")  # as it is left by starting
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(start).to_be_enabled()
