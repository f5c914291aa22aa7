"""What a search found: candidates with their verdicts, elements, the lattice, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from erlangen_client import notebook
from erlangen_client.records import Record, Rows


@dataclass(frozen=True, kw_only=True)
class Interval(Record):
    """An estimate and its interval."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Defect(Record):
    """The share of the learned information that an element destroys: 0 is symmetric, about 1 loses everything.

    `low` and `high` hold for this element alone, `bound` from above for all elements of the search at once."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None


@dataclass(frozen=True, kw_only=True)
class LabelsSaved(Record):
    """How many times its labels the trivial group's network would need to do as well."""

    factor: float | None = None
    low: float | None = None
    high: float | None = None
    bound: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class PairedLoss(Record):
    """Bits by which a group's own network loses less than those of the subgroups `against`, with a standard error."""

    bits: float | None = None
    error: float | None = None
    against: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidate(Record):
    """One candidate with its verdict and its numbers; what is not known is None.

    The fields from `search_id` on are there when a single candidate was asked for.
    """

    candidate_id: str
    group: str
    labels: str
    state: str
    rank: int | None = None
    name: str | None = None
    title: str | None = None
    label_action: tuple[Any, ...] | None = None
    translations: bool | None = None
    order: int | None = None
    verdict: str | None = None
    reason: str | None = None
    posterior: float | None = None
    score: float | None = None
    accuracy_term: float | None = None
    consistency_term: float | None = None
    complexity_term: float | None = None
    imposed_bits: float | None = None
    patch_bits: float | None = None
    paired_loss: PairedLoss | None = None
    accuracy: Interval | None = None
    r2: Interval | None = None
    loss_bits: Interval | None = None
    gain_bits: Any = None
    labels_saved: LabelsSaved | None = None
    bits_saved: Interval | None = None
    defect: Defect | None = None
    equivariance_error: float | None = None
    fields: int | None = None
    parameters: int | None = None
    flops: float | None = None
    seconds: float | None = None
    files: tuple[str, ...] = ()
    missing: Mapping[str, str] | None = None
    spared: str | None = None
    attempt: int = 0
    error: str | None = None
    search_id: str | None = None
    dataset_id: str | None = None
    spec: Mapping[str, Any] | None = None
    progress: float | None = None
    metrics: Mapping[str, Any] | None = None
    has_model: bool | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def label(self) -> str:
        """The group, whether it is about the centre alone, and how it acts on the labels where it moves them."""
        return label_of(self.group, self.labels, self.translations)


@dataclass(frozen=True, kw_only=True)
class Ranking(Rows[Candidate]):
    """Candidates, best first; before the search is done, in plan order without ranks."""

    items: tuple[Candidate, ...]
    state: str
    confidence: float | None = None
    tolerance: float | None = None

    def _repr_html_(self) -> str:
        return notebook.ranking_table(self)


@dataclass(frozen=True, kw_only=True)
class Support(Record):
    """Whether the data shows the moved pose at all: shown, not_shown or unclear."""

    status: str | None = None
    p_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Element(Record):
    """The evidence on one class of elements."""

    element: str
    title: str | None = None
    angle_degrees: float | None = None
    matrix: tuple[Any, ...] | None = None
    permutation: tuple[int, ...] | None = None
    order: int | None = None
    in_groups: tuple[str, ...] = ()
    defect: Defect | None = None
    p_value: float | None = None
    p_holm: float | None = None
    p_adjusted: float | None = None
    log10_bayes_factor: float | None = None
    witnesses: Any = None
    support: Support | None = None
    laws: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Elements(Rows[Element]):
    """The evidence on every class of elements of a search."""

    items: tuple[Element, ...]


@dataclass(frozen=True, kw_only=True)
class LatticeNode(Record):
    """A group of the lattice, and its candidate. `place`, `row`: where it stands in a drawing."""

    name: str
    group: str
    labels: str = "trivial"
    title: str | None = None
    translations: bool | None = None
    order: int | None = None
    posted: bool = True
    candidate_id: str | None = None
    state: str | None = None
    rank: int | None = None
    verdict: str | None = None
    posterior: float | None = None
    place: float | None = None
    row: int | None = None


