"""Candidates with their verdicts and numbers, in one search and over all searches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.common import NAME, TRANSLATIONS, Defect, Interval
from app.schemas.curves import LabelsSaved
from app.schemas.searches import CANDIDATE_ID, DATASET_ID, SEARCH_ID, CandidateState, SearchState, Verdict


class PairedLoss(BaseModel):
    """Held-out losses of two kinds of networks, row by row."""

    bits: float = Field(description="Bits per sample (and target) by which the group's own network loses less.")
    error: float = Field(description="Standard error, over clusters or folds, whichever is larger.")
    against: list[str] = Field(description="The subgroups whose networks' losses are averaged.", examples=[["C2"]])


class RankingItem(BaseModel):
    """One candidate with its verdict and its numbers; what is not known yet is null."""

    model_config = ConfigDict(extra="allow")

    rank: int | None = Field(examples=[1])
    candidate_id: str = Field(examples=[CANDIDATE_ID])
    name: str = NAME
    group: str = Field(examples=["C4"])
    title: str | None = Field(None, examples=["quarter turns"])
    labels: str = Field(examples=["trivial"])
    label_action: list[list[list[str]]] | None = Field(
        None,
        description="What each generator does to the classes: its cycles, by name; null where labels are not permuted.",
        examples=[[[["left", "right"]]]],
    )
    translations: bool | None = TRANSLATIONS
    order: int | None = Field(
        description="Number of elements; null for a continuous group, or beyond 2^31 - 1.", examples=[4]
    )
    verdict: Verdict | None = None
    posterior: float | None = Field(None, description="Probability that this is the full symmetry group.")
    score: float | None = None
    accuracy_term: float | None = None
    consistency_term: float | None = None
    complexity_term: float | None = None
    imposed_bits: float | None = Field(
        None,
        description="log2 of how much better the labels are explained under this group than under none, before it is "
        "weighed into `consistency_term`: Gaussian processes on vectors, read-outs of features on images, where a "
        "group may also be what is left of a larger one that nearly holds; null where not known for every candidate.",
        examples=[12.5],
    )
    patch_bits: float | None = Field(
        None,
        description="On images, the same by Gaussian processes that see patches, as far as these explain what networks "
        "learn; null where some element moves pixels off the grid.",
        examples=[21.0],
    )
    paired_loss: PairedLoss | None = Field(
        None, description="How its network does beside those of its largest trained subgroups; null where none is."
    )
    accuracy: Interval | None = Field(None, description="Held-out accuracy, for classification.")
    r2: Interval | None = Field(None, description="Held-out R2, for regression.")
    loss_bits: Interval | None = Field(None, description="Held-out loss, bits per sample.")
    gain_bits: Any = Field(None, description="Held-out information gain, bits per sample.")
    labels_saved: LabelsSaved | None = Field(None, description="See `/v1/searches/{id}/curves`.")
    bits_saved: Interval | None = Field(
        None, description="Bits by which the code of all labels is shorter than with the trivial group's networks."
    )
    defect: Defect | None = None
    equivariance_error: float | None = Field(
        None,
        description="Of the first network: the largest |f(g x) - g f(x)| over the group's tested elements, 64 samples "
        "of the data and all outputs, in standard deviations of those outputs. Not the error in "
        "/v1/candidates/{id}/equivariance, which is a root mean square on images made for it, relative to what a "
        "sample adds to the answer to a blank one.",
        examples=[0.0001],
    )
    fields: int | None = Field(None, description="Width of its network, in fields.", examples=[8])
    parameters: int | None = Field(None, description="Of one network; known before training.", examples=[5409])
    flops: float | None = Field(
        None,
        description="Floating-point operations of one network on one sample, two a multiply-add; known before "
        "training.",
        examples=[12042276],
    )
    seconds: float | None = None
    files: list[str] = Field(
        [], description="What training left: see /v1/candidates/{id}.", examples=[["network.onnx", "equivariance.json"]]
    )
    missing: dict[str, str] = Field({}, description="Files that could not be made, with the reason.", examples=[{}])
    spared: str | None = Field(None, description="Why its network was not trained (see `stopping` of the request).")
    state: CandidateState
    attempt: int = Field(examples=[1])
    error: str | None


class Ranking(BaseModel):
    """Candidates, best first; before the search is done, in plan order without ranks."""

    items: list[RankingItem]
    state: SearchState
    confidence: float | None
    tolerance: float


class CandidateItem(RankingItem):
    """One candidate, with what training measured."""

    search_id: str = Field(examples=[SEARCH_ID])
    dataset_id: str = Field(examples=[DATASET_ID])
    spec: dict[str, Any]
    progress: float = Field(ge=0, le=1)
    metrics: dict[str, Any] | None
    has_model: bool = Field(description="Whether its trained network can be downloaded.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RankingsItem(BaseModel):
    """A candidate of one search among those of all searches."""

    candidate_id: str = Field(examples=[CANDIDATE_ID])
    search_id: str = Field(examples=[SEARCH_ID])
    search_name: str
    dataset_id: str = Field(examples=[DATASET_ID])
    dataset_name: str
    domain: str = Field(examples=["image2d"])
    task: str = Field(examples=["classification"])
    n: int = Field(description="Samples of the data set.")
    finished_at: datetime | None
    group: str = Field(examples=["C4"])
    labels: str = Field(examples=["trivial"])
    translations: bool | None = TRANSLATIONS
    order: int | None
    rank: int
    verdict: Verdict | None
    posterior: float
    confidence: float | None = Field(description="Confidence of the search in its first row.")
    score: float | None


class RankingsList(BaseModel):
    items: list[RankingsItem]
    next_cursor: str | None
