"""Single candidates, and their trained networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.orm import Session, sessionmaker

from app.auth import Principal
from app.db.repositories import AnyRow, trials
from app.dependencies import CurrentStorage, ReadAccess, Reader
from app.errors import Problem
from app.schemas.common import CandidateId, problems
from app.schemas.equivariance import EquivarianceReport
from app.schemas.rankings import CandidateItem
from app.services import evidence

router = APIRouter(prefix="/v1", tags=["candidates"])
BINARY = "application/octet-stream"  # neither format has a registered type of its own
ModelFormat = Literal["safetensors", "onnx"]


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
            "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}},
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
    format: Annotated[ModelFormat, Query(description="What to download.")] = "safetensors",
) -> StreamingResponse:
    """The candidate's networks, one per fold and seed, as a file.

    `onnx`: one model (opset 17) of the calibrated mean of the networks. Input `x`: raw samples, (n, *x_shape) float32,
    n >= 1. Output `y`: class scores (logits), or targets in their own unit, (n, p). The kernels are expanded to
    ordinary convolutions, norms folded in.

    `safetensors`: the weights as trained; the metadata key `erlangen` holds the JSON that rebuilds the networks with
    `models.export.load_network`.
    """
    row = _candidate(reader, principal, candidate_id)
    key = evidence.artifact_key(row, f"network.{format}", storage)
    name = "".join(letter if letter.isalnum() else "-" for letter in f"{row.group}-{candidate_id}" if letter.isascii())
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    return StreamingResponse(storage.stream(key), media_type=BINARY, headers=headers)


@router.get(
    "/candidates/{candidate_id}/equivariance",
    response_model=EquivarianceReport,
    responses=problems(404, 409),
    summary="Read how equivariant the trained network is",
)
def get_equivariance(
    candidate_id: CandidateId, principal: ReadAccess, reader: Reader, storage: CurrentStorage
) -> Response:
    """The error of the trained network at each element and angle: at the centre, at the boundary and in clutter.

    Measured at the end of training on band-limited test images, for which turning is exact. 404 says why there is none.
    """
    row = _candidate(reader, principal, candidate_id)
    key = evidence.artifact_key(row, "equivariance.json", storage)
    return Response(storage.get_bytes(key), media_type="application/json")


def _candidate(reader: sessionmaker[Session], principal: Principal, candidate_id: str) -> AnyRow:
    with reader() as session:
        row = trials.find(session, principal.owner, candidate_id)
    if row is None:
        raise Problem.not_found("candidate", candidate_id)
    return row
