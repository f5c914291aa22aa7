"""Pages judged by the rules of axe, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.web.serving import OpenPage

pytestmark = pytest.mark.browser


def test_barriers_are_found(open_page: OpenPage, barriers: Callable[[Page], list[str]]) -> None:
    page = open_page("about:blank")
    page.set_content("<html lang='en'><title>A</title><img src='data:,'><button></button></html>")
    found = barriers(page)
    assert {line.split(":")[0] for line in found} == {"image-alt", "button-name"}
