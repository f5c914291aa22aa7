"""The client: every operation of the service as a method, each a description or script that is carried out here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx2

from erlangen_client import api, scripts
from erlangen_client.answers import Dataset, Estimate, Event, Group, OfferedGroups, Preview, Ready, Result, Search
from erlangen_client.api import (
    AllOptions,
    Answer,
    Call,
    Candidates,
    DatasetOptions,
    ModelFormat,
    RankingFilters,
    SearchFilters,
    SearchOptions,
)
from erlangen_client.findings import Candidate, Curves, Elements, Equivariance, Evidence, Lattice, RankedGroup, Ranking
from erlangen_client.gallery import Gallery
from erlangen_client.progress import Choice, Sending, SendingChoice, reporter, upload_reporter
from erlangen_client.steps import (
    Emit,
    Lost,
    Meter,
    Next,
    Open,
    Out,
    Pause,
    Reply,
    Script,
    Send,
    Step,
    Work,
    connection,
    event_of,
    lost,
    reply_of,
    request_of,
)


class Client:
    """One service.

    url: its address, by default $ERLANGEN_URL or http://127.0.0.1:8000. key: the API key, by default $ERLANGEN_API_KEY.
    patience: seconds for which calls that may be repeated (GET, DELETE, uploads, and what carries an idempotency key)
    are tried again when the connection fails or the service is busy; 0 never. timeout: seconds to wait for one answer.
    Safe to use from several threads; close it, or use it as a context manager.

    Every method raises ServiceError for a refusal, Unreachable when nothing answers. Where a data set, search or
    candidate is asked for, its id will do.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, *, patience: float = 10.0, timeout: float = 60.0
    ) -> None:
        self._http = httpx2.Client(**connection(url, key, timeout))
        self.url = str(self._http.base_url).rstrip("/")
        self._patience = patience

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def alive(self) -> bool:
        """Whether the service answers; asks once."""
        return self._run(scripts.alive())

    def ready(self) -> Ready:
        """Whether the service can do its work. Raises ServiceError with what is wrong, after `patience`."""
        return self._fetch(api.ready())

    def search(
        self,
        x: Any,
        y: Any = None,
        candidates: Candidates = "auto",
        *,
        progress: Choice = None,
        sending: Sending | None = None,
        **options: Unpack[AllOptions],
    ) -> Result:
        """Send data, search its symmetry, wait, and return what was found.

        x: an array, tensor or pandas frame of samples; a path of an npz, csv, parquet or zip file; or a folder with one
        folder of images per class. y: labels or targets; for a frame also the name of a column, or several.
        candidates: a list of groups, or "auto". progress: None shows a bar where somebody watches, of the bytes sent,
        then of the search; True and False decide; a function is called with the search whenever it has moved. sending:
        a function that is called with `Sent` while the data is sent. options: see SearchOptions, UploadOptions.
        Raises SearchFailed when the search fails or is cancelled, InputError for data that cannot be sent.
        """
        return self._run(scripts.searched(x, y, candidates, options, reporter(progress, sending), self._patience))

    def upload(
        self, x: Any, y: Any = None, *, progress: SendingChoice = None, **options: Unpack[DatasetOptions]
    ) -> Dataset:
        """Send data as a data set; x and y as in `search`. The same bytes with the same options give the same one.

        For that reason it is sent again when the connection fails or the service is busy: no second one comes of it.
        `patience` counts from the first failure, however long sending takes. progress: None shows a bar of the bytes
        sent where somebody watches; True and False decide; a function is called with `Sent`.
        """
        return self._run(scripts.uploaded(x, y, options, upload_reporter(progress), self._patience))

    def start(
        self,
        dataset: str | Dataset,
        candidates: Candidates = "auto",
        *,
        key: str | None = None,
        **options: Unpack[SearchOptions],
    ) -> Search:
        """Start a search over a data set and return at once.

        key: an idempotency key; the same key starts no second search. Without one a fresh one is made for this call.
        """
        return self._fetch(api.start(api.question(dataset, candidates, options), key))

    def estimate(
        self, dataset: str | Dataset, candidates: Candidates = "auto", **options: Unpack[SearchOptions]
    ) -> Estimate:
        """Plan a search without starting it: its candidates, their networks, and the time it may take."""
        return self._fetch(api.estimate(api.question(dataset, candidates, options)))

    def wait(self, search: str | Search, *, progress: Choice = None) -> Result:
        """Wait until a search is finished. Raises SearchFailed when it failed or was cancelled."""
        return self._run(scripts.waited(search, reporter(progress), self._patience))

    def follow(self, search: str | Search) -> Iterator[Search]:
        """The search as it stands, whenever it has moved, until it is finished."""
        return self._walk(scripts.followed(search))

    def events(self, search: str | Search, *, after: str | None = None) -> Iterator[Event]:
        """The event log of a search from its beginning, or from after an event's id, until the search is finished."""
        return self._walk(scripts.event_log(search, after, self._patience))

    def result(self, search: str | Search) -> Result:
        """A search with its ranking and lattice, as they stand."""
        return self._run(scripts.result(search, self._patience))

    def status(self, search: str | Search) -> Search:
        """A search as it stands."""
        return self._fetch(api.search(search))

    def cancel(self, search: str | Search) -> Search:
        """Stop a search; it is `cancelling` until what runs has stopped."""
        return self._fetch(api.cancel(search))

    def retry(self, search: str | Search) -> Search:
        """Queue the candidates that failed, crashed or were cancelled again."""
        return self._fetch(api.retry(search))

    def ranking(self, search: str | Search) -> Ranking:
        """The candidates of a search, best first."""
        return self._fetch(api.ranking(search))

    def elements(self, search: str | Search) -> Elements:
        """The evidence on every class of elements."""
        return self._fetch(api.elements(search))

    def lattice(self, search: str | Search) -> Lattice:
        """Which group contains which."""
        return self._fetch(api.lattice(search))

    def evidence(self, search: str | Search) -> Evidence:
        """What was found about the data as a whole."""
        return self._fetch(api.evidence(search))

    def curves(self, search: str | Search) -> Curves:
        """Learning curves: what each candidate is worth."""
        return self._fetch(api.curves(search))

    def gallery(self, search: str | Search) -> Gallery:
        """Samples with the elements applied, and what a network says of them."""
        return self._fetch(api.gallery(search))

    def report(self, search: str | Search) -> str:
        """The report of a finished search, one HTML file."""
        return self._fetch(api.report(search))

    def candidate(self, candidate: str | Candidate) -> Candidate:
        """One candidate, with what training measured."""
        return self._fetch(api.candidate(candidate))

    def equivariance(self, candidate: str | Candidate) -> Equivariance:
        """How far the answers of a trained network move when a sample is moved."""
        return self._fetch(api.equivariance(candidate))

    def download(
        self,
        candidate: str | Candidate,
        path: str | os.PathLike[str] | None = None,
        *,
        format: ModelFormat = "onnx",
    ) -> Path:
        """Write the trained network of a candidate to a file, or into a folder; returns where it is."""
        target = scripts.model_path(candidate, path, format)
        return self._run(scripts.downloaded(api.model(candidate, format), target, self._patience))

    def datasets(self) -> Iterator[Dataset]:
        """All data sets, newest first."""
        return self._walk(scripts.listed(api.datasets(), self._patience))

    def dataset(self, dataset: str | Dataset) -> Dataset:
        """What is known of one data set."""
        return self._fetch(api.dataset(dataset))

    def preview(self, dataset: str | Dataset) -> Preview:
        """Class counts or histograms of the target, and a few samples."""
        return self._fetch(api.preview(dataset))

    def offered(self, dataset: str | Dataset, *, usual: bool = False) -> OfferedGroups:
        """The groups that can be named for a data set, and which lies in which; `usual`: without the rare ones."""
        return self._fetch(api.offered(dataset, usual))

    def delete(self, dataset: str | Dataset) -> None:
        """Delete a data set; refused while a search uses it."""
        self._fetch(api.delete(dataset))

    def groups(self, domain: str | None = None) -> Iterator[Group]:
        """The groups that can be named, for a domain or for all."""
        return self._walk(scripts.listed(api.groups(domain), self._patience))

    def searches(self, **filters: Unpack[SearchFilters]) -> Iterator[Search]:
        """All searches, newest first."""
        return self._walk(scripts.listed(api.searches(filters), self._patience))

    def rankings(self, **filters: Unpack[RankingFilters]) -> Iterator[RankedGroup]:
        """Candidates of all finished searches, the most probable first."""
        return self._walk(scripts.listed(api.rankings(filters), self._patience))

    def request(self, method: str, path: str, *, json: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        """Any other operation of the service: the JSON that it answers."""
        return self._fetch(api.anything(method, path, json, query))

    def _fetch(self, call: Call[Answer]) -> Answer:
        return self._run(scripts.fetched(call, self._patience))

    def _run(self, script: Script[Out]) -> Out:
        """What a script returns."""
        wire = _Wire(self._http)
        came: Any = None
        raised: BaseException | None = None
        try:
            while True:
                try:
                    step = script.send(came) if raised is None else script.throw(raised)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                came, raised = None, None
                try:
                    came = wire.do(step)
                except BaseException as error:
                    raised = error
        finally:
            wire.close()
            script.close()

    def _walk(self, script: Script[Any]) -> Iterator[Any]:
        """What a script emits."""
        wire = _Wire(self._http)
        came: Any = None
        try:
            while True:
                try:
                    step = script.send(came)
                except StopIteration:
                    return
                came = None
                if isinstance(step, Emit):
                    yield step.item
                else:
                    came = wire.do(step)
        finally:
            wire.close()
            script.close()


class _Counted(httpx2.SyncByteStream):
    """The body of an upload, counted as it is sent."""

    def __init__(self, body: httpx2.SyncByteStream, meter: Meter) -> None:
        self._body, self._meter = body, meter

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            yield piece
            self._meter.count(piece)


class _Wire:
    """Carries out the steps of one script; holds the answer that it reads piece by piece."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._response: httpx2.Response | None = None
        self._pieces: Iterator[Any] = iter(())

    def do(self, step: Step) -> Any:
        try:
            match step:
                case Send(call):
                    request = request_of(self._http, call)
                    if call.file is not None and isinstance(request.stream, httpx2.SyncByteStream):
                        request.stream = _Counted(request.stream, Meter(request, call.see))
                    response = self._http.send(request)
                    return reply_of(response, response.content)
                case Open(call, what):
                    return self._open(call, what)
                case Next():
                    return next(self._pieces, None)
                case Pause(seconds):
                    time.sleep(seconds)
                case Work(function):
                    return function()
        except (httpx2.RequestError, httpx2.StreamError) as error:
            return lost(self._http.base_url, error)
        return None

    def _open(self, call: Call[Any], what: str) -> Reply | Lost:
        self.close()
        self._response = response = self._http.send(request_of(self._http, call), stream=True)
        if response.status_code >= 300:
            return reply_of(response, response.read())
        self._pieces = response.iter_bytes() if what == "bytes" else self._events(response)
        return reply_of(response)

    @staticmethod
    def _events(response: httpx2.Response) -> Iterator[Event]:
        for sent in httpx2.EventSource(response):
            if (event := event_of(sent)) is not None:
                yield event

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None
