"""The operations of the HTTP API as plain descriptions of requests, shared by both clients."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote

from erlangen_client.answers import Dataset, Estimate, Group, OfferedGroups, Preview, Ready, Search
from erlangen_client.errors import InputError, UnexpectedAnswer
from erlangen_client.findings import Candidate, Curves, Elements, Equivariance, Evidence, Lattice, RankedGroup, Ranking
from erlangen_client.gallery import Gallery
from erlangen_client.records import Record

Answer = TypeVar("Answer")
CandidateSpec = str | Mapping[str, Any]
Candidates = Literal["auto"] | str | Sequence[CandidateSpec]
ModelFormat = Literal["onnx", "safetensors"]
REPEATABLE = frozenset({"GET", "HEAD", "DELETE"})
IDEMPOTENCY_KEY = "Idempotency-Key"
READING_SECONDS = 660.0  # a data set is read before it is answered for
SILENCE_SECONDS = 45.0  # an event stream speaks at least every 15 s


class SearchOptions(TypedDict, total=False):
    """What a search may be asked beside its candidates. What is left out takes the service's default."""

    include_subgroups: bool
    tolerance: float
    folds: int
    seeds: int
    weights: Mapping[str, float]
    budget: Mapping[str, float]
    matching: Literal["parameters", "flops"]
    stopping: Literal["settled"] | None
    utility: Literal["full", "fast", "off"]
    utility_seeds: int
    seed: int
    device: Literal["auto", "cpu", "cuda"]
    name: str


class UploadOptions(TypedDict, total=False):
    """How a file is to be read. What is left out is found from the data."""

    domain: str
    task: str
    target: str
    groups: Any
    split: Any


class AllOptions(UploadOptions, SearchOptions, total=False):
    """Options of an upload and of the search over it."""


class DatasetOptions(UploadOptions, total=False):
    """Options of an upload, and the name of the data set."""

    name: str


class SearchFilters(TypedDict, total=False):
    """Which searches to list. `order`: newest or oldest."""

    state: str
    dataset_id: str
    group: str
    verdict: str
    order: Literal["newest", "oldest"]


class RankingFilters(TypedDict, total=False):
    """Which candidates of all searches to list. `max_rank` 1: only the best of each."""

    group: str
    domain: str
    verdict: str
    min_posterior: float
    max_rank: int


@dataclass(frozen=True, slots=True)
class Sent:
    """How far an upload is, in bytes of the request: the file, and a few hundred for its name and options."""

    bytes: int
    total: int

    @property
    def fraction(self) -> float:
        """The share that is sent."""
        return self.bytes / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Answer]):
    """One request, and how its answer is read.

    seconds: how long to wait for the answer, if not as long as usual. see: is called as the body of an upload is sent.
    """

    method: str
    path: str
    read: Callable[[Any], Answer]
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    file: tuple[str, BinaryIO, str] | None = None
    see: Callable[[Sent], None] | None = None
    seconds: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once; a file is known to the service by its bytes."""
        return self.method in REPEATABLE or IDEMPOTENCY_KEY in self.headers or self.file is not None


def id_of(thing: str | Record, field_name: str = "id") -> str:
    """The id of a record, or the id itself, safe in a path."""
    return quote(thing if isinstance(thing, str) else str(getattr(thing, field_name)), safe="")


def is_visible(text: str) -> bool:
    """Whether a text may stand in a header: visible ASCII alone."""
    return all("!" <= letter <= "~" for letter in text)


def anything(method: str, path: str, json: Any = None, query: Mapping[str, Any] | None = None) -> Call[Any]:
    return Call(method=method, path=path, read=lambda raw: raw, json=json, query=query or {})


def ready() -> Call[Ready]:
    return Call(method="GET", path="/readyz", read=Ready.read)


def upload(
    file: BinaryIO, name: str, form: Mapping[str, str], see: Callable[[Sent], None] | None = None
) -> Call[Dataset]:
    part = (name, file, "application/octet-stream")
    return Call(
        method="POST", path="/v1/datasets", read=Dataset.read, form=form, file=part, see=see, seconds=READING_SECONDS
    )


def question(dataset: str | Dataset, candidates: Candidates, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body that asks for a search. Raises InputError for what JSON cannot hold."""
    if isinstance(candidates, str) and candidates != "auto":
        candidates = [candidates]
    chosen = dataset if isinstance(dataset, str) else dataset.id
    body = {"dataset_id": chosen, "candidates": candidates, **options}
    try:
        return json.loads(json.dumps(body, default=_plain, allow_nan=False))  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        raise InputError(f"The search cannot be asked for in JSON: {error}") from None


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy, tuples of them and other mappings as JSON has them."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON")


