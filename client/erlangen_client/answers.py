"""What the service answers about data sets, groups and searches; `findings` has what a search found.

Every class is a frozen dataclass with the fields of the HTTP API under their names; `raw` is the JSON as it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from erlangen_client import notebook
from erlangen_client.findings import Lattice, Ranking, label_of
from erlangen_client.records import Record, Rows

FINISHED = frozenset({"done", "failed", "cancelled"})


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
class ClassCount(Record):
    """How many samples have a label."""

    name: str
    count: int


@dataclass(frozen=True, kw_only=True)
class TargetHistogram(Record):
    """Values of one target in equal bins: `counts[i]` of them lie between `edges[i]` and `edges[i + 1]`."""

    name: str
    mean: float
    std: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PreviewSample(Record):
    """One sample of a data set: an image as a `data:` address, or the first values of a vector."""

    row: int
    label: str | None = None
    target: tuple[float, ...] | None = None
    image: str | None = None
    values: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Preview(Record):
    """What a data set was taken for: class counts or histograms of the targets, and a few samples."""

    n: int
    x_shape: tuple[int, ...]
    dtype: str
    domain: str
    task: str
    source: str
    features: tuple[str, ...] | None = None
    classes: tuple[ClassCount, ...] | None = None
    targets: tuple[TargetHistogram, ...] | None = None
    samples: tuple[PreviewSample, ...] = ()


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
    translations: bool | None = None
    posterior: float | None = None
    confidence: float | None = None
    verdict: str | None = None

    @property
    def label(self) -> str:
        """The group as `Candidate.label` has it."""
        return label_of(self.group, self.labels, self.translations)


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
class Ready(Record):
    """A service that can do its work. `checks`: what was looked at, and `ok`."""

    status: str
    checks: Mapping[str, str]


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
    place: float = 0.0
    row: int = 0


@dataclass(frozen=True, kw_only=True)
class OfferedGroups(Rows[OfferedGroup]):
    """The groups that can be named for a data set. `covers`: pairs (lower, upper) of items with none between them;
    `auto`: those that "auto" stands for."""

    items: tuple[OfferedGroup, ...]
    covers: tuple[tuple[int, ...], ...] = ()
    auto: tuple[str, ...] = ()


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
