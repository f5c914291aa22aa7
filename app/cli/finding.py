"""`erlangen search FILE`: from a file to a ranking, with a service or with one started for the duration."""

from __future__ import annotations

import json as jsonlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import (
    ApiKey,
    Json,
    Status,
    Url,
    complaints,
    connected,
    console,
    give_up,
    print_json,
    reported,
    save,
    tell,
)
from app.cli.tables import print_result, sending, watch
from app.supervisor import import_path

if TYPE_CHECKING:
    from erlangen_client import Client, Search

STOP_SECONDS = 15
File = Annotated[
    Path,
    typer.Argument(
        exists=True, readable=True, show_default=False, help="npz, csv, parquet, zip, or a folder of images in folders."
    ),
]


def search(
    file: File,
    candidates: Annotated[
        str, typer.Option("--candidates", "-c", help="Groups to test, as T,C2,C4 or as a JSON list; or auto.")
    ] = "auto",
    subgroups: Annotated[bool, typer.Option(help="Test the subgroups of the candidates too.")] = True,
    target: Annotated[
        str | None, typer.Option("--target", "-y", help="The y column of a table, or several with commas.")
    ] = None,
    groups: Annotated[str | None, typer.Option(help="The column that says which samples belong together.")] = None,
    split: Annotated[str | None, typer.Option(help="The column of train and test marks.")] = None,
    domain: Annotated[str | None, typer.Option(help="image2d or vector; found from the data if not given.")] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set and the search.")] = None,
    tolerance: Annotated[float, typer.Option(help="Defect below which a group counts as a symmetry.")] = 0.05,
    folds: Annotated[int, typer.Option(help="Parts of the data, each held out once.")] = 3,
    seeds: Annotated[int, typer.Option(help="Networks for each fold.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Where random numbers start.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Most epochs of each candidate.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Most seconds of training, shared by the candidates.")] = None,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="Do not train candidates whose fate is settled.")
    ] = False,
    utility: Annotated[str | None, typer.Option(help="Learning curves: full, fast or off.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start the search, print it, and do not wait.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the report of the finished search to this file.")] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Use a service of its own for the duration, whatever else runs here.")
    ] = False,
    url: Url = None,
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """Find the symmetry group of a file: upload, search, follow, print the ranking.

    Without --url it asks the service on this machine; where none runs, it starts one for the duration.
    Ctrl-C cancels the search and waits until it has stopped; a second Ctrl-C leaves it at once.
    """
    if local and detach:
        give_up("--local starts a service that ends with the search: --detach needs one that stays.", Status.USAGE)
    if report is not None and not report.parent.is_dir():  # to be told after the search would be late
        give_up(f"There is no folder {str(report.parent)!r} for the report.", Status.USAGE)
    reading = {"target": target, "groups": groups, "split": split, "domain": domain, "task": task, "name": name}
    budget = {name: value for name, value in (("max_epochs", epochs), ("max_seconds", seconds)) if value is not None}
    asked: dict[str, Any] = {"include_subgroups": subgroups, "tolerance": tolerance, "folds": folds, "seeds": seeds}
    optional = {"budget": budget or None, "seed": seed, "name": name, "utility": utility}
    asked |= {part: value for part, value in optional.items() if value is not None}
    asked |= {"stopping": "settled"} if stop_early else {}
    with _service(url, api_key, local) as (client, stays):
        if detach and not stays:
            give_up("--detach needs a service that stays: start one with `erlangen serve`.", Status.USAGE)
        with sending(complaints, quiet=json) as see:
            given = {part: value for part, value in reading.items() if value is not None}
            dataset = client.upload(file, progress=see, **given)
        started = client.start(dataset, candidates_of(candidates), **asked)
        if detach:
            print_json(started.raw) if json else console.print(started.id, highlight=False)
            return
        ended = _followed(client, started, quiet=json)
        result = client.result(ended)
        if json:
            print_json(result.raw)
        else:
            print_result(result, console, client.url if stays else None)
        if report is not None and ended.state == "done":
            save(client.report(ended), report)
            tell(f"The report is in {report}.")
    if ended.state != "done":
        raise typer.Exit(Status.FAILED)


def candidates_of(text: str) -> Any:
    """The candidates named on a command line: auto, names with commas, or a JSON list."""
    if text.lstrip().startswith("["):
        try:
            return jsonlib.loads(text)
        except ValueError as error:
            give_up(f"--candidates is no JSON list: {error}", Status.USAGE)
    return text if text == "auto" else [part.strip() for part in text.split(",") if part.strip()]


def _followed(client: Client, started: Search, *, quiet: bool) -> Search:
    """The search as it ended; an interruption cancels it, a second one leaves it."""
    try:
        return watch(client, started, complaints, quiet=quiet)
    except KeyboardInterrupt:
        tell("Cancelling the search. Ctrl-C again leaves it at once.")
    try:
        _cancelled(client, started)
        return watch(client, started, complaints, quiet=quiet)
    except KeyboardInterrupt:
        tell(f"Left the search {started.id}.")
        raise


def _cancelled(client: Client, started: Search) -> None:
    from erlangen_client import ServiceError

    try:
        client.cancel(started)
    except ServiceError as error:
        if error.status != 409:  # it has ended meanwhile
            raise


@contextmanager
def _service(url: str | None, key: str | None, local: bool) -> Iterator[tuple[Client, bool]]:
    """The service at `url`, or on this machine, or one of its own; and whether it stays when the command ends."""
    if not local:
        with connected(url, key) as client:
            if url is not None or client.alive():
                yield client, True
                return
        tell("No service is running here: starting one for this search. `erlangen serve` keeps one running.")
    with tempfile.TemporaryDirectory(prefix="erlangen-") as folder, reported():
        command = [sys.executable, "-P", "-m", "app.cli", "serve", "--port", "0", "--data-dir", folder]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ERLANGEN_")}
        environment["PYTHONPATH"] = import_path()
        # A session of its own: Ctrl-C in the terminal reaches this command alone, which cancels the search first.
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line:
                    give_up("The service did not start; `erlangen serve` tells why.")
                with connected(line.split()[-1], None) as client:
                    yield client, False
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
