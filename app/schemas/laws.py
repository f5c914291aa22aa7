"""What a search says of the symmetry of p(x), of the joint law, and of p(y | x), apart."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Law = Literal["symmetric", "broken", "cannot be said"]


class CandidateLaws(BaseModel):
    """The three laws under one candidate: broken by one element, symmetric only under all."""

    position: int
    name: str = Field(examples=["C4"])
    marginal: Law = Field(description="p(x); `symmetric`: no element was found to break it.")
    joint: Law = Field(description="p(x, y); `symmetric`: no element was found to break it.")
    conditional: Law = Field(description="p(y | x), up to the tolerance.")


class Laws(BaseModel):
    """Symmetry of p(x), of the joint law and of p(y | x), apart."""

    candidates: list[CandidateLaws]
    marginal_broken: list[str] = Field(description="Elements under which p(x) is not symmetric.")
    pose_predicts_label: list[str] = Field(description="Elements whose pose alone tells something of the label.")


class Duplicates(BaseModel):
    """Copies among the samples; they were kept in one fold unless they are `chained`."""

    equal: int = Field(description="Samples that are equal to another one.")
    near: int = Field(description="Samples that are almost equal to another one.", examples=[14])
    moved: int = Field(description="Other samples that are almost a moved copy of one, under a tested element.")
    example: list[int] | None = Field(description="Indices of two of them.", examples=[[17, 231]])
    pairs: int = Field(description="Pairs of equal and nearly equal samples.")
    disagreeing: int = Field(description="Of those, pairs whose classes differ.")
    chained: bool = Field(description="They would join more than a quarter of all samples, and were left apart.")
    split: int = Field(description="Test samples with a copy or relative in the training part of the split.")


class MarginalLaw(BaseModel):
    """The randomisation test of p(x) under the cyclic group of an element."""

    status: Law
    statistic: float | None = Field(description="Squared maximum mean discrepancy.")
    p_value: float | None
    p_holm: float | None
    rows: int = Field(description="Samples that were compared.")


class JointLaw(BaseModel):
    """p(x, y): the same test with labels, and the orbit-loss test."""

    status: Law
    p_value: float | None
    p_holm: float | None
    defect_p_adjusted: float | None


class PoseLabel(BaseModel):
    """What the canonical element of a sample tells of its label."""

    bits: float | None
    p_value: float | None


class ElementLaws(BaseModel):
    """Symmetry of p(x), of the joint law, and what that says about p(y | x)."""

    marginal: MarginalLaw
    joint: JointLaw
    conditional: Law
    reason: str
    pose_predicts_label: PoseLabel | None
