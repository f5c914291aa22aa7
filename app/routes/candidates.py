"""Single candidates, and their trained networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.db.repositories import trials
from app.dependencies import CurrentStorage, ReadAccess, Reader
from app.errors import Problem
from app.schemas.common import CandidateId, problems
from app.schemas.searches import CandidateItem
from app.services import evidence

router = APIRouter(prefix="/v1", tags=["candidates"])
SAFETENSORS = "application/octet-stream"


@router.get(
    "/candidates/{candidate_id}", response_model=CandidateItem, responses=problems(404), summary="Read a candidate"
)
def get_candidate(candidate_id: CandidateId, principal: ReadAccess, reader: Reader) -> Any:
    """A candidate as in the ranking, with what training measured."""
    with reader() as session:
        return evidence.candidate(session, principal.owner, candidate_id)


@router.get(
    "/candidates/{candidate_id}/model",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The trained network.",
            "content": {SAFETENSORS: {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(404, 409),
    },
    summary="Download the trained network",
)
def get_model(
    candidate_id: CandidateId,
    principal: ReadAccess,
    reader: Reader,
    storage: CurrentStorage,
    format: Annotated[Literal["safetensors", "onnx"], Query(description="`onnx` is not offered yet.")] = "safetensors",
) -> StreamingResponse:
    """The weights of the candidate's network as a safetensors file."""
    with reader() as session:
        row = trials.find(session, principal.owner, candidate_id)
    if row is None:
        raise Problem.not_found("candidate", candidate_id)
    if format == "onnx":
        raise Problem.invalid("/query/format", "onnx is not offered yet: ask for safetensors")
    key = evidence.model_key(row)
    if key is None:
        raise Problem(409, "Not in this state", f"The candidate is {row.state}: it has no network.", slug="state")
    if key not in storage.list(row.prefix.rstrip("/")):
        raise Problem(404, "No network", "Nothing was stored for this candidate.", slug="not-found")
    name = "".join(letter if letter.isalnum() else "-" for letter in f"{row.group}-{candidate_id}" if letter.isascii())
    headers = {"Content-Disposition": f'attachment; filename="{name}.safetensors"'}
    return StreamingResponse(storage.stream(key), media_type=SAFETENSORS, headers=headers)
