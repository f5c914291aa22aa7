"""The catalogue of groups."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.dependencies import ReadAccess
from app.schemas.common import problems
from app.schemas.groups import GroupList
from models.groups.catalogue import catalogue

router = APIRouter(prefix="/v1", tags=["groups"])


class Domain(StrEnum):
    IMAGE2D = "image2d"
    VECTOR = "vector"
    SENSORS = "sensors"
    SERIES1D = "series1d"
    POINTS3D = "points3d"
    VOLUME3D = "volume3d"


@lru_cache(maxsize=1)
def _catalogue() -> list[dict[str, Any]]:
    return catalogue()


@router.get("/groups", response_model=GroupList, responses=problems(), summary="Groups that can be named")
def list_groups(
    _principal: ReadAccess,
    domain: Annotated[Domain | None, Query(description="Only groups that act on this domain.")] = None,
) -> dict[str, Any]:
    """The catalogue: every named group with its generators, elements, subgroups and ways to act on labels."""
    rows = _catalogue()
    chosen = rows if domain is None else [row for row in rows if domain.value in row["supported"]]
    return {"items": chosen, "next_cursor": None}
