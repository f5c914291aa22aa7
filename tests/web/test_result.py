"""The page of a finished search, in Chromium, against a real service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.rows import finished_search, leave_files, leave_gallery, many_candidates
from tests.web.serving import Complaints, OpenPage, Service

pytestmark = pytest.mark.browser
VERDICTS = ("certified", "approximate", "refuted", "untested", "undetermined")


@pytest.fixture(scope="module")
def search_id(service: Service) -> str:
    with service.writer.begin() as session:
        identifier = finished_search(session, files=True)
        session.flush()
        leave_gallery(session, service.storage, identifier)
        leave_files(session, service.storage, identifier)
    return identifier


def scroll_width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def node(page: Page, name: str) -> Locator:
    return page.locator(f'svg.lattice .node[aria-label*=": {name}, "]')


def test_the_answer_stands_first(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    answer = page.locator("#answer")
    expect(answer).to_contain_text("symmetric under D2")
    expect(answer).to_contain_text("certified")
    expect(answer.get_by_role("heading")).to_have_text(
        "This data is symmetric under D2: 93 % sure; knowing it is worth about 2.6 × the labels."
    )
    for figure in ("93.1 %", "92.1 %", "2.6 ×", "120"):
        expect(answer.locator(".stats")).to_contain_text(figure)
    expect(page).to_have_title("Planted D2 · Erlangen")
    expect(page.locator("#warnings")).to_contain_text("rests on one witness")


def test_the_ranking_names_verdicts_terms_and_the_refuting_element(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    rows = page.locator("#ranking tr.row")
    expect(rows).to_have_count(10)
    expect(rows.first).to_contain_text("D2")
    expect(rows.first).to_have_class("row best chosen")
    bar = rows.first.locator("svg.terms-bar")
    expect(bar).to_have_attribute("aria-label", "score 1.69 bits: accuracy 0.73, consistency 0.99, complexity −0.03")
    widths = [bar.locator(f"rect.term-{name}").bounding_box()["width"] for name in ("accuracy", "consistency")]  # type: ignore[index]
    assert widths[1] > widths[0]
    expect(bar.locator(".spread")).to_have_count(1)
    quarter_turns = rows.filter(has=page.get_by_role("button", name="C4"))
    expect(quarter_turns).to_contain_text("refuted")
    expect(quarter_turns).to_contain_text("by rotation by 90°")


def test_a_row_opens_by_keyboard(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    button = page.locator("#ranking .disclose").first
    expect(page.locator("#ranking tr.details").first).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#ranking tr.details").first).to_contain_text("Held-out loss")
    expect(page.locator("#ranking tr.details").first).to_contain_text("bits, exact: a count")


def test_a_trained_network_shows_its_errors_and_can_be_taken_along(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
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
        lost = finished_search(session, files=True)
    page = open_page(f"{service.url}/searches/{lost}")
    page.locator("#ranking .disclose").first.click()
    panel = page.locator("#ranking tr.details").first.locator(".network")
    expect(panel.get_by_role("status")).to_have_text("Nothing was stored for this candidate.")


def test_the_lattice_has_every_node_and_selects_its_row_and_elements(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("svg.lattice .node")).to_have_count(10)
    expect(page.locator("svg.lattice line.cover")).to_have_count(15)
    expect(page.locator("svg.lattice .node-best")).to_contain_text("✓ 93.1 %")
    expect(page.locator("svg.lattice .node-best")).to_have_attribute("aria-selected", "true")
    top, bottom = (node(page, name).locator("rect").bounding_box() for name in ("D4", "T"))
    assert top is not None
    assert bottom is not None
    assert top["y"] < bottom["y"], "larger groups stand above"
    node(page, "C4").click()
    expect(page.locator("#chosen")).to_contain_text("refuted")
    expect(page.locator("#chosen .chips li")).to_have_count(2)
    expect(page.locator("#ranking tr.chosen")).to_contain_text("C4")
    expect(page.locator("#elements tr.inside th")).to_have_text(["rotation by 180°", "rotation by 90°"])
    expect(page.locator("#polar .ray.inside")).to_have_count(2)
    page.get_by_role("button", name="All its numbers").click()
    expect(page.locator("#ranking tr.details:visible")).to_contain_text("Held-out loss")


def test_arrow_keys_walk_along_the_lines_of_the_lattice(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    node(page, "D2").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#chosen h3")).to_contain_text("D4")
    expect(node(page, "D4")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#chosen h3")).to_contain_text("T")
    page.keyboard.press("Enter")
    expect(page.locator("#ranking tr.row.chosen")).to_be_focused()


def test_defects_are_drawn_against_the_tolerance(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    charts = page.locator("#elements svg.defect")
    expect(charts).to_have_count(6)
    expect(page.locator("#elements svg.d-within")).to_have_count(3)
    expect(page.locator("#elements svg.d-beyond")).to_have_count(3)
    turned = page.locator("#elements tr[data-key=r90]")
    expect(turned.get_by_role("img")).to_have_attribute(
        "aria-label",
        "defect 0.830, interval 0.720 to 0.950, at most 1.020 with all elements at once, tolerance 0.05: "
        "beyond the tolerance",
    )
    expect(turned.locator("path.bound")).to_have_count(1)
    line = turned.locator("line.tolerance").bounding_box()
    estimate = turned.locator(".mark").bounding_box()
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


def test_every_verdict_is_explained_where_it_is_pressed(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    terms = page.locator("#legend .term")
    expect(terms).to_have_count(5)
    for number, verdict in enumerate(VERDICTS):
        terms.nth(number).click()
        expect(page.locator("#gloss")).to_be_visible()
        expect(page.locator("#gloss strong")).to_have_text(verdict.capitalize())
    page.mouse.wheel(0, 40)
    page.wait_for_function("scrollY > 0")
    expect(page.locator("#gloss")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#gloss")).to_be_hidden()


def test_every_number_says_what_it_means(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("#laws tbody tr")).to_have_count(6)
    unknown = page.evaluate(
        """async () => { const {GLOSSARY} = await import("/static/glossary.js");
        const terms = [...document.querySelectorAll("[data-term]")].map((one) => one.dataset.term);
        return terms.filter((key) => !GLOSSARY[key]) }"""
    )
    assert unknown == []
    page.locator("#ranking tr.best td.posterior .figure").hover()
    expect(page.locator("#gloss")).to_contain_text("How probable it is")
    page.locator("#answer .stats .term").nth(1).focus()
    page.keyboard.press("Tab")  # the keyboard reaches terms, and shows them
    expect(page.locator("#gloss strong")).to_have_text("Confidence")
    expect(page.get_by_role("button", name="Confidence")).to_have_accessible_description(
        "How far the first candidate stands out: the geometric mean of its posterior and its lead over the second. "
        "1 is certain, 0 is a tie."
    )


def test_turns_and_mirrors_are_drawn_where_they_point(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    turns, mirrors = (page.locator("#polar svg.polar").nth(k) for k in (0, 1))
    expect(turns.locator(".ray")).to_have_count(2)
    expect(mirrors.locator(".ray")).to_have_count(4)
    centre = turns.bounding_box()
    assert centre is not None
    marks = [one.bounding_box() for one in turns.locator('[data-element="r90"] .mark').all()]
    places = [(m["x"] + m["width"] / 2, m["y"] + m["height"] / 2) for m in marks if m]
    middle = (centre["x"] + centre["width"] / 2, centre["y"] + centre["height"] / 2)
    assert places[0][0] > middle[0] + 50 > middle[0] - 50 > places[1][0], "one turn to the right, its inverse left"
    assert places[0][1] == pytest.approx(middle[1], abs=2)
    (x, y), *_ = [
        (m["x"] + m["width"] / 2 - middle[0], m["y"] + m["height"] / 2 - middle[1])
        for m in [turns.locator('[data-element="r180"] .mark').bounding_box()]
        if m
    ]
    assert abs(x) < 2
    assert 0 <= y < 12, "what loses nothing stands in the middle"
    expect(turns.locator(".d-beyond")).to_have_count(1)
    stroke = turns.locator('[data-element="r90"] path.bound').first.bounding_box()
    assert stroke is not None
    assert stroke["height"] > 5, "the bound to the right ends in a stroke across its ray"
    expect(page.locator("#polar .keys")).to_contain_text("the bound for all at once")
    assert "mirror x → -x 0.006, within the tolerance" in str(mirrors.get_attribute("aria-label"))


def test_a_spectrum_is_a_curve_with_its_band(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    plot = page.locator("#spectra svg.spectrum")
    expect(plot.locator(".mark")).to_have_count(12)
    expect(plot.locator(".d-unseen")).to_have_count(1)
    expect(plot.locator("polygon.band")).to_have_count(1)
    expect(plot.locator("rect.allowed")).to_have_count(1)
    expect(page.locator("#spectra figcaption")).to_contain_text("a turn by 90° costs 92%")


def test_the_refuting_element_stands_beside_a_sample_that_it_breaks(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    first = page.locator("#gallery .card").first
    expect(first).to_contain_text("rotation by 90°")
    expect(first).to_contain_text("breaks the law of the labels")
    expect(first.locator(".side").nth(1)).to_contain_text("witness: odd 91.0 %")
    expect(first.locator(".side-wrong")).to_have_count(1)
    expect(first).to_contain_text("the worst of the eight looked at")
    expect(first).to_contain_text("42.0 %")
    images = first.locator("img")
    expect(images).to_have_count(2)
    assert all(image.evaluate("one => one.complete && one.naturalWidth === 14") for image in images.all())
    expect(page.locator("#gallery .card")).to_have_count(3)
    page.get_by_role("button", name="Show the other 1 elements").click()
    expect(page.locator("#gallery .card")).to_have_count(4)
    expect(page.locator("#gallery .orbit li")).to_have_count(4)  # as it is, and what D2 adds
    expect(page.locator("#gallery")).to_contain_text("3 of the 3 elements of the group that move something")


def test_poses_and_laws_are_said_apart(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    rows = page.locator("#laws tbody tr")
    expect(rows).to_have_count(6)
    expect(page.locator("#laws")).to_contain_text("shows the poses of every element")
    expect(rows.filter(has_text="rotation by 90°").locator(".law")).to_contain_text(
        ["✓ shown", "✓ symmetric", "✕ broken", "✕ broken"]
    )


def test_the_best_network_shows_its_error_and_everything_can_be_taken_along(
    service: Service, search_id: str, open_page: OpenPage
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("#network-title")).to_have_text("The trained network of D2")
    expect(page.locator("#network .error-plot svg")).to_be_visible()
    raw = page.locator("#raw")
    for name in ("report to print", "weights as safetensors", "elements as CSV", "gallery as JSON"):
        expect(raw.get_by_role("link", name=name)).to_be_visible()
    with page.expect_download() as download:
        raw.get_by_role("link", name="ranking as CSV").click()
    assert Path(download.value.path()).read_text().splitlines()[1].startswith("1,tr_")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_an_answer(service: Service, open_page: OpenPage, verdict: str) -> None:
    with service.writer.begin() as session:
        search_id = finished_search(session, first=verdict)
    page = open_page(f"{service.url}/searches/{search_id}")
    said = {
        "certified": "This data is symmetric under D2: 93 % sure",
        "approximate": "This data is nearly symmetric under D2: 93 % sure",
        "refuted": "Even the likeliest group, D2, is refuted.",
        "untested": "Untested: D2 fits best, but this data never shows the moved samples.",
        "undetermined": "Undetermined: D2 fits best, but this data does not decide it.",
    }
    heading = page.locator("#answer h2")
    expect(heading).to_contain_text(said[verdict])
    size = heading.evaluate("one => getComputedStyle(one).fontSize")
    assert float(size.removesuffix("px")) > 24, "as large as a win"
    expect(page.locator("#answer .badge")).to_contain_text(verdict)
    expect(page.locator("#answer")).to_have_class(f"answer v-{verdict}")


def test_untested_symmetries_are_the_answer_where_nothing_else_is_shown(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        search_id = finished_search(session, unseen=True)
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("#answer h2")).to_contain_text("No symmetry is shown beyond translations, but")
    expect(page.locator("#answer h2")).to_contain_text("and 5 more stay untested: this data never shows the moved")
    expect(page.locator("#answer")).to_have_class("answer v-untested")
    expect(page.locator("#answer .stats .badge")).to_contain_text("untested")


def test_a_failed_candidate_is_named_and_the_others_are_shown(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        search_id = finished_search(session, failed=("C4", "T"))
    page = open_page(f"{service.url}/searches/{search_id}")
    rows = page.locator("#ranking tr.row")
    expect(rows).to_have_count(10)
    failed = rows.filter(has=page.get_by_role("button", name="C4"))
    expect(failed).to_contain_text("failed")
    expect(failed).to_contain_text("the loss is not finite")
    node(page, "C4").click()
    expect(page.locator("#chosen")).to_contain_text("the loss is not finite")
    expect(page.locator("#gallery")).to_contain_text("no samples were kept")
    expect(page.get_by_role("button", name="Retry failed candidates")).to_be_visible()


def test_a_lattice_of_five_hundred_candidates_stays_readable(
    service: Service, open_page: OpenPage, barriers: Callable[[Page], list[str]]
) -> None:
    with service.writer.begin() as session:
        search_id = many_candidates(session, 500)
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("svg.lattice .node")).to_have_count(500)
    frame = page.locator(".lattice-frame")
    assert scroll_width(page) == 1280, "the frame scrolls, not the page"
    best = page.locator("svg.lattice .node-best")
    expect(best).to_be_in_viewport()
    label = best.locator(".node-note").bounding_box()
    assert label is not None
    assert label["height"] >= 8, "can be read"
    page.get_by_role("button", name="The whole lattice").click()
    inside, whole = frame.bounding_box(), page.locator("svg.lattice").bounding_box()
    assert inside is not None
    assert whole is not None
    assert whole["width"] <= inside["width"]
    page.get_by_role("button", name="Larger").click()
    larger = page.locator("svg.lattice").bounding_box()
    assert larger is not None
    assert larger["width"] > whole["width"]
    expect(page.locator("#ranking tr.row")).to_have_count(40)
    page.get_by_role("button", name="Show the other 460").click()
    expect(page.locator("#ranking tr.row")).to_have_count(500)
    assert barriers(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_finished_search_has_no_barriers_and_fits_every_screen(
    service: Service,
    search_id: str,
    open_page: OpenPage,
    barriers: Callable[[Page], list[str]],
    scheme: str,
    width: int,
) -> None:
    page = open_page(f"{service.url}/searches/{search_id}", scheme=scheme, width=width)
    expect(page.locator("#gallery .card").first).to_be_visible()
    expect(page.locator("#network .error-plot")).to_be_visible()
    page.locator("#ranking .disclose").first.click()
    assert scroll_width(page) == width
    assert barriers(page) == []


def test_the_page_prints_without_its_controls(service: Service, search_id: str, open_page: OpenPage) -> None:
    page = open_page(f"{service.url}/searches/{search_id}")
    expect(page.locator("#gallery .card").first).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator("#raw")).to_be_hidden()
    expect(page.locator("#answer h2")).to_be_visible()
