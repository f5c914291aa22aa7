"""What a search finds about its data as a whole: one optional part for each kind of finding."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from app.schemas.laws import Duplicates, Laws


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


class SpectrumBound(BaseModel):
    """The defect at one point of a spectrum, with bounds that hold for all its points at once."""

    value: float
    low: float
    high: float


class SpectrumReach(BaseModel):
    """How far from the identity moves are harmless."""

    within: float = Field(description="All moves up to here are within the tolerance.", examples=[52.5])
    refuted_from: float | None = Field(
        description="From here on some are refuted; null when none is.", examples=[120.0]
    )


class SpectrumPlace(BaseModel):
    """A mirror's axis, or a centre, that no candidate has."""

    at: float = Field(examples=[5.5])
    low: float | None = Field(description="Null where the interval is open.", examples=[4.5])
    high: float | None = Field(examples=[6.5])


class Spectrum(BaseModel):
    """The defect along a curve of elements, and which groups it leaves."""

    kind: Literal["turns", "mirrors", "scales", "centres"]
    coordinates: list[int] = Field(
        description="Coordinates that move; 0 and 1, x and y, for images.", examples=[[0, 1]]
    )
    labels: Literal["trivial", "vector", "moved"] = Field(description="What the elements do to labels.")
    at: list[float] = Field(
        description="Turns and axes of mirrors in degrees, factors of scalings, centres along a coordinate or, for "
        "several coordinates, as multiples of the mean of the data.",
        examples=[[7.5, 15.0]],
    )
    offsets: list[list[float]] | None = Field(
        None,
        description="Centres of pictures: pixels to the right and down of the middle of the frame; `at` is how far.",
        examples=[[[0.5, -1.0]]],
    )
    shown: list[float] = Field(
        description="Share of the samples that lie among the data when they are moved so; for centres of pictures, "
        "share of what was learned that is still known on the part of the frame that the element takes to itself."
    )
    defect: list[SpectrumBound]
    state: list[Literal["within", "refuted", "unseen", "open"]]
    groups_supported: list[str] = Field(
        description="Groups all of whose tested elements are within the tolerance, the largest last.",
        examples=[["C2", "C4"]],
    )
    not_told_apart: list[str] = Field(
        description="Where the data leaves several groups possible: those, the largest last. Empty otherwise.",
        examples=[["C8", "C16", "SO(2)"]],
    )
    reach: SpectrumReach | None
    between: list[SpectrumPlace] = Field(description="Mirrors and centres between those of the candidates.")
    sentence: str = Field(examples=["turns by multiples of 90° cost at most 2.1%, a turn by 45° costs all: C4"])


class FoundGenerator(BaseModel):
    """What one generator of a group does to the labels."""

    element: str = Field(examples=["quarter turn"])
    cycles: list[list[str]] | None = Field(
        None, description="Cycles of the classes, by name; those in no cycle stay put.", examples=[[["left", "right"]]]
    )
    predicted: list[list[float] | None] | None = Field(
        None,
        description="Classification: for the samples of each class the mean predicted probability of every class once "
        "they are moved.",
        examples=[[[0.1, 0.9], [0.8, 0.2]]],
    )
    matrix: list[list[float]] | None = Field(None, description="Regression: the map of the targets.")


class FoundLabels(BaseModel):
    """A label action that was found from the data, on samples on which it was not tested."""

    group: str = Field(examples=["D4"])
    labels: str = Field(description="trivial where no other action fits better.", examples=["permutation"])
    samples: int = Field(description="Samples from which it was found.", examples=[500])
    better: float = Field(
        description="How much less loss it has on them than labels left in place: bits a sample, or squared error in "
        "units of the mean square of the targets.",
        examples=[0.31],
    )
    error: float | None = Field(None, description="Standard error of `better`.", examples=[0.02])
    generators: list[FoundGenerator] = Field(description="Empty where the group is known by membership.")


class SearchEvidence(BaseModel):
    """Parts are null until the search is done, and where they do not apply."""

    spectrum: list[Spectrum] | None = Field(
        None, description="Where turns, mirrors, scalings or centres are in question."
    )
    stopping: Stopping | None = Field(None, description="With `stopping: settled`, when some candidate was spared.")
    prior: list[Prior] = Field(default_factory=list, description="The prior over the lattice of candidates.")
    tolerance_sweep: list[ToleranceStep] = Field(
        default_factory=list, description="The answer as a function of the tolerance, the search's own among them."
    )
    more_data: MoreData | None = Field(None, description="Null where no rival is left to be settled.")
    label_actions: list[FoundLabels] | None = Field(
        None, description="The label actions that were found, one for each candidate that asked for it."
    )
    laws: Laws | None = None
    duplicates: Duplicates | None = Field(None, description="Copies among the samples.")