@dataclass(frozen=True, kw_only=True)
class Lattice(Record):
    """Groups and covers: `covers` holds (lower, upper) indices of nodes with nothing between them."""

    nodes: tuple[LatticeNode, ...]
    covers: tuple[tuple[int, ...], ...] = ()

    def _repr_html_(self) -> str:
        return notebook.lattice_picture(self)


@dataclass(frozen=True, kw_only=True)
class Evidence(Record):
    """What was found about the data as a whole; parts are None where they do not apply. docs/evidence.md explains."""

    spectrum: tuple[Mapping[str, Any], ...] | None = None
    stopping: Mapping[str, Any] | None = None
    prior: tuple[Mapping[str, Any], ...] = ()
    tolerance_sweep: tuple[Mapping[str, Any], ...] = ()
    more_data: Mapping[str, Any] | None = None
    label_actions: tuple[Mapping[str, Any], ...] | None = None
    laws: Mapping[str, Any] | None = None
    duplicates: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Curve(Record):
    """The learning curve of one candidate, and what follows from it."""

    candidate_id: str
    group: str
    labels: str
    name: str | None = None
    translations: bool | None = None
    against: str | None = None
    sizes: tuple[int, ...] = ()
    loss_bits: tuple[Interval, ...] = ()
    accuracy: tuple[Interval, ...] | None = None
    r2: tuple[Interval, ...] | None = None
    seeds: int | None = None
    code_length_bits: Mapping[str, float] | None = None
    bits_saved_against_trivial: Interval | None = None
    labels_saved: LabelsSaved | None = None
    imposing_costs_bits: Interval | None = None
    price: Mapping[str, Any] | None = None
    cut: str | None = None

    @property
    def label(self) -> str:
        """The group as `Candidate.label` has it."""
        return label_of(self.group, self.labels, self.translations)


@dataclass(frozen=True, kw_only=True)
class Curves(Rows[Curve]):
    """One learning curve for each candidate, in plan order."""

    items: tuple[Curve, ...]
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class RankedGroup(Record):
    """A candidate of one search among those of all searches."""

    candidate_id: str
    search_id: str
    group: str
    labels: str
    search_name: str = ""
    dataset_id: str = ""
    dataset_name: str = ""
    domain: str = ""
    task: str = ""
    n: int = 0
    finished_at: datetime | None = None
    translations: bool | None = None
    order: int | None = None
    rank: int | None = None
    verdict: str | None = None
    posterior: float | None = None
    confidence: float | None = None
    score: float | None = None

    @property
    def label(self) -> str:
        """The group as `Candidate.label` has it."""
        return label_of(self.group, self.labels, self.translations)


def label_of(group: str, labels: str | None, translations: bool | None) -> str:
    """A group with what sets it apart from others of its name."""
    centred = " about the centre" if translations is False and group != "E" else ""
    return group + centred + (f" (labels: {labels})" if labels not in (None, "trivial") else "")


@dataclass(frozen=True, kw_only=True)
class EquivarianceRow(Record):
    """How far f(g x) is from g f(x) for one element g, relative to what a sample adds to the answer to a blank one.

    `where`: centre, boundary, clutter or vector. `error`: 0 is exact; None where outputs do not differ.
    """

    element: str
    where: str
    angle_degrees: float | None = None
    member: bool | None = None
    band: str | None = None
    antialiased: bool | None = None
    error: float | None = None


@dataclass(frozen=True, kw_only=True)
class Equivariance(Rows[EquivarianceRow]):
    """How equivariant a trained network is, element by element, on `samples` test samples of each row."""

    items: tuple[EquivarianceRow, ...] = ()
    samples: int | None = None
    seconds: float | None = None
