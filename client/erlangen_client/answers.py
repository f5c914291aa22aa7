"""What the service answers: data sets, searches, and what a search found.

Every class is a frozen dataclass with the fields of the HTTP API under their names; `raw` is the JSON as it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from erlangen_client import notebook
from erlangen_client.records import Record, Rows

FINISHED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Interval(Record):
    """An estimate and its interval."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Defect(Record):
    """The share of the learned information that an element destroys: 0 is symmetric, about 1 loses everything."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset(Record):
    """An accepted data set. `x_shape`: of one sample, [channels, h, w] or [d]."""

    id: str
    name: str
    domain: str
    task: str
    n: int
    x_shape: tuple[int, ...]
    classes: tuple[str, ...] | None = None
    target_dim: int | None = None
    sha256: str = ""
    bytes: int = 0
    created_at: datetime | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Group(Record):
    """A group that can be named in a search."""

    name: str
    title: str | None = None
    order: int | None = None
    continuous: bool = False
    generators: tuple[Any, ...] = ()
    elements: tuple[str, ...] = ()
    subgroups: tuple[str, ...] | None = None
    supported: Mapping[str, str]
    label_actions: tuple[str, ...] = ()
    architectures: Mapping[str, Any] | None = None
    point_group: str | None = None
    kernel_parameters: int | None = None


@dataclass(frozen=True, kw_only=True)
class Progress(Record):
    """How far a search is: candidates finished, all of them, and the share of the work."""

    done: int
    total: int
    fraction: float
    eta_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Best(Record):
    """The best guess of the full symmetry group."""

    group: str
    labels: str | None = None
    posterior: float | None = None
    confidence: float | None = None
    verdict: str | None = None


@dataclass(frozen=True, kw_only=True)
class Search(Record):
    """A search and how far it is. `state`: queued, running, cancelling, done, failed or cancelled."""

    id: str
    name: str
    dataset_id: str
    state: str
    progress: Progress
    dataset_name: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    best: Best | None = None
    summary: str = ""
    confidence: float | None = None
    warnings: tuple[Any, ...] = ()
    error: str | None = None
    request: Mapping[str, Any] | None = None

    @property
    def finished(self) -> bool:
        """Whether it is done, failed or cancelled."""
        return self.state in FINISHED

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings as sentences."""
        return tuple(str(w.get("detail", w)) if isinstance(w, Mapping) else str(w) for w in self.warnings)


@dataclass(frozen=True, kw_only=True)
class Estimate(Record):
    """A search that was planned and not started: its candidates, and the seconds it may take where that is known."""

    dataset_id: str
    candidates: tuple[Mapping[str, Any], ...]
    covers: tuple[tuple[int, ...], ...] = ()
    elements: tuple[Mapping[str, Any], ...] = ()
    label_actions_to_find: bool = False
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] | None = None
    basis: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class OfferedGroup(Record):
    """A group that can be named, as it stands, for one data set."""

    name: str
    title: str = ""
    order: int | None = None
    labels: tuple[str, ...] = ()
    centred: bool = False
    interpolated: bool = False
    usual: bool = False
    contains: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OfferedGroups(Rows[OfferedGroup]):
    """The groups that can be named for a data set. `auto`: those that "auto" stands for."""

    items: tuple[OfferedGroup, ...]
    auto: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LabelsSaved(Record):
    """How many times its labels the trivial group's network would need to do as well."""

    factor: float | None = None
    low: float | None = None
    high: float | None = None
    bound: str | None = None
    reason: str | None = None


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
        """The group, and how it acts on the labels where it moves them."""
        return self.group if self.labels == "trivial" else f"{self.group} (labels: {self.labels})"


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
    order: int | None = None
    rank: int | None = None
    verdict: str | None = None
    posterior: float | None = None
    confidence: float | None = None
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Event(Record):
    """One event of a search's log: search, trial, progress, epoch, planned or ranked; `data` says what happened."""

    id: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result(Record):
    """A finished search with its ranking and lattice; a notebook shows it as a picture and a table."""

    search: Search
    ranking: Ranking
    lattice: Lattice

    @property
    def best(self) -> Best | None:
        """The best guess of the full symmetry group, with its posterior and verdict."""
        return self.search.best

    @property
    def summary(self) -> str:
        """The answer in one sentence."""
        return self.search.summary

    def to_frame(self) -> Any:
        """The ranking as a pandas frame. Raises ImportError where pandas is not installed."""
        return self.ranking.to_frame()

    def __str__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        return notebook.result_page(self)
