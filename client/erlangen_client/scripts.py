"""What takes more than one request: trying again, listing, following a search, sending data, downloading."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

from erlangen_client import api, inputs
from erlangen_client.answers import Dataset, Event, Result, Search
from erlangen_client.api import Answer, Call, Candidates, Listing
from erlangen_client.errors import SearchFailed, ServiceError, UnexpectedAnswer, Unreachable
from erlangen_client.findings import Candidate
from erlangen_client.progress import Progress
from erlangen_client.steps import Emit, Lost, Next, Open, Pause, Reply, Script, Send, Work, watched

# Answers that another attempt may better. 409 only where the service says when.
BUSY = frozenset({429, 502, 503, 504})
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
FIRST_POLL, LONGEST_POLL = 0.2, 5.0
LEAST_BETWEEN_READS = 0.25
FOLLOW_PATIENCE = 60.0  # a restart of the service is waited for
DEAF_AFTER = 3  # event streams that broke before their first event: from then on the search is asked for


def sent(call: Call[Any], patience: float, opens: Any = None) -> Script[Reply]:
    """The reply to a call; a repeatable one is tried again for up to `patience` seconds. Raises Unreachable."""
    began, attempt = time.monotonic(), 0
    while True:
        outcome: Reply | Lost = yield Open(call, opens) if opens else Send(call)
        if call.file is not None and attempt == 0:
            began = time.monotonic()  # a file takes as long as it takes
        pause = _pause_before_the_next(outcome, attempt)
        too_late = pause is not None and time.monotonic() + pause > began + patience
        if pause is None or too_late or not call.repeatable:
            break
        yield Pause(pause)
        attempt += 1
    if isinstance(outcome, Lost):
        raise Unreachable(outcome.reason)
    if outcome.status == 404 and call.method == "DELETE" and attempt:
        return Reply(204, {})  # an earlier attempt did it, and its answer was lost
    return outcome


def _pause_before_the_next(outcome: Reply | Lost, attempt: int) -> float | None:
    """Seconds to wait before another attempt, as the service says or growing; None if another would not help."""
    growing: float = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * random.uniform(0.75, 1.25)
    if isinstance(outcome, Lost):
        return growing
    asked = _retry_after(outcome.headers.get("retry-after", ""))
    if outcome.status in BUSY or (outcome.status == 409 and asked is not None):
        return growing if asked is None else asked
    return None


def _retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date."""
    if value.strip().isdecimal():
        return float(value)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return None


def fetched(call: Call[Answer], patience: float) -> Script[Answer]:
    """What a call answers. Raises ServiceError for a refusal, Unreachable."""
    reply = yield from sent(call, patience)
    reply.raise_for_status()
    return call.read(reply.content)


def listed(listing: Listing[Any], patience: float) -> Script[None]:
    """Emits every item of a list, page by page."""
    cursor: str | None = None
    while True:
        items, cursor = yield from fetched(listing.page(cursor), patience)
        for item in items:
            yield Emit(item)
        if cursor is None:
            return


def event_log(search: str | Search, after: str | None, patience: float) -> Script[None]:
    """Emits the events of a search until it is finished; a broken stream is taken up where it broke."""
    last, failed, finished = after, 0, False
    while True:
        reply = yield from sent(api.events(search, last), patience, "events")
        reply.raise_for_status()
        while isinstance(event := (yield Next()), Event):
            last, failed = event.id, 0
            yield Emit(event)
        if event is None and finished:
            return
        if event is None and (yield from fetched(api.search(search), patience)).finished:
            finished = True  # the next stream has what this one may have missed, and is the last
            continue
        yield Pause(min(FIRST_PAUSE * 2**failed, LONGEST_PAUSE))
        failed += 1


def followed(thing: str | Search) -> Script[Search]:
    """Emits a search as it stands whenever it has moved, and returns it as it ended.

    Server-sent events say when to look; where they do not get through, it is asked for at growing intervals.
    """
    patience = FOLLOW_PATIENCE
    search = yield from fetched(api.search(thing), patience)
    yield Emit(search)
    last: str | None = None
    broken = 0
    while not search.finished and broken < DEAF_AFTER:
        reply = yield from sent(api.events(search, last), patience, "events")
        if reply.status != 200 or "text/event-stream" not in reply.headers.get("content-type", ""):
            break
        read_at = time.monotonic()
        while isinstance(event := (yield Next()), Event):
            last, broken = event.id, 0
            if event.kind == "epoch":
                continue
            if event.kind != "search" and time.monotonic() < read_at + LEAST_BETWEEN_READS:
                continue
            search = yield from fetched(api.search(thing), patience)
            read_at = time.monotonic()
            yield Emit(search)
            if search.finished:
                return search
        search = yield from fetched(api.search(thing), patience)
        yield Emit(search)
        broken += 1
        if not search.finished:
            yield Pause(FIRST_PAUSE * 2**broken)
    pause = FIRST_POLL
    while not search.finished:
        yield Pause(pause)
        search = yield from fetched(api.search(thing), patience)
        yield Emit(search)
        pause = min(1.5 * pause, LONGEST_POLL)
    return search


