"""Searches: make, list, read, cancel, retry."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from app.auth import READ
from app.db.repositories import searches as repository
from app.dependencies import CurrentDoorbell, CurrentSettings, ReadAccess, Reader, WriteAccess, Writer, principal_of
from app.errors import Problem
from app.pagination import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor
from app.schemas.common import GroupFilter, SearchId, Text, problems
from app.schemas.estimates import SearchEstimate
from app.schemas.searches import SearchItem, SearchList, SearchRequest, SearchState, Verdict
from app.services import estimate, idempotency, searches
from app.services.idempotency import Answer
from app.services.polling import SearchPoller

router = APIRouter(prefix="/v1", tags=["searches"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Send the same key again, and the request is not done twice: the first answer is repeated.",
    ),
]


@router.post(
    "/searches",
    status_code=202,
    response_model=SearchItem,
    responses=problems(404, 409, 413, 415, 429),
    summary="Start a search",
)
def create_search(
    request: Request,
    body: SearchRequest,
    principal: WriteAccess,
    reader: Reader,
    writer: Writer,
    settings: CurrentSettings,
    doorbell: CurrentDoorbell,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Plan a search over the candidates and queue one training for each group of their lattice."""
    if idempotency_key is None:
        return _accepted(searches.create(reader, writer, doorbell, settings, principal, body))
    same = idempotency.fingerprint(request.method, request.url.path, body.model_dump_json())
    claim = idempotency.claim(writer, principal.owner, idempotency_key, same)
    if isinstance(claim, Answer):
        return _accepted(claim)
    try:
        return _accepted(searches.create(reader, writer, doorbell, settings, principal, body, claim))
    except Exception:
        claim.release(writer)
        raise


@router.post(
    "/searches/estimate",
    response_model=SearchEstimate,
    responses=problems(404, 413, 415),
    summary="Estimate a search",
)
def estimate_search(body: SearchRequest, principal: ReadAccess, reader: Reader, settings: CurrentSettings) -> Any:
    """Plan a search without starting it: its candidates, their networks, the elements that are tested, and the time.

    The same body as for starting it, refused in the same way. Time is estimated from trials that finished here.
    """
    return estimate.estimate(reader, settings, principal, body)


@router.get("/searches", response_model=SearchList, responses=problems(), summary="List searches")
def list_searches(
    principal: ReadAccess,
    reader: Reader,
    state: SearchState | None = None,
    dataset_id: Annotated[Text | None, Query(max_length=64)] = None,
    group: Annotated[GroupFilter, Query(description="Searches with this group among the candidates.")] = None,
    verdict: Annotated[Verdict | None, Query(description="Searches where `group`, or any, got this verdict.")] = None,
    order: Literal["newest", "oldest"] = "newest",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Any:
    """Searches of the caller, newest first unless `order` says otherwise."""
    filters = repository.Filters(state, dataset_id, group, verdict)
    context = ["searches", principal.owner, state, dataset_id, group, verdict, order]
    after = None if cursor is None else decode_cursor(context, cursor)[0]
    with reader() as session:
        rows = repository.page(
            session, principal.owner, filters, newest=order == "newest", after=after, limit=limit + 1
        )
    more = len(rows) > limit
    return {
        "items": [searches.body(row) for row in rows[:limit]],
        "next_cursor": encode_cursor(context, [rows[limit - 1]["id"]]) if more else None,
    }


@router.get("/searches/{search_id}", response_model=SearchItem, responses=problems(404), summary="Read a search")
async def get_search(request: Request, search_id: SearchId) -> Response:
    """State, progress and, once it is done, the best group of a search."""
    # The hottest route: no dependency to resolve, and the dictionary is written as it is. The model above documents
    # it, the tests compare the two.
    principal = principal_of(request, READ)
    poller: SearchPoller = request.app.state.poller
    row = await poller.find(principal.owner, search_id)
    if row is None:
        raise Problem.not_found("search", search_id)
    return Response(json.dumps(searches.body(row)), media_type="application/json")


@router.post(
    "/searches/{search_id}/cancel",
    status_code=202,
    response_model=SearchItem,
    responses=problems(404, 409),
    summary="Cancel a search",
)
def cancel_search(search_id: SearchId, principal: WriteAccess, writer: Writer) -> Any:
    """Stop a search. Its state is `cancelling` until running candidates have stopped."""
    return searches.cancel(writer, principal.owner, search_id)


@router.post(
    "/searches/{search_id}/retry",
    status_code=202,
    response_model=SearchItem,
    responses=problems(404, 409),
    summary="Retry what failed",
)
def retry_search(search_id: SearchId, principal: WriteAccess, writer: Writer, doorbell: CurrentDoorbell) -> Any:
    """Queue the candidates that failed, crashed or were cancelled again."""
    return searches.retry(writer, doorbell, principal.owner, search_id)


def _accepted(answer: Answer) -> Response:
    headers = {"Location": answer.location}
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    return JSONResponse(answer.body, answer.status, headers)
