"""How soon each page of the dashboard is there, and what it weighs, in real Chromium.

    python -m benchmarks.pages [--runs 7]

A service without a worker serves one finished search of 30 candidates, seeded as the tests of the pages seed theirs,
with the largest gallery that a worker keeps. Every run opens a page in a fresh profile, so that nothing is cached.
Reported are medians: first contentful paint; the time until the page is interactive, when its data has come, the last
long task has ended and it has drawn them (seconds after the navigation began); and all bytes transferred, headers
included. Budgets of the result page: 500 kB and 1 s. Writes `benchmarks/results/pages.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from playwright.sync_api import Browser, sync_playwright

from app.db.tables import Search
from app.routes.pages import router
from tests.web.conftest import CHROMIUM_FLAGS
from tests.web.rows import finished_search, leave_files, leave_gallery
from tests.web.serving import Service, running_service
from workers.gallery import GALLERY, MAX_BYTES

RESULTS = Path(__file__).parent / "results" / "pages.json"
CANDIDATES: list[str | dict[str, Any]] = ["D6", "D8"]  # thirty groups with their subgroups
RESULT = "/searches/{search_id}"
BUDGET_BYTES, BUDGET_SECONDS = 500_000, 1.0
WATCH = """new PerformanceObserver((list) => {
  for (const {startTime, duration} of list.getEntries()) window.lastTask = startTime + duration;
}).observe({type: "longtask", buffered: true})"""
TIMES = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null;
  const data = Math.max(...performance.getEntriesByType("resource").map((one) => one.responseEnd), 0);
  const drawn = performance.getEntriesByName("interactive")[0]?.startTime ?? 0;
  const loaded = performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd;
  return {paint, interactive: Math.max(paint, data, drawn, loaded, window.lastTask ?? 0)};
}"""


def seed(service: Service) -> dict[str, str]:
    """The finished search and its data set; the parts of the pages' addresses that name them."""
    with service.writer.begin() as session:
        search_id = finished_search(session, candidates=CANDIDATES, files=True)
        session.flush()
        prefix = leave_gallery(session, service.storage, search_id)
        leave_files(session, service.storage, search_id)
    kept = json.loads(service.storage.get_bytes(f"{prefix}/{GALLERY}"))
    kept["pictures"].append("data:image/png;base64," + "A" * (MAX_BYTES - len(json.dumps(kept["pictures"]))))
    service.storage.put_bytes(f"{prefix}/{GALLERY}", json.dumps(kept).encode())
    return {"search_id": search_id}


def addresses(service: Service, parts: dict[str, str]) -> dict[str, str]:
    """Every page by its path, and the report."""
    with service.writer() as session:
        parts = {**parts, "dataset_id": session.get_one(Search, parts["search_id"]).dataset_id}
    paths = [r.path for r in router.routes if isinstance(r, APIRoute) and not Path(r.path).suffix]
    return {path: path.format(**parts) for path in [*paths, "/v1/searches/{search_id}/report"]}


def visit(browser: Browser, url: str) -> dict[str, Any]:
    """One visit in a fresh profile: seconds to paint and to interactive, bytes and requests."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    network = context.new_cdp_session(page)
    sizes: list[float] = []
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url, wait_until="networkidle")
    times = page.evaluate(TIMES)
    context.close()
    return {
        "paint_seconds": times["paint"] / 1000,
        "interactive_seconds": times["interactive"] / 1000,
        "bytes": int(sum(sizes)),
        "requests": len(sizes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("this benchmark needs Chromium")
    pages: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder)) as service,
        sync_playwright() as playwright,
    ):
        parts = seed(service)
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        version = browser.version
        for path, address in addresses(service, parts).items():
            visit(browser, service.url + address)  # the first is not measured: the service may compile a template
            visits = [visit(browser, service.url + address) for _ in range(options.runs)]
            pages[path] = {name: statistics.median(one[name] for one in visits) for name in visits[0]}
            pages[path]["interactive_worst"] = max(one["interactive_seconds"] for one in visits)
        browser.close()
    result = pages[RESULT]
    report = {
        "runs": options.runs,
        "candidates": 30,
        "chromium": version,
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "pages": pages,
        "budgets": {
            "bytes": {"limit": BUDGET_BYTES, "met": result["bytes"] < BUDGET_BYTES},
            "interactive_seconds": {"limit": BUDGET_SECONDS, "met": result["interactive_seconds"] < BUDGET_SECONDS},
        },
    }
    print(f"{'page':34}{'paint, s':>10}{'interactive, s':>16}{'worst, s':>10}{'kB':>8}{'requests':>10}")
    for path, row in pages.items():
        print(
            f"{path:34}{row['paint_seconds']:10.2f}{row['interactive_seconds']:16.2f}{row['interactive_worst']:10.2f}"
            f"{row['bytes'] / 1000:8.0f}{row['requests']:10.0f}"
        )
    for name, budget in report["budgets"].items():  # type: ignore[attr-defined]
        print(f"{name} of the result page within {budget['limit']:g}: {'yes' if budget['met'] else 'no'}")
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
