"""Photograph the dashboard: `python -m docs.screenshots`, a few minutes; needs Chromium.

A service is started in a folder of its own, data sets are sent and searched for real, and each page is photographed as
a visitor sees it: by day, one by night, one on a phone. Pictures are written to docs/images and stay below 250 kB.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.demo.__main__ import BOARDS
from benchmarks.planted_images import plant
from benchmarks.service import Service
from docs.record import CANDIDATES, trefoil
from erlangen_client import Search

IMAGES = Path(__file__).parent / "images"
MOST_BYTES = 250_000
COLOURS = 160
IMAGES_SEARCHED = 1600
LONG = {"budget": {"max_epochs": 200, "max_seconds": 3000}, "utility": "off", "folds": 2}


@contextmanager
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def opened(
    browser: Browser, url: str, *, width: int = 1280, height: int = 900, scheme: str = "light", follows: bool = False
) -> Page:
    """A page that has loaded; what follows a search keeps asking, all others have what they asked for."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    page.locator("h1").first.wait_for()
    if not follows:
        page.wait_for_load_state("networkidle")
    for waiting in page.get_by_text("Loading …").all():
        waiting.wait_for(state="hidden")
    return page


def keep(page: Page, name: str, *, whole: bool = False) -> None:
    """Write what is seen, with as few colours as it needs to stay small."""
    page.wait_for_timeout(500)  # fonts and pictures settle
    seen = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    target = IMAGES / f"{name}.png"
    seen.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    page.context.close()
    print(f"{target.name}: {target.stat().st_size // 1000} kB")
    if target.stat().st_size > MOST_BYTES:
        sys.exit(f"{target} is larger than {MOST_BYTES} bytes")


def photograph(browser: Browser, url: str, finished: Search, running: Search) -> None:
    """Every page, with a finished and a running search to show."""
    keep(opened(browser, f"{url}/", follows=True), "overview")
    keep(opened(browser, f"{url}/datasets"), "datasets")
    keep(opened(browser, f"{url}/datasets/{finished.dataset_id}"), "dataset")
    keep(opened(browser, f"{url}/new?dataset={finished.dataset_id}"), "new-search")
    keep(opened(browser, f"{url}/searches/{running.id}", follows=True), "running")
    keep(opened(browser, f"{url}/searches"), "searches")
    keep(opened(browser, f"{url}/rankings"), "rankings")
    keep(opened(browser, f"{url}/docs"), "api")
    result = f"{url}/searches/{finished.id}"
    keep(opened(browser, result, height=1400), "search")
    keep(opened(browser, result, height=1400, scheme="dark"), "search-dark")
    keep(opened(browser, result, width=390, height=1200), "search-phone")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder), worker_threads=1) as service:
        client = service.client
        images, labels, _ = plant("D2", "energy", n=IMAGES_SEARCHED)
        finished = client.search(images, labels, ["D4"], name="axis mirrors keep the label", folds=2).search
        points, kinds = trefoil()
        client.search(points, kinds, CANDIDATES[:1], name="trefoil", stopping="settled", utility="off")
        boards = client.upload(BOARDS, name="final boards")
        running = client.start(boards, [{"group": "D4", "translations": False}], name="final boards", **LONG)
        for now in client.follow(running):
            if now.progress.done >= 2:
                break
        with chromium() as browser:
            photograph(browser, service.url, finished, running)
        client.cancel(running)


if __name__ == "__main__":
    main()
