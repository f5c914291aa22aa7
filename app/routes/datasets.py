"""Data sets: send, list, read, preview, delete."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.db.repositories import datasets as repository
from app.dependencies import CurrentSettings, CurrentStorage, ReadAccess, Reader, WriteAccess, Writer
from app.pagination import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor
from app.schemas.common import problems
from app.schemas.datasets import UPLOAD_BODY, DatasetId, DatasetItem, DatasetList, DatasetPreview
from app.schemas.groups import OfferedGroups
from app.services import datasets, offered
from app.services.datasets import Accepted
from app.settings import Settings
from app.uploads import incoming_folder, receive_upload

router = APIRouter(prefix="/v1", tags=["datasets"])


@router.post(
    "/datasets",
    status_code=201,
    response_model=DatasetItem,
    responses={
        200: {"model": DatasetItem, "description": "The same file was sent before: the data set that is there."},
        **problems(413, 415),
    },
    openapi_extra=UPLOAD_BODY,
    summary="Send a data set",
)
async def create_dataset(
    request: Request,
    response: Response,
    principal: WriteAccess,
    reader: Reader,
    writer: Writer,
    storage: CurrentStorage,
    settings: CurrentSettings,
) -> Any:
    """Send a file as multipart form data; it is read at once, and kept only if a search can use it.

    The same bytes with the same options give the same data set, with status 200 from the second time on.
    """
    incoming = incoming_folder(settings)
    async with receive_upload(request, incoming, settings.max_upload_bytes, datasets.TEXT_FIELDS) as upload:
        options = datasets.read_options(upload)
        twin = await to_thread.run_sync(datasets.find_twin, reader, principal.owner, upload, options)
        if twin is not None:
            accepted = Accepted(twin, created=False)
        else:
            work = partial(datasets.accept, upload, options, principal.owner, settings, storage, writer)
            accepted = await to_thread.run_sync(work, limiter=_limiter(request, settings))
    response.status_code = 201 if accepted.created else 200
    response.headers["Location"] = f"/v1/datasets/{accepted.dataset.id}"
    return accepted.dataset


@router.get("/datasets", response_model=DatasetList, responses=problems(), summary="List data sets")
def list_datasets(principal: ReadAccess, reader: Reader, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Any:
    """Data sets of the caller, newest first."""
    context = ["datasets", principal.owner]
    after = None if cursor is None else decode_cursor(context, cursor)[0]
    with reader() as session:
        rows = repository.page(session, principal.owner, after=after, limit=limit + 1)
    more = len(rows) > limit
    return {"items": rows[:limit], "next_cursor": encode_cursor(context, [rows[limit - 1].id]) if more else None}


@router.get("/datasets/{dataset_id}", response_model=DatasetItem, responses=problems(404), summary="Read a data set")
def get_dataset(dataset_id: DatasetId, principal: ReadAccess, reader: Reader) -> Any:
    """What is known of one data set."""
    return datasets.get(reader, principal.owner, dataset_id)


@router.get(
    "/datasets/{dataset_id}/preview",
    response_model=DatasetPreview,
    responses=problems(404),
    summary="Look at a data set",
)
def preview_dataset(dataset_id: DatasetId, principal: ReadAccess, reader: Reader, storage: CurrentStorage) -> Response:
    """Class counts or histograms of the target, and up to 12 samples."""
    return Response(datasets.preview(reader, storage, principal.owner, dataset_id), media_type="application/json")


@router.get(
    "/datasets/{dataset_id}/groups",
    response_model=OfferedGroups,
    responses=problems(404),
    summary="Groups to search for in a data set",
)
def list_offered_groups(
    dataset_id: DatasetId,
    principal: ReadAccess,
    reader: Reader,
    usual: Annotated[bool, Query(description="Leave out the groups that are rarely asked for.")] = False,
) -> Any:
    """The groups that can be named as they stand for this data, and which lies in which.

    There are more: about chosen coordinates, products and custom groups, see the candidates of a search.
    """
    row = datasets.get(reader, principal.owner, dataset_id)
    return offered.for_dataset(row, usual=usual)


@router.delete("/datasets/{dataset_id}", status_code=204, responses=problems(404, 409), summary="Delete a data set")
def delete_dataset(dataset_id: DatasetId, principal: WriteAccess, writer: Writer, storage: CurrentStorage) -> None:
    """Delete the arrays of a data set; refused while a search that is not finished uses it."""
    datasets.delete(writer, storage, principal.owner, dataset_id)


def _limiter(request: Request, settings: Settings) -> CapacityLimiter:
    """Uploads that wait for their turn to be read hold no thread: only this many run at once in the process."""
    state = request.app.state
    if not hasattr(state, "ingest_limiter"):
        state.ingest_limiter = CapacityLimiter(settings.max_concurrent_ingests)
    limiter: CapacityLimiter = state.ingest_limiter
    return limiter
