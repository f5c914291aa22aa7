"""The documentation in a browser, under the policy that the service sends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.middleware import CSP
from tests.docs.building import build
from tests.web.serving import OpenPage

pytestmark = pytest.mark.browser


class _UnderThePolicy(SimpleHTTPRequestHandler):
    """Files with the headers that the service sends."""

    def end_headers(self) -> None:
        self.send_header("content-security-policy", CSP)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on standard error."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = build(tmp_path_factory.mktemp("site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_UnderThePolicy, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("page", ["index", "evidence", "generated/gallery", "generated/api/shapes"])
def test_pages_keep_the_policy(address: str, open_page: OpenPage, page: str) -> None:
    shown = open_page(f"{address}/{page}.html")
    assert shown.locator("h1").count() == 1
    icon = shown.locator(".theme-toggle-container svg").first
    assert icon.count() == 1


def test_words_are_found(address: str, open_page: OpenPage) -> None:
    page = open_page(f"{address}/search.html?q=certified")
    page.locator("#search-results li").first.wait_for()
