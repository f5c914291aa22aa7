"""What each candidate is worth: learning curves, labels and bits saved, and the price."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.common import NAME, TRANSLATIONS, Interval

_INTERVAL = {"mean": 0.34, "low": 0.28, "high": 0.41}


class LabelsSaved(BaseModel):
    """How many times its labels the trivial group's network would need to do as well."""

    factor: float | None = Field(description="Below 1 where the symmetry costs labels.", examples=[2.6])
    low: float | None = Field(description="Null where the interval leaves the range of the curves.", examples=[2.2])
    high: float | None = Field(description="Null where the interval leaves the range of the curves.", examples=[3.0])
    bound: Literal["at_least", "at_most"] | None = Field(
        description="Where the smallest size of a curve was enough already, the factor is a bound.", examples=[None]
    )
    reason: str | None = Field(None, description="Why there is no factor.", examples=[None])


class CodeLength(BaseModel):
    """Prequential code length: every block of labels coded with the network trained on the blocks before it."""

    total: float = Field(description="Bits for all labels of the training part.", examples=[1848.2])
    per_sample: float = Field(description="Bits a label.", examples=[1.85])


class Price(BaseModel):
    """What its network costs; `relative`: each figure over that of the trivial group's network."""

    parameters: int | None = Field(None, examples=[5409])
    flops: float | None = Field(None, description="Operations of one network on one sample.", examples=[12042276])
    training_seconds: float | None = Field(None, description="Of one network on a fold, as measured.", examples=[9.3])
    inference_seconds: float | None = Field(None, description="A sample, as measured.", examples=[5.8e-05])
    relative: dict[str, float] | None = Field(None, examples=[{"parameters": 1.01, "flops": 4.1}])


class CandidateCurve(BaseModel):
    """The learning curve of one candidate, and what follows from it; what is not known (yet) is null."""

    candidate_id: str = Field(examples=["tr_019ac1f0d3b2f1e2d3c4b5a698"])
    name: str = NAME
    group: str = Field(examples=["C4"])
    labels: str = Field(examples=["trivial"])
    translations: bool | None = TRANSLATIONS
    against: str | None = Field(None, description="Candidate it is compared with: the trivial group.")
    sizes: list[int] = Field(
        [], description="Samples learned from, those that choose the epoch included.", examples=[[250, 500, 1001]]
    )
    loss_bits: list[Interval] = Field(
        [],
        description="Held-out loss at each size, bits a sample; for a regression half the targets times log2(1 - R2).",
        examples=[[_INTERVAL, _INTERVAL, _INTERVAL]],
    )
    accuracy: list[Interval] | None = Field(None, description="For classification.")
    r2: list[Interval] | None = Field(None, description="For regression.")
    seeds: int | None = Field(
        None, description="Networks for each size. With one, intervals know of no other training.", examples=[1]
    )
    code_length_bits: CodeLength | None = None
    bits_saved_against_trivial: Interval | None = Field(
        None, description="By how many bits the whole code is shorter than with the trivial group's networks."
    )
    labels_saved: LabelsSaved | None = None
    imposing_costs_bits: Interval | None = Field(
        None,
        description="Held-out loss with all samples less that of the trivial group, on the same rows, bits a sample: "
        "what imposing the symmetry costs; negative where it gains.",
    )
    price: Price
    cut: str | None = Field(None, description="What was left out, and why.", examples=[None])


class Curves(BaseModel):
    """One learning curve for each candidate, in plan order."""

    items: list[CandidateCurve]
    state: str = Field(description="Of the search: comparisons are there once it is done.", examples=["done"])
