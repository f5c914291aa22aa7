"""The dashboard: its pages and their files, served as they lie in app/web."""

from __future__ import annotations

from os import PathLike, stat_result
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

WEB = Path(__file__).parent.parent / "web"
BOARDS = Path(__file__).parent.parent / "demo" / "tic_tac_toe.npz"
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


def _page(name: str) -> FileResponse:
    return FileResponse(WEB / f"{name}.html", headers=REVALIDATE)


@router.get("/")
def overview() -> FileResponse:
    """What runs, and the latest answers."""
    return _page("index")


@router.get("/datasets")
def datasets() -> FileResponse:
    """Sending data sets, and those that were sent."""
    return _page("datasets")


@router.get("/datasets/{dataset_id}")
def dataset(dataset_id: str) -> FileResponse:
    """The page of one data set; its script asks the API for it and says so if there is none."""
    return _page("dataset")


@router.get("/new")
def new_search() -> FileResponse:
    """The question: candidates, settings, and what it costs."""
    return _page("new")


@router.get("/searches")
def searches() -> FileResponse:
    """All searches."""
    return _page("searches")


@router.get("/searches/{search_id}")
def search(search_id: str) -> FileResponse:
    """The page of one search, running or finished."""
    return _page("search")


@router.get("/rankings")
def rankings() -> FileResponse:
    """Candidates of all searches."""
    return _page("rankings")


@router.get("/docs")
def documentation() -> FileResponse:
    """The OpenAPI document as a page; FastAPI's own would load its scripts from elsewhere."""
    return _page("docs")


@router.get("/examples/tic_tac_toe.npz")
def example() -> FileResponse:
    """The data set of the demo, for the page that sends it."""
    return FileResponse(BOARDS, media_type="application/octet-stream", headers=REVALIDATE)


@router.get("/favicon.ico")
def favicon() -> FileResponse:
    return FileResponse(WEB / "static" / "icon.svg", media_type="image/svg+xml", headers=REVALIDATE)


router.mount("/static", PageFiles(directory=WEB / "static"), name="static")
