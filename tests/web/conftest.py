"""A real service process and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.web.serving import Complaints, OpenPage, Service, running_service

AXE = Path(__file__).parent / "axe" / "axe.min.js"
BARRIERS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter(({impact}) => impact === "serious" || impact === "critical")
  .flatMap(({id, help, nodes}) => nodes.slice(0, 5).map((node) => `${id}: ${help}: ${node.target} ${node.html}`))"""
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI") == "true":
            pytest.fail("continuous integration needs Chromium")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def open_page(browser: Browser, complaints: Complaints) -> Iterator[OpenPage]:
    """Open an address in a fresh profile; the test fails if the page logs an error or breaks its security policy."""
    contexts = []

    def opened(url: str, *, width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', "
            "(event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`))"
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", complaints.on_console)
        page.on("pageerror", lambda error: complaints.seen.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints.seen == []


@pytest.fixture
def barriers() -> Callable[[Page], list[str]]:
    """Which serious or critical accessibility barriers axe finds on a page as it stands; it must be settled."""

    def found(page: Page) -> list[str]:
        page.evaluate(AXE.read_text())  # not a script of the page: its security policy allows no other
        return [str(barrier) for barrier in page.evaluate(BARRIERS)]

    return found