def waited(thing: str | Search, progress: Progress, patience: float) -> Script[Result]:
    """A search's result once it is finished. Raises SearchFailed where it failed or was cancelled."""
    with progress:
        search = yield from watched(followed(thing), progress.show)
    return (yield from _ended(search, patience))


def _ended(search: Search, patience: float) -> Script[Result]:
    if search.state != "done":
        raise SearchFailed(search)
    return (yield from result(search, patience))


def result(thing: str | Search, patience: float) -> Script[Result]:
    """A search with its ranking and lattice, as they stand."""
    search = yield from fetched(api.search(thing), patience)
    ranking = yield from fetched(api.ranking(search), patience)
    lattice = yield from fetched(api.lattice(search), patience)
    raw = {"search": search.raw, "ranking": ranking.raw, "lattice": lattice.raw}
    return Result(search=search, ranking=ranking, lattice=lattice, raw=raw)


def uploaded(x: Any, y: Any, options: Mapping[str, Any], progress: Progress, patience: float) -> Script[Dataset]:
    """A data set of anything that can be sent, streamed from the disk."""
    with progress:
        return (yield from _uploaded(x, y, options, progress, patience))


def _uploaded(x: Any, y: Any, options: Mapping[str, Any], progress: Progress, patience: float) -> Script[Dataset]:
    with tempfile.TemporaryDirectory(prefix="erlangen-") as folder:
        prepared: inputs.Prepared = yield Work(partial(inputs.prepare, x, y, options, Path(folder)))
        with prepared.path.open("rb") as file:
            return (yield from fetched(api.upload(file, prepared.name, prepared.form, progress.send), patience))


def searched(
    x: Any, y: Any, candidates: Candidates, options: Mapping[str, Any], progress: Progress, patience: float
) -> Script[Result]:
    """Upload, start, wait. An interruption says where the search goes on."""
    upload = {name: value for name, value in options.items() if name in api.DatasetOptions.__annotations__}
    asked = {name: value for name, value in options.items() if name not in api.UploadOptions.__annotations__}
    with progress:
        dataset = yield from _uploaded(x, y, upload, progress, patience)
        search = yield from fetched(api.start(api.question(dataset, candidates, asked), None), patience)
        try:
            search = yield from watched(followed(search), progress.show)
        except KeyboardInterrupt as stop:
            stop.add_note(
                f"The search goes on: client.wait({search.id!r}) waits for it, client.cancel({search.id!r}) ends it."
            )
            raise
    return (yield from _ended(search, patience))


def downloaded(call: Call[Any], path: Path, patience: float) -> Script[Path]:
    """Write the body of an answer to `path`; the file appears when it is complete. Raises ServiceError, Unreachable."""
    reply = yield from sent(call, patience, "bytes")
    reply.raise_for_status()
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            while isinstance(chunk := (yield Next()), bytes):
                file.write(chunk)
        if isinstance(chunk, Lost):
            raise Unreachable(chunk.reason)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def alive() -> Script[bool]:
    """Whether something that speaks as this service does answers."""
    try:
        answer = yield from fetched(api.anything("GET", "/livez"), 0.0)
    except (Unreachable, ServiceError, UnexpectedAnswer):
        return False
    return isinstance(answer, Mapping) and "version" in answer


def model_path(candidate: str | Candidate, path: str | os.PathLike[str] | None, form: str) -> Path:
    """Where a model is written: `path`, or GROUP-ID.FORMAT in the current folder or in the folder `path`."""
    name = candidate if isinstance(candidate, str) else f"{candidate.group}-{candidate.candidate_id}"
    plain = "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in name)
    chosen = Path(path) if path is not None else Path()
    return chosen / f"{plain}.{form}" if chosen.is_dir() else chosen
