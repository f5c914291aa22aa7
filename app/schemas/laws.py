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
