"""Commands about one search: status, ranking, cancel, retry, report, download."""

from __future__ import annotations

import itertools
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import (
    ApiKey,
    Json,
    SearchId,
    Status,
    Url,
    complaints,
    connected,
    console,
    give_up,
    known_searches,
    print_json,
    save,
    tell,
)
from app.cli.tables import print_ranking, print_search, print_searches, watch

if TYPE_CHECKING:
    from erlangen_client import Candidate, Client


class State(StrEnum):
    """States of a search."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ModelFormat(StrEnum):
    """Formats of a trained network."""

    ONNX = "onnx"
    SAFETENSORS = "safetensors"


def status(
    search: Annotated[
        str | None,
        typer.Argument(
            metavar="[SEARCH]", help="Id of a search; without it, the newest.", autocompletion=known_searches
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow it to its end.")] = False,
    state: Annotated[State | None, typer.Option(help="List only searches in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most so many.")] = 20,
    url: Url = None,
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """Show a search as it stands, or list the newest searches.

    With --wait the exit status is 1 when the search fails or is cancelled.
    """
    if wait and search is None:
        give_up("--wait needs the id of a search.", Status.USAGE)
    with connected(url, api_key) as client:
        if search is None:
            found = list(itertools.islice(client.searches(**({"state": state.value} if state else {})), limit))  # type: ignore[arg-type]
            if json:
                print_json({"items": [item.raw for item in found]})
            else:
                print_searches(found, console)
            return
        now = client.status(search)
        if wait:
            now = watch(client, now, complaints, quiet=json)
        if json:
            print_json(now.raw)
        else:
            print_search(now, console, client.url)
    if wait and now.state != "done":
        raise typer.Exit(Status.FAILED)


def ranking(search: SearchId, url: Url = None, api_key: ApiKey = None, json: Json = False) -> None:
    """Show the candidates of a search, best first."""
    with connected(url, api_key) as client:
        found = client.ranking(search)
        if json:
            print_json(found.raw)
            return
        print_ranking(found, console)
        if found.state != "done":
            tell(f"The search is {found.state}: there are no ranks yet.")


def cancel(search: SearchId, url: Url = None, api_key: ApiKey = None, json: Json = False) -> None:
    """Stop a search. What runs stops within seconds; `erlangen status --wait` waits for it."""
    with connected(url, api_key) as client:
        now = client.cancel(search)
        if json:
            print_json(now.raw)
        else:
            print_search(now, console, client.url)


def retry(search: SearchId, url: Url = None, api_key: ApiKey = None, json: Json = False) -> None:
    """Queue the candidates of a search that failed, crashed or were cancelled again."""
    with connected(url, api_key) as client:
        now = client.retry(search)
        if json:
            print_json(now.raw)
        else:
            print_search(now, console, client.url)


def report(
    search: SearchId,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it, - for standard output; SEARCH.html if not given."),
    ] = None,
    url: Url = None,
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """Save the report of a finished search: one HTML file to read, print or keep."""
    with connected(url, api_key) as client:
        page = client.report(search)
    if str(output) == "-":
        if json:
            give_up("The report is HTML: with --json name a file for it.", Status.USAGE)
        typer.echo(page)
        return
    path = output or Path(f"{search}.html")
    save(page, path)
    _written(path, json)


def download(
    what: Annotated[
        str, typer.Argument(metavar="SEARCH|CANDIDATE", help="Id of either.", autocompletion=known_searches)
    ],
    group: Annotated[str | None, typer.Option(help="Of a search: this group's network; by default the best.")] = None,
    format: Annotated[ModelFormat, typer.Option("--format", "-f", help="What to download.")] = ModelFormat.ONNX,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file, or a folder for it.")] = None,
    url: Url = None,
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """Download a trained network: that of a candidate, or of a search's best group."""
    with connected(url, api_key) as client:
        candidate = _chosen(client, what, group)
        try:
            path = client.download(candidate, output, format=format.value)
        except OSError as error:
            give_up(f"Cannot write the file: {error}")
    _written(path, json)


def _chosen(client: Client, what: str, group: str | None) -> Candidate:
    if not what.startswith("sr_"):
        return client.candidate(what)
    ranked = [item for item in client.ranking(what) if group in (None, item.group, item.name, item.label)]
    if not ranked:
        give_up(f"There is no candidate {group!r} in this search.", Status.USAGE)
    return ranked[0]


def _written(path: Path, json: bool) -> None:
    if json:
        print_json({"path": str(path), "bytes": path.stat().st_size})
    else:
        console.print(str(path), markup=False, highlight=False, soft_wrap=True)
