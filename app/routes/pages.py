"""The dashboard: three pages and their files, served as they lie in app/web."""

from __future__ import annotations

from os import PathLike, stat_result
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

WEB = Path(__file__).parent.parent / "web"
# A browser keeps the files but asks each time whether they changed: pages and scripts never differ in version.
REVALIDATE = {"Cache-Control": "no-cache"}


class PageFiles(StaticFiles):
    """Style sheet and scripts, revalidated at every use."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(REVALIDATE)
        return response


router = APIRouter(include_in_schema=False)


@router.get("/")
def overview() -> FileResponse:
    """The page of searches and data sets."""
    return FileResponse(WEB / "index.html", headers=REVALIDATE)


@router.get("/searches/{search_id}")
def search(search_id: str) -> FileResponse:
    """The page of one search; its script asks the API for it and says so if there is none."""
    return FileResponse(WEB / "search.html", headers=REVALIDATE)


@router.get("/docs")
def documentation() -> FileResponse:
    """The OpenAPI document as a page; FastAPI's own would load its scripts from elsewhere."""
    return FileResponse(WEB / "docs.html", headers=REVALIDATE)


@router.get("/favicon.ico")
def favicon() -> FileResponse:
    return FileResponse(WEB / "static" / "icon.svg", media_type="image/svg+xml", headers=REVALIDATE)


router.mount("/static", PageFiles(directory=WEB / "static"), name="static")
