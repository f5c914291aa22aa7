"""From a file to a verdict through the pages alone, with a real server and a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.web.serving import OpenPage, Service, running_service

pytestmark = pytest.mark.browser

TRAINING_MS = 240_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one worker of its own."""
    folder = tmp_path_factory.mktemp("whole")
    with running_service(folder, ERLANGEN_EMBEDDED_WORKER="true", ERLANGEN_EMBEDDED_WORKERS="1") as running:
        yield running


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 points of the plane in two classes that turns by 90 degrees exchange: |x| against |y|."""
    x = np.random.default_rng(7).normal(size=(300, 2)).astype(np.float32)
    path = tmp_path_factory.mktemp("files") / "points.npz"
    np.savez(path, x=x, y=(np.abs(x[:, 0]) > np.abs(x[:, 1])).astype(np.int64))
    return path


def test_from_a_file_to_a_verdict(whole: Service, points: Path, open_page: OpenPage) -> None:
    page = open_page(f"{whole.url}/")
    page.get_by_role("link", name="Send a file").click()
    page.locator("#file").set_input_files(points)
    page.get_by_role("link", name="Search for its symmetry").click()
    page.locator('#picture [data-group="D4"]').click()  # out of the usual list
    page.locator('#picture [data-group="C2"]').click()
    expect(page.locator("#cost .cost-table tbody tr")).to_have_count(2)
    page.get_by_label("Name").fill("Which way up?")
    page.get_by_text("Folds, seeds, epochs").click()
    page.get_by_label("Learning curves").select_option("off")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/searches/*")
    expect(page.locator(".live-table tbody tr")).to_have_count(2)
    line = page.locator(".live-chart .live polyline").first
    expect(line).to_be_visible(timeout=TRAINING_MS)
    short = len((line.get_attribute("points") or "").split())
    page.wait_for_function(
        """(before) => document.querySelectorAll("#ranking tbody tr").length
          || document.querySelector(".live polyline")?.getAttribute("points").split(" ").length > before""",
        arg=short,
        timeout=TRAINING_MS,
    )
    expect(page.locator("#actions .badge")).to_have_text("done", timeout=TRAINING_MS)
    expect(page.locator("#answer h2")).not_to_be_empty()
    expect(page.locator("#ranking tbody tr:not(.details)")).to_have_count(2)
    page.goto(f"{whole.url}/searches")
    row = page.get_by_role("table", name="Searches").locator("tbody tr", has_text="Which way up?")
    expect(row).to_contain_text("done")
    row.get_by_role("link", name="points").click()
    page.get_by_role("link", name="Search for its symmetry").click()
    expect(page.locator("#cost .cost-total")).to_contain_text("about")
    expect(page.locator("#cost")).to_contain_text("on this service")


def test_a_running_search_is_cancelled(whole: Service, points: Path, open_page: OpenPage) -> None:
    page = open_page(f"{whole.url}/datasets")
    page.locator("#file").set_input_files(points)
    page.get_by_role("link", name="Search for its symmetry").click()
    page.get_by_text("Folds, seeds, epochs").click()
    page.get_by_label("Epochs, at most").fill("10000")
    page.get_by_label("Networks a fold").fill("10")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/searches/*")
    expect(page.locator(".live-chart")).to_be_visible(timeout=TRAINING_MS)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#answer")).to_contain_text("This search was cancelled", timeout=TRAINING_MS)
    expect(page.locator("#ranking")).to_contain_text("cancelled")
