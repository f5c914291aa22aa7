"""Sending data sets: dropped, chosen, refused, corrected, stopped, looked at, deleted."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.db.tables import Dataset, Search
from tests.web.rows import dataset, waiting_search
from tests.web.serving import Complaints, OpenPage, Service

pytestmark = pytest.mark.browser


def images(path: Path, seed: int) -> Path:
    x = np.random.default_rng(seed).normal(size=(40, 8, 8)).astype(np.float32)
    np.savez(path, x=x, y=(x.mean((1, 2)) > 0).astype(np.int64))
    return path


def table(path: Path, seed: int) -> Path:
    """Rows of a table whose last column is a number by which groups of samples belong together."""
    rng = np.random.default_rng(seed)
    rows = [
        f"{a:.4f},{b:.4f},{'up' if a > b else 'down'},{i % 10}" for i, (a, b) in enumerate(rng.normal(size=(40, 2)))
    ]
    path.write_text("\n".join(["a,b,way,patient", *rows]))
    return path


def choose(page: Page, path: Path) -> None:
    page.locator("#file").set_input_files(path)


def known(service: Service) -> set[str]:
    with service.writer() as session:
        return set(session.scalars(select(Dataset.id).where(Dataset.deleted_at.is_(None))))


def test_a_chosen_file_is_recognised_and_shown(service: Service, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(f"{service.url}/datasets")
    choose(page, images(tmp_path / "forty.npz", 1))
    result = page.locator("#upload-result")
    expect(result).to_contain_text("forty: what was recognised")
    expect(result.locator("dl")).to_contain_text("images (image2d)")
    expect(result.locator("dl")).to_contain_text("1 × 8 × 8")
    expect(result.locator(".samples img")).to_have_count(12)
    assert result.locator(".samples img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
    expect(result.get_by_role("table", name="Samples of each class").locator("tr")).to_have_count(2)
    expect(page.get_by_role("table", name="Data sets").locator("tbody tr").first).to_contain_text("forty")
    result.get_by_role("link", name="Search for its symmetry").click()
    page.wait_for_url("**/new?dataset=*")


def test_the_file_is_chosen_by_keyboard(service: Service, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(f"{service.url}/datasets")
    page.on("filechooser", lambda chooser: None)  # before it opens: nothing waits until the browser passes it on
    field = page.get_by_label("Drop a file here")
    expect(field).to_be_enabled()  # the page has drawn it, so no Tab goes past the place where it will be
    page.get_by_role("button", name="Colours").focus()
    for _ in range(10):  # past nothing but what lies between
        page.keyboard.press("Tab")
        if field.evaluate("field => field === document.activeElement"):
            break
    expect(field).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(images(tmp_path / "keys.npz", 2))
    expect(page.locator("#upload-result")).to_contain_text("keys: what was recognised")


def test_a_dropped_file_is_sent(service: Service, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(f"{service.url}/datasets")
    text = base64.b64encode(images(tmp_path / "dropped.npz", 3).read_bytes()).decode()
    transfer = page.evaluate_handle(
        """(text) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          transfer.items.add(new File([bytes], "dropped.npz"));
          return transfer;
        }""",
        text,
    )
    zone = page.locator(".drop")
    zone.dispatch_event("dragenter", {"dataTransfer": transfer})
    expect(zone).to_have_class("drop drop-over")
    zone.dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator("#upload-result")).to_contain_text("dropped: what was recognised")
    expect(zone).to_have_class("drop")


def test_a_refused_file_is_explained_with_the_field_and_the_remedy(
    service: Service, open_page: OpenPage, tmp_path: Path, complaints: Complaints
) -> None:
    complaints.expected_status = {400, 422}
    before = known(service)
    page = open_page(f"{service.url}/datasets")
    choose(page, table(tmp_path / "ways.csv", 4))
    expect(page.locator("#upload-error")).to_contain_text("/target: A table needs `target`")
    target = page.locator("#upload-again").get_by_label("Target")
    expect(target).to_be_focused()
    expect(target).to_have_attribute("aria-invalid", "true")
    assert known(service) == before
    target.fill("way")
    page.get_by_role("button", name="Send it again").click()
    expect(page.locator("#upload-result")).to_contain_text("2: down, up")
    expect(page.locator("#upload-error")).to_be_empty()


def test_one_class_only_is_refused_in_words(
    service: Service, open_page: OpenPage, tmp_path: Path, complaints: Complaints
) -> None:
    complaints.expected_status = {400, 422}
    np.savez(tmp_path / "one.npz", x=np.random.default_rng(0).normal(size=(20, 6, 6)), y=np.zeros(20, np.int64))
    page = open_page(f"{service.url}/datasets")
    choose(page, tmp_path / "one.npz")
    expect(page.locator("#upload-error")).to_contain_text("class")
    expect(page.locator("#upload-result")).to_be_empty()


def test_what_was_misread_is_read_anew_and_takes_its_place(
    service: Service, open_page: OpenPage, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    np.savez(tmp_path / "levels.npz", x=rng.normal(size=(60, 4)).astype(np.float32), y=rng.integers(0, 4, 60))
    page = open_page(f"{service.url}/datasets")
    before = known(service)
    choose(page, tmp_path / "levels.npz")
    result = page.locator("#upload-result")
    expect(result.locator("dl")).to_contain_text("classification")
    (first,) = known(service) - before
    result.get_by_text("Something is wrong").click()
    result.get_by_label("Task").select_option("regression")
    result.get_by_label("Name").fill("levels as numbers")
    result.get_by_role("button", name="Read the same file again").click()
    expect(result).to_contain_text("levels as numbers: what was recognised")
    expect(result.locator("dl")).to_contain_text("regression")
    expect(result.get_by_role("img", name="Histogram of y")).to_be_visible()
    expect(result.get_by_role("table", name="Samples").locator("tbody tr")).to_have_count(12)
    (second,) = known(service) - before
    assert second != first


def test_an_upload_is_stopped(service: Service, open_page: OpenPage, tmp_path: Path) -> None:
    big = np.random.default_rng(6).normal(size=(4000, 16, 16)).astype(np.float32)
    np.savez(tmp_path / "big.npz", x=big, y=np.arange(4000) % 2)
    page = open_page(f"{service.url}/datasets")
    before = known(service)
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000},
    )
    choose(page, tmp_path / "big.npz")
    expect(page.locator(".sending")).to_contain_text("of 4.1")  # so many megabytes
    expect(page.locator(".drop")).to_be_hidden()
    page.get_by_role("button", name="Stop sending").click()
    expect(page.locator("#upload-error")).to_contain_text("the upload was stopped")
    expect(page.locator(".drop")).to_be_visible()
    assert known(service) == before


def test_a_long_list_comes_page_by_page(service: Service, open_page: OpenPage) -> None:
    with service.writer.begin() as session:
        for number in range(60):
            session.add(dataset("local", f"number {number}"))
    page = open_page(f"{service.url}/datasets")
    rows = page.get_by_role("table", name="Data sets").locator("tbody tr")
    expect(rows).to_have_count(25)
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(50)
    expect(rows.nth(25).get_by_role("link").first).to_be_focused()


def test_a_data_set_is_looked_at_and_deleted_only_when_confirmed(
    service: Service, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(f"{service.url}/datasets")
    choose(page, images(tmp_path / "gone.npz", 8))
    page.get_by_role("link", name="Open its page").click()
    expect(page.locator("#name")).to_have_text("gone")
    expect(page.locator("#preview .samples img")).to_have_count(12)
    expect(page.locator("#searches")).to_contain_text("None yet")
    address = page.url
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete gone?")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert address.rsplit("/", 1)[1] in known(service)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    page.wait_for_url(f"{service.url}/datasets")
    assert address.rsplit("/", 1)[1] not in known(service)


def test_a_data_set_in_use_stays_and_its_page_lists_the_searches(
    service: Service, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.expected_status = {404, 409}  # its preview was never stored
    with service.writer.begin() as session:
        waiting = waiting_search(session)
        used = session.scalars(select(Search.dataset_id).where(Search.id == waiting)).one()
    page = open_page(f"{service.url}/datasets/{used}")
    row = page.get_by_role("table", name="Searches").locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("queued")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.locator("#notice")).to_contain_text(waiting)
    assert used in known(service)


def test_a_data_set_that_does_not_exist_is_said_to_be_missing(
    service: Service, open_page: OpenPage, complaints: Complaints
) -> None:
    complaints.expected_status = {404}
    page = open_page(f"{service.url}/datasets/nothing")
    expect(page.locator("#notice")).to_contain_text("There is no such data set")
