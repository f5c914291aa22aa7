"""Shapes that several answers share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.errors import PROBLEM_JSON


def _storable(text: str) -> str:
    """What every database holds and every answer can say: JSON can name characters that are neither."""
    if "\0" in text:
        raise ValueError("NUL characters are not allowed")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a surrogate pair is no text: send the whole character")
    return text


def _readable(text: str) -> str:
    if text and not text.strip():
        raise ValueError("it holds spaces alone: give it a name, or leave it out")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Name = Annotated[Text, AfterValidator(_readable)]
SearchId = Annotated[
    str, Path(max_length=64, description="Id of a search.", examples=["sr_019ac1f0d3b2f1e2d3c4b5a697"])
]
CandidateId = Annotated[
    str, Path(max_length=64, description="Id of a candidate.", examples=["tr_019ac1f0d3b2f1e2d3c4b5a698"])
]
GroupFilter = Annotated[Text | None, Field(max_length=255)]


class ProblemError(BaseModel):
    """One bad part of the input."""

    pointer: str = Field(description="JSON pointer to it.", examples=["/candidates/2"])
    detail: str = Field(description="What is wrong, and the remedy.", examples=["there is no group 'C99'"])


class ProblemDocument(BaseModel):
    """An error, as in RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:erlangen:problem:invalid",
                    "title": "The request is not valid",
                    "status": 422,
                    "detail": "there is no group 'C99'",
                    "errors": [{"pointer": "/candidates/2", "detail": "there is no group 'C99'"}],
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemError] = []


NAME = Field(description="The group with what sets it apart in its search.", examples=["C4 about the centre"])
TRANSLATIONS = Field(
    None, description="Whether translations belong to it; null for vectors, which have none.", examples=[False]
)


class Interval(BaseModel):
    """An estimate and its interval."""

    model_config = ConfigDict(extra="allow")

    mean: float | None = None
    low: float | None = None
    high: float | None = None


class Defect(BaseModel):
    """The share of the learned information that an element destroys: 0 is symmetric, about 1 loses everything."""

    model_config = ConfigDict(extra="allow")

    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = Field(
        None,
        description="Upper bound that holds for all tested elements of the search at once, at level .05; certificates "
        "rest on it. `low` and `high` are those of this element alone. Null where the data does not show the moved "
        "samples, and in rankings made before it was kept.",
        examples=[0.041],
    )


_WHY = {
    400: "The request cannot be read.",
    401: "No key, or an unknown one.",
    403: "The key lacks the scope, or another site's page asks.",
    404: "There is no such thing, or it is someone else's.",
    409: "Not in the present state.",
    413: "The body is too large.",
    415: "The body has another media type.",
    421: "The Host header names another service.",
    422: "The input is not valid.",
    429: "Too many at once.",
    503: "Not ready.",
}
_EVERYWHERE = (400, 421, 422)


def problems(*statuses: int, key: bool = True) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: the problem documents it may answer with.

    key: whether the route asks for an API key.
    """
    found = sorted({*_EVERYWHERE, *statuses, *((401, 403) if key else ())})
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {status: {"description": _WHY[status], "content": {PROBLEM_JSON: {"schema": schema}}} for status in found}
