"""The site: built without a warning, whole, and served under the policy of the dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.routes.documentation import serving
from docs.site import gallery, reference

REFERENCE = re.compile(r'<(?:img|script|link|a)\b[^>]*?\b(?:src|href)="([^"]+)"')


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=\"", text), page
        loaded = re.findall(r'<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)="([^"]*)"', text)
        assert not [address for address in loaded if "//" in address], page


def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for target in REFERENCE.findall(page.read_text()):
            address = urlsplit(target)
            if address.scheme or address.netloc or not address.path:
                continue
            assert (page.parent / unquote(address.path)).exists(), f"{page.relative_to(site)}: {target}"


def test_the_reference_has_every_operation_and_shape(site: Path) -> None:
    api = reference.document()
    text = "".join(page.read_text() for page in (site / "generated" / "api").glob("*.html"))
    text = re.sub(r"</?span[^>]*>", "", text)
    operations = [(method, path) for path, item in api["paths"].items() for method in item]
    assert len(operations) > 20
    for method, path in operations:
        assert f"{method.upper()} {path}<" in text, path
    for name in api["components"]["schemas"]:
        assert f'id="shape-{name.lower()}"' in text, name


def test_the_reference_shows_the_limits_of_what_may_be_left_out() -> None:
    pages = reference.pages(reference.document())
    rows = {line.split("|")[1].strip(" `"): line for line in pages["evidence"].splitlines() if "| query |" in line}
    assert "1: only the best of each search; ≥ 1, ≤ 10000 |" in rows["max_rank"]
    assert "≥ 0, ≤ 1 |" in rows["min_posterior"]


def test_the_gallery_shows_disagreements_and_what_is_missing() -> None:
    rows = [json.loads(line) for line in gallery.ROWS.read_text().splitlines()]
    against = rows[0] | {"as_expected": False, "best": "a wrong group"}
    page = gallery.page_of([json.dumps(row) for row in (rows[0], against)])
    assert "a wrong group" in page
    assert page.count("Not as expected") == 1
    assert "Not searched yet" in page
    assert "1 sets, 0 as expected" in page


def test_the_service_shows_the_site_or_says_how_to_build_it(site: Path, tmp_path: Path) -> None:
    app = FastAPI()
    app.router.routes.extend(serving(site).routes)
    client = TestClient(app)
    assert client.get("/documentation").url.path == "/documentation/"
    assert "Which symmetry does this data have?" in client.get("/documentation/").text
    assert client.get("/documentation/evidence.html").headers["cache-control"] == "no-cache"
    assert client.get("/documentation/nothing.html").status_code == 404
    bare = FastAPI()
    bare.router.routes.extend(serving(tmp_path / "nothing").routes)
    for path in ("/documentation", "/documentation/evidence.html"):
        answer = TestClient(bare).get(path)
        assert answer.status_code == 200
        assert "make docs" in answer.text
