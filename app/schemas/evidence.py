"""What a search finds about its data as a whole: one optional part for each kind of finding."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Stopping(BaseModel):
    """What stopping early has saved."""

    spared: int = Field(description="Candidates that were not trained.", examples=[7])
    of: int = Field(description="Candidates of the search.", examples=[10])
    seconds: float | None = Field(description="About how long training them would have taken.", examples=[84.0])


class Prior(BaseModel):
    """What a candidate counts for before the data is looked at: 2^-bits, over all that are ranked."""

    group: str = Field(examples=["C4"])
    bits: float = Field(description="Bits to name an element of the group, and one for translations in question.")
    probability: float


class ToleranceStep(BaseModel):
    """What the search would answer at one tolerance."""

    tolerance: float = Field(examples=[0.05])
    best: str = Field(description="The group that would be ranked first.", examples=["C4"])
    posterior: float
    verdict: str = Field(description="On that group.", examples=["certified"])
    verdicts: dict[str, int] = Field(description="How many candidates have each verdict.", examples=[{"certified": 3}])
    certified: list[str] = Field(description="The certified groups.", examples=[["T", "C2", "C4"]])


class MoreData(BaseModel):
    """What would settle the likeliest rival of the best group that is not settled yet."""

    rival: str = Field(examples=["D4"])
    factor: float | None = Field(
        description="How many times the data would settle it; null where no amount would.", examples=[2.4]
    )
    element: str | None = Field(description="The element that would settle it.", examples=["mx"])


class SearchEvidence(BaseModel):
    """Parts are null until the search is done, and where they do not apply."""

    stopping: Stopping | None = Field(None, description="With `stopping: settled`, when some candidate was spared.")
    prior: list[Prior] = Field(default_factory=list, description="The prior over the lattice of candidates.")
    tolerance_sweep: list[ToleranceStep] = Field(
        default_factory=list, description="The answer as a function of the tolerance, the search's own among them."
    )
    more_data: MoreData | None = Field(None, description="Null where no rival is left to be settled.")
