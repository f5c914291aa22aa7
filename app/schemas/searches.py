"""Searches: what may be asked, and what is answered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from app.schemas.common import TRANSLATIONS, Name, Text

SEARCH_ID = "sr_019ac1f0d3b2f1e2d3c4b5a697"
DATASET_ID = "ds_019ac1f0c1a0a1b2c3d4e5f607"
CANDIDATE_ID = "tr_019ac1f0d3b2f1e2d3c4b5a698"


class SearchState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CandidateState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"


class Verdict(StrEnum):
    CERTIFIED = "certified"
    APPROXIMATE = "approximate"
    REFUTED = "refuted"
    UNTESTED = "untested"
    UNDETERMINED = "undetermined"


class Strict(BaseModel):
    """A part of a request: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


Index = Annotated[int, Field(strict=True)]  # `true` is no index
Coordinate = Annotated[Index, Field(ge=0)]
GroupName = Annotated[Name, Field(min_length=1, max_length=64)]


class CandidateSpec(Strict):
    """A group with the way it acts; for `custom` groups its generators."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"group": "D4", "labels": "sign"},
                {"group": "C4", "labels": "permutation"},
                {"group": "D4", "translations": False},
                {"group": "D4", "on": [0, 1]},
                {"group": "custom", "name": "Z2xZ2", "generators": [[1, 0, 2, 3], [0, 1, 3, 2]]},
            ]
        }
    )

    group: GroupName = Field(description="A name from the catalogue, or `custom`.")
    name: GroupName | None = Field(None, description="Name of a custom group.")
    labels: GroupName = Field(
        "trivial",
        description="How the group acts on the labels. `trivial`: they stay put. `sign`, `swap`: elements of "
        "determinant -1 (of a cyclic group of even order its generator) change the sign of targets or exchange two "
        "classes. `permutation`: classes are permuted, as `label_generators` says or, without it, as is found from the "
        "data. `vector`: targets turn as x, or as one block of `on`, does. `matrix`: targets are moved by "
        "`label_matrices`. `auto`: whatever fits best is found from the data. An action that was found is tested on "
        "other samples than those it was found on, and the group with labels in place is ranked beside it.",
    )
    translations: bool | None = Field(
        None, description="Images: false asks for the point group about the centre alone."
    )
    on: list[Coordinate] | list[list[Coordinate]] | None = Field(
        None, min_length=1, max_length=1024, description="Vectors: the coordinates it acts on, or blocks of them."
    )
    architecture: GroupName | None = Field(
        None, description="Images: separable, deformable, hierarchical, constrained. Vectors: emlp."
    )
    generators: list[list[Index] | list[list[float]]] | None = Field(
        None, min_length=1, max_length=64, description="Permutations of the d coordinates, or d x d matrices."
    )
    label_generators: list[list[Index]] | None = Field(
        None, min_length=1, max_length=64, description="With `labels: permutation`: of the classes, one a generator."
    )
    label_matrices: list[list[list[float]]] | None = Field(
        None, min_length=1, max_length=64, description="With `labels: matrix`: p x p, of the targets, one a generator."
    )

    @field_validator("generators", "label_matrices")
    @classmethod
    def _finite(cls, generators: Any) -> Any:
        for generator in generators or ():
            for row in generator:
                if isinstance(row, list) and any(not abs(entry) < float("inf") for entry in row):
                    raise ValueError("matrix entries must be finite numbers")
        return generators


def _candidate_kind(value: Any) -> str:
    return "name" if isinstance(value, str) else "object"


Candidate = Annotated[
    Annotated[GroupName, Tag("name")] | Annotated[CandidateSpec, Tag("object")], Discriminator(_candidate_kind)
]


def _candidates_kind(value: Any) -> str:
    return "auto" if isinstance(value, str) else "list"


Candidates = Annotated[
    Annotated[Literal["auto"], Tag("auto")]
    | Annotated[list[Candidate], Field(min_length=1, max_length=1000), Tag("list")],
    Discriminator(_candidates_kind),
]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class Weights(Strict):
    """Weights of the three terms of the score."""

    accuracy: Weight = 1.0
    consistency: Weight = 1.0
    complexity: Weight = 1.0

    @model_validator(mode="after")
    def _orders(self) -> Weights:
        if not (self.accuracy or self.consistency or self.complexity):
            raise ValueError(
                "all three are zero, which would rank nothing: give one of them a weight, or leave them out"
            )
        return self


class Budget(Strict):
    """Limits of training: seconds for the whole search, epochs for each candidate."""

    max_seconds: float = Field(
        600, ge=1, le=86_400, description="Seconds, shared by the candidates; the analyses of the data count."
    )
    max_epochs: int = Field(40, ge=1, le=10_000)


class SearchRequest(Strict):
    """A search to be made: which of these groups is the symmetry of this data set?"""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": DATASET_ID,
                    "candidates": ["T", "C2", "C4", {"group": "D4", "labels": "sign"}],
                    "include_subgroups": True,
                    "tolerance": 0.05,
                    "folds": 3,
                    "seeds": 1,
                    "weights": {"accuracy": 1, "consistency": 1, "complexity": 1},
                    "budget": {"max_seconds": 600, "max_epochs": 40},
                    "matching": "parameters",
                    "stopping": None,
                    "utility": "fast",
                    "seed": 0,
                    "device": "auto",
                    "name": "first look",
                    "webhook_url": None,
                }
            ]
        }
    )

    dataset_id: Text = Field(min_length=1, max_length=64)
    candidates: Candidates = Field("auto", description="Groups to test, or `auto` for the domain's default list.")
    include_subgroups: bool = Field(True, description="Close the candidates under subgroups.")
    tolerance: float = Field(0.05, gt=0, le=0.5, description="Defect below which a group counts as a symmetry.")
    folds: int = Field(3, ge=2, le=10)
    seeds: int = Field(1, ge=1, le=10)
    weights: Weights = Field(default_factory=Weights)
    budget: Budget = Field(default_factory=Budget)
    matching: Literal["parameters", "flops"] = Field(
        "parameters",
        description="What the candidates' networks have in common: their number of parameters, or of floating-point "
        "operations.",
    )
    stopping: Literal["settled"] | None = Field(
        None,
        description="`settled`: candidates whose fate earlier networks have settled are not trained; the error rate of "
        "what is settled so holds however often it is looked at.",
    )
    utility: Literal["full", "fast", "off"] = Field(
        "fast",
        description="Learning curves of what a symmetry is worth: `full` trains `utility_seeds` networks on each of "
        "four shares of the samples, `fast` one on as many shares as cost about 40 % of the other training.",
    )
    utility_seeds: int = Field(3, ge=1, le=10, description="With `utility: full`.")
    seed: int = Field(0, ge=0, le=2**31 - 1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    name: Name | None = Field(None, min_length=1, max_length=200, description="By default the name of the data set.")
    webhook_url: str | None = Field(None, description="Not offered: must be null.")

    @field_validator("webhook_url")
    @classmethod
    def _no_webhooks(cls, url: str | None) -> None:
        if url is not None:
            raise ValueError("webhooks are not offered: follow /v1/searches/{id}/events instead")


class Progress(BaseModel):
    done: int = Field(description="Candidates that are finished, one way or another.", examples=[4])
    total: int = Field(examples=[10])
    fraction: float = Field(ge=0, le=1, examples=[0.43])
    eta_seconds: float | None = Field(description="Estimate; null when there is nothing to go by.", examples=[31.0])


class Best(BaseModel):
    """The best guess of the full symmetry group."""

    model_config = ConfigDict(extra="allow")

    group: str
    labels: str | None = None
    translations: bool | None = TRANSLATIONS
    posterior: float | None = None
    confidence: float | None = None
    verdict: str | None = None


class SearchItem(BaseModel):
    """A search and how far it is."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "id": SEARCH_ID,
                    "name": "first look",
                    "dataset_id": DATASET_ID,
                    "dataset_name": "digits",
                    "state": "done",
                    "progress": {"done": 10, "total": 10, "fraction": 1.0, "eta_seconds": None},
                    "created_at": "2026-01-05T10:00:00Z",
                    "started_at": "2026-01-05T10:00:01Z",
                    "finished_at": "2026-01-05T10:01:12Z",
                    "best": {
                        "group": "C4",
                        "labels": "trivial",
                        "posterior": 0.98,
                        "confidence": 0.97,
                        "verdict": "certified",
                    },
                    "summary": "The data are symmetric under quarter turns and under nothing more.",
                    "warnings": [],
                    "error": None,
                    "request": {"dataset_id": DATASET_ID, "candidates": "auto", "tolerance": 0.05},
                }
            ]
        },
    )

    id: str
    name: str
    dataset_id: str
    dataset_name: str = Field(description="It stays when the data set is deleted.")
    state: SearchState
    progress: Progress
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    best: Best | None
    summary: str = Field(description="One sentence that a person understands; empty until the ranking is done.")
    warnings: list[Any]
    error: str | None
    request: dict[str, Any] = Field(description="The request with its defaults filled in: send it again to repeat.")


class SearchList(BaseModel):
    items: list[SearchItem]
    next_cursor: str | None
