"""What a search would take, as the API says it before the search is started."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.searches import DATASET_ID


class TimeEstimate(BaseModel):
    """Seconds: the middle, and what one in ten would fall below or exceed."""

    value: float = Field(ge=0, examples=[42.0])
    low: float = Field(ge=0, examples=[31.0])
    high: float = Field(ge=0, examples=[70.5])


class PlannedCandidate(BaseModel):
    """A group that would be searched for, and the network that would be trained for it."""

    name: str = Field(description="Its name in this search.", examples=["C4"])
    group: str = Field(examples=["C4"])
    title: str = Field(examples=["rotations by 360°/4"])
    labels: str = Field(examples=["trivial"])
    translations: bool | None
    order: int | None = Field(examples=[4])
    posted: bool = Field(description="Whether it was named, or comes along as a subgroup or as the reference.")
    fields: int = Field(description="Width of the network, in fields.", examples=[8])
    parameters: int = Field(examples=[5409])
    flops: int = Field(description="Operations of one network on one sample, two a multiply-add.", examples=[12042276])
    elements: int = Field(description="Classes of elements that are tested for it.", examples=[2])
    seconds: TimeEstimate | None = Field(description="Null when nothing is known.")


class PlannedElement(BaseModel):
    """A class of elements that would be tested."""

    element: str = Field(examples=["r90"])
    title: str = Field(examples=["rotation by 90°"])
    interpolated: bool = Field(description="Whether it moves samples by interpolation.")


class EstimateBasis(BaseModel):
    """What the seconds rest on."""

    kind: Literal["similar_trials", "scaled_by_operations"] | None = Field(
        description="`similar_trials`: every candidate was likened to at least three finished trials on the same kind "
        "of data that took between a quarter of and four times its operations. `scaled_by_operations`: for some "
        "candidate the nearest trials were scaled by their operations, which is rough. Null: no trial has finished on "
        "this service yet, and nothing is claimed."
    )
    trials: int = Field(description="Finished trials that were looked at.")
    workers: int = Field(description="Workers that share the candidates; those seen within a minute, at least one.")


class SearchEstimate(BaseModel):
    """A search that was planned and not started."""

    dataset_id: str = Field(examples=[DATASET_ID])
    candidates: list[PlannedCandidate] = Field(description="Smallest groups first.")
    covers: list[tuple[int, int]] = Field(description="Pairs [lower, upper] of candidates with none between them.")
    elements: list[PlannedElement]
    label_actions_to_find: bool = Field(
        description="Some candidate asks for its label action to be found: one network without symmetry is trained "
        "first, and each action that is found adds candidates that are not counted here."
    )
    warnings: list[str]
    seconds: TimeEstimate | None = Field(
        description="Of the whole search, from the first training on; waiting for other searches is not counted. "
        "With `stopping` it may end earlier. Null when nothing is known."
    )
    basis: EstimateBasis
