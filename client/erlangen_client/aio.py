"""The asynchronous twin of the client: the same methods, to be awaited; lists and events with `async for`."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Mapping
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
from erlangen_client.client import Client
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


class AsyncClient:
    """`Client` for programs on asyncio: the same arguments, methods and exceptions."""

    def __init__(
        self, url: str | None = None, key: str | None = None, *, patience: float = 10.0, timeout: float = 60.0
    ) -> None:
        self._http = httpx2.AsyncClient(**connection(url, key, timeout))
        self.url = str(self._http.base_url).rstrip("/")
        self._patience = patience

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def alive(self) -> bool:
        return await self._run(scripts.alive())

    async def ready(self) -> Ready:
        return await self._fetch(api.ready())

    async def search(
        self,
        x: Any,
        y: Any = None,
        candidates: Candidates = "auto",
        *,
        progress: Choice = None,
        sending: Sending | None = None,
        **options: Unpack[AllOptions],
    ) -> Result:
        shown = reporter(progress, sending)
        return await self._run(scripts.searched(x, y, candidates, options, shown, self._patience))

    async def upload(
        self, x: Any, y: Any = None, *, progress: SendingChoice = None, **options: Unpack[DatasetOptions]
    ) -> Dataset:
        return await self._run(scripts.uploaded(x, y, options, upload_reporter(progress), self._patience))

    async def start(
        self,
        dataset: str | Dataset,
        candidates: Candidates = "auto",
        *,
        key: str | None = None,
        **options: Unpack[SearchOptions],
    ) -> Search:
        return await self._fetch(api.start(api.question(dataset, candidates, options), key))

    async def estimate(
        self, dataset: str | Dataset, candidates: Candidates = "auto", **options: Unpack[SearchOptions]
    ) -> Estimate:
        return await self._fetch(api.estimate(api.question(dataset, candidates, options)))

    async def wait(self, search: str | Search, *, progress: Choice = None) -> Result:
        return await self._run(scripts.waited(search, reporter(progress), self._patience))

    def follow(self, search: str | Search) -> AsyncIterator[Search]:
        return self._walk(scripts.followed(search))

    def events(self, search: str | Search, *, after: str | None = None) -> AsyncIterator[Event]:
        return self._walk(scripts.event_log(search, after, self._patience))

    async def result(self, search: str | Search) -> Result:
        return await self._run(scripts.result(search, self._patience))

    async def status(self, search: str | Search) -> Search:
        return await self._fetch(api.search(search))

    async def cancel(self, search: str | Search) -> Search:
        return await self._fetch(api.cancel(search))

    async def retry(self, search: str | Search) -> Search:
        return await self._fetch(api.retry(search))

    async def ranking(self, search: str | Search) -> Ranking:
        return await self._fetch(api.ranking(search))

    async def elements(self, search: str | Search) -> Elements:
        return await self._fetch(api.elements(search))

    async def lattice(self, search: str | Search) -> Lattice:
        return await self._fetch(api.lattice(search))

    async def evidence(self, search: str | Search) -> Evidence:
        return await self._fetch(api.evidence(search))

    async def curves(self, search: str | Search) -> Curves:
        return await self._fetch(api.curves(search))

    async def gallery(self, search: str | Search) -> Gallery:
        return await self._fetch(api.gallery(search))

    async def report(self, search: str | Search) -> str:
        return await self._fetch(api.report(search))

    async def candidate(self, candidate: str | Candidate) -> Candidate:
        return await self._fetch(api.candidate(candidate))

    async def equivariance(self, candidate: str | Candidate) -> Equivariance:
        return await self._fetch(api.equivariance(candidate))

    async def download(
        self,
        candidate: str | Candidate,
        path: str | os.PathLike[str] | None = None,
        *,
        format: ModelFormat = "onnx",
    ) -> Path:
        target = scripts.model_path(candidate, path, format)
        return await self._run(scripts.downloaded(api.model(candidate, format), target, self._patience))

    def datasets(self) -> AsyncIterator[Dataset]:
        return self._walk(scripts.listed(api.datasets(), self._patience))

    async def dataset(self, dataset: str | Dataset) -> Dataset:
        return await self._fetch(api.dataset(dataset))

    async def preview(self, dataset: str | Dataset) -> Preview:
        return await self._fetch(api.preview(dataset))

    async def offered(self, dataset: str | Dataset, *, usual: bool = False) -> OfferedGroups:
        return await self._fetch(api.offered(dataset, usual))

    async def delete(self, dataset: str | Dataset) -> None:
        await self._fetch(api.delete(dataset))

    def groups(self, domain: str | None = None) -> AsyncIterator[Group]:
        return self._walk(scripts.listed(api.groups(domain), self._patience))

    def searches(self, **filters: Unpack[SearchFilters]) -> AsyncIterator[Search]:
        return self._walk(scripts.listed(api.searches(filters), self._patience))

    def rankings(self, **filters: Unpack[RankingFilters]) -> AsyncIterator[RankedGroup]:
        return self._walk(scripts.listed(api.rankings(filters), self._patience))

    async def request(self, method: str, path: str, *, json: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        return await self._fetch(api.anything(method, path, json, query))

    async def _fetch(self, call: Call[Answer]) -> Answer:
        return await self._run(scripts.fetched(call, self._patience))

    async def _run(self, script: Script[Out]) -> Out:
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
                    came = await wire.do(step)
                except BaseException as error:
                    raised = error
        finally:
            await wire.close()
            script.close()

    async def _walk(self, script: Script[Any]) -> AsyncIterator[Any]:
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
                    came = await wire.do(step)
        finally:
            await wire.close()
            script.close()


class _ReadAside(httpx2.AsyncByteStream):
    """The body of an upload, read from the disk in a thread while the event loop goes on, and counted as it is sent."""

    def __init__(self, body: httpx2.SyncByteStream, meter: Meter) -> None:
        self._pieces, self._meter = iter(body), meter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await asyncio.to_thread(next, self._pieces, None)) is not None:
            yield piece
            self._meter.count(piece)


class _Wire:
    """Carries out the steps of one script; holds the answer that it reads piece by piece."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._response: httpx2.Response | None = None
        self._pieces: AsyncIterator[Any] | None = None

    async def do(self, step: Step) -> Any:
        try:
            match step:
                case Send(call):
                    request = request_of(self._http, call)
                    if call.file is not None and isinstance(request.stream, httpx2.SyncByteStream):
                        request.stream = _ReadAside(request.stream, Meter(request, call.see))
                    response = await self._http.send(request)
                    return reply_of(response, response.content)
                case Open(call, what):
                    return await self._open(call, what)
                case Next():
                    return None if self._pieces is None else await anext(self._pieces, None)
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Work(function):
                    return await asyncio.to_thread(function)
        except (httpx2.RequestError, httpx2.StreamError) as error:
            return lost(self._http.base_url, error)
        return None

    async def _open(self, call: Call[Any], what: str) -> Reply | Lost:
        await self.close()
        self._response = response = await self._http.send(request_of(self._http, call), stream=True)
        if response.status_code >= 300:
            return reply_of(response, await response.aread())
        self._pieces = response.aiter_bytes() if what == "bytes" else self._events(response)
        return reply_of(response)

    @staticmethod
    async def _events(response: httpx2.Response) -> AsyncIterator[Event]:
        async for sent in httpx2.EventSource(response):
            if (event := event_of(sent)) is not None:
                yield event

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()
            self._response = None


for _name, _method in inspect.getmembers(AsyncClient, inspect.isfunction):
    if not _name.startswith("_"):  # the words are those of the twin
        _method.__doc__ = getattr(Client, _name).__doc__
