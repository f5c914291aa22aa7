"""The documentation as a site, under the same security policy as the dashboard."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.routes.pages import REVALIDATE, WEB, PageFiles

SITE = WEB / "documentation"


def serving(site: Path) -> APIRouter:
    """Routes to a site that `make docs` has built into a folder; where there is none, to a page that says how."""
    router = APIRouter(include_in_schema=False)
    if site.is_dir():
        router.mount("/documentation", PageFiles(directory=site, html=True), name="documentation")
    else:

        @router.get("/documentation")
        @router.get("/documentation/{page:path}")
        def missing() -> FileResponse:
            return FileResponse(WEB / "no-documentation.html", headers=REVALIDATE)

    return router


router = serving(SITE)
