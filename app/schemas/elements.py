"""The evidence on the elements of a search, and the lattice of its groups."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.common import Defect
from app.schemas.laws import ElementLaws
from app.schemas.searches import CandidateState, Verdict


class Support(BaseModel):
    """Whether the data shows the turned pose at all."""

    model_config = ConfigDict(extra="allow")

    status: str | None = Field(None, description="shown, not_shown or unclear.")
    p_value: float | None = None


class ElementItem(BaseModel):
    """The evidence on one class of elements."""

    model_config = ConfigDict(extra="allow")

    element: str = Field(examples=["r90"])
    title: str | None = Field(None, examples=["quarter turn"])
    angle_degrees: float | None = None
    matrix: list[Any] | None = None
    permutation: list[int] | None = None
    order: int | None = Field(None, examples=[4])
    in_groups: list[str] = Field(default_factory=list, examples=[["C4", "D4"]])
    defect: Defect | None = None
    p_value: float | None = Field(None, description='For "the defect is at most the tolerance", this element alone.')
    p_holm: float | None = Field(None, description="The same as `p_adjusted`, under its first name.")
    p_adjusted: float | None = Field(
        None, description="Adjusted for all elements of the search (step-down, by random signs); below .05 refutes."
    )
    log10_bayes_factor: float | None = None
    witnesses: Any = None
    support: Support | None = None
    laws: ElementLaws | None = None


class ElementList(BaseModel):
    items: list[ElementItem]


class LatticeNode(BaseModel):
    """A group of the lattice, and its candidate."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(examples=["C4"])
    title: str | None = None
    group: str = Field(examples=["C4"])
    labels: str = Field(examples=["trivial"])
    translations: bool | None = None
    order: int | None = Field(examples=[4])
    posted: bool = Field(description="Asked for, and not only a subgroup of what was.")
    place: float = Field(description="Where it stands in its row of a diagram, 0 in the middle.", examples=[-0.5])
    row: int = Field(description="Its row in a diagram, from 0: smaller groups stand below larger ones.", examples=[2])
    candidate_id: str | None
    state: CandidateState | None
    rank: int | None
    verdict: Verdict | None
    posterior: float | None


class Lattice(BaseModel):
    """Groups and covers, as a Hasse diagram needs them."""

    nodes: list[LatticeNode]
    covers: list[tuple[int, int]] = Field(
        description="`[lower, upper]` indices of nodes with nothing between them.", examples=[[[0, 1]]]
    )