def start(body: Mapping[str, Any], key: str | None) -> Call[Search]:
    if not is_visible(key or ""):
        raise InputError("An idempotency key is visible ASCII without spaces.")
    headers = {IDEMPOTENCY_KEY: key or secrets.token_hex(16)}
    return Call(method="POST", path="/v1/searches", read=Search.read, json=body, headers=headers)


def estimate(body: Mapping[str, Any]) -> Call[Estimate]:
    return Call(method="POST", path="/v1/searches/estimate", read=Estimate.read, json=body)


def dataset(thing: str | Dataset) -> Call[Dataset]:
    return Call(method="GET", path=f"/v1/datasets/{id_of(thing)}", read=Dataset.read)


def preview(thing: str | Dataset) -> Call[Preview]:
    return Call(method="GET", path=f"/v1/datasets/{id_of(thing)}/preview", read=Preview.read)


def offered(thing: str | Dataset, usual: bool) -> Call[OfferedGroups]:
    query = {"usual": True} if usual else {}
    return Call(method="GET", path=f"/v1/datasets/{id_of(thing)}/groups", read=OfferedGroups.read, query=query)


def delete(thing: str | Dataset) -> Call[None]:
    return Call(method="DELETE", path=f"/v1/datasets/{id_of(thing)}", read=lambda raw: None)


def _of_search(search: str | Search, part: str, read: Callable[[Any], Answer], method: str = "GET") -> Call[Answer]:
    return Call(method=method, path=f"/v1/searches/{id_of(search)}{part}", read=read)


def search(thing: str | Search) -> Call[Search]:
    return _of_search(thing, "", Search.read)


def cancel(thing: str | Search) -> Call[Search]:
    return _of_search(thing, "/cancel", Search.read, "POST")


def retry(thing: str | Search) -> Call[Search]:
    return _of_search(thing, "/retry", Search.read, "POST")


def ranking(thing: str | Search) -> Call[Ranking]:
    return _of_search(thing, "/ranking", Ranking.read)


def elements(thing: str | Search) -> Call[Elements]:
    return _of_search(thing, "/elements", Elements.read)


def lattice(thing: str | Search) -> Call[Lattice]:
    return _of_search(thing, "/lattice", Lattice.read)


def evidence(thing: str | Search) -> Call[Evidence]:
    return _of_search(thing, "/evidence", Evidence.read)


def curves(thing: str | Search) -> Call[Curves]:
    return _of_search(thing, "/curves", Curves.read)


def gallery(thing: str | Search) -> Call[Gallery]:
    return _of_search(thing, "/gallery", Gallery.read)


def report(thing: str | Search) -> Call[str]:
    return _of_search(thing, "/report", str)


def events(thing: str | Search, after: str | None) -> Call[None]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    path = f"/v1/searches/{id_of(thing)}/events"
    return Call(method="GET", path=path, read=lambda raw: None, headers=headers, seconds=SILENCE_SECONDS)


def candidate(thing: str | Candidate) -> Call[Candidate]:
    return Call(method="GET", path=f"/v1/candidates/{id_of(thing, 'candidate_id')}", read=Candidate.read)


def equivariance(thing: str | Candidate) -> Call[Equivariance]:
    path = f"/v1/candidates/{id_of(thing, 'candidate_id')}/equivariance"
    return Call(method="GET", path=path, read=Equivariance.read)


def model(thing: str | Candidate, form: ModelFormat) -> Call[None]:
    path = f"/v1/candidates/{id_of(thing, 'candidate_id')}/model"
    return Call(method="GET", path=path, read=lambda raw: None, query={"format": form})


@dataclass(frozen=True, slots=True)
class Listing(Generic[Answer]):
    """A list of the API that is read page by page."""

    path: str
    read: Callable[[Any], Answer]
    query: Mapping[str, Any]

    def page(self, cursor: str | None) -> Call[tuple[list[Answer], str | None]]:
        """One page: its items, and the cursor of the next."""

        def read(raw: Any) -> tuple[list[Answer], str | None]:
            if not isinstance(raw, Mapping) or not isinstance(raw.get("items"), list):
                raise UnexpectedAnswer(f"expected a list of items, got {raw!r:.100}")
            return [self.read(item) for item in raw["items"]], raw.get("next_cursor")

        query = {**self.query} | ({"cursor": cursor} if cursor else {})
        return Call(method="GET", path=self.path, read=read, query=query)


def datasets() -> Listing[Dataset]:
    return Listing("/v1/datasets", Dataset.read, {})


def groups(domain: str | None) -> Listing[Group]:
    return Listing("/v1/groups", Group.read, {"domain": domain} if domain else {})


def searches(filters: Mapping[str, Any]) -> Listing[Search]:
    return Listing("/v1/searches", Search.read, filters)


def rankings(filters: Mapping[str, Any]) -> Listing[RankedGroup]:
    return Listing("/v1/rankings", RankedGroup.read, filters)
