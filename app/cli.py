"""The `erlangen` command: serve, work, search, migrate, make a key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from app.client import Client, ServiceError, Unreachable
from app.logs import configure_logging
from app.settings import Settings
from app.supervisor import import_path, worker_environment

DEFAULT_URL = "http://127.0.0.1:8000"

cli = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Symmetry discovery as a service."
)
console = Console()
complaints = Console(stderr=True)


def _give_up(message: object, code: int = 1) -> NoReturn:
    complaints.print(str(message), style="red", markup=False, highlight=False)
    raise typer.Exit(code)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database, the arrays and the queue.")] = None,
) -> None:
    """Run the service in the foreground: API, dashboard and a supervised worker."""
    from app.serving import serve as serve_forever

    given = {"host": host, "port": port, "data_dir": data_dir}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    try:
        serve_forever(settings)
    except OSError as error:
        _give_up(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")


@cli.command()
def worker() -> None:
    """Run a worker in the foreground: it trains the candidates of searches."""
    from app.db.migrate import upgrade

    settings = Settings()
    configure_logging(settings.log_level)
    if settings.database_url.startswith("sqlite"):
        upgrade(settings.database_url)
    # The web side of the house does not import the workers' side: it becomes it.
    environment = worker_environment(settings)
    os.execve(sys.executable, [sys.executable, "-P", "-m", "workers.main"], environment)


@cli.command()
def migrate() -> None:
    """Create the database's schema or bring it up to date."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from app.db.migrate import upgrade

    settings = Settings()
    configure_logging(settings.log_level)
    url = settings.database_url
    try:
        upgrade(url)
    except (SQLAlchemyError, RuntimeError) as error:
        _give_up(error)
    console.print(f"{make_url(url).render_as_string(hide_password=True)} is up to date.", highlight=False)


@cli.command()
def key(owner: Annotated[str, typer.Option(help="Whose rows the key sees.")] = "local") -> None:
    """Make an API key: what the client keeps, and the entry for ERLANGEN_API_KEYS."""
    from app.auth import new_key

    secret, hashed = new_key()
    console.print(f"key    {secret}", highlight=False, soft_wrap=True)
    console.print(f"entry  {owner}={hashed}", highlight=False, soft_wrap=True)


@cli.command()
def search(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="npz, csv, parquet or zip.")],
    candidates: Annotated[str, typer.Option(help="Groups to test, as T,C2,C4; or auto.")] = "auto",
    subgroups: Annotated[bool, typer.Option(help="Test the subgroups of the candidates too.")] = True,
    target: Annotated[str | None, typer.Option(help="The y column of a table, or several with commas.")] = None,
    domain: Annotated[str | None, typer.Option(help="image2d or vector; found from the data if not given.")] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set and the search.")] = None,
    tolerance: Annotated[float, typer.Option(help="Defect below which a group counts as a symmetry.")] = 0.05,
    folds: Annotated[int, typer.Option()] = 3,
    seeds: Annotated[int, typer.Option()] = 1,
    epochs: Annotated[int | None, typer.Option(help="Most epochs of one candidate.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Most seconds of one candidate.")] = None,
    url: Annotated[
        str | None, typer.Option(help=f"A running service; by default {DEFAULT_URL}, or one of its own.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(envvar="ERLANGEN_API_KEY")] = None,
) -> None:
    """Find the symmetry group of a file: upload, search, follow, print the ranking."""
    from app.reports import follow, print_ranking

    budget = {"max_epochs": epochs, "max_seconds": seconds}
    request: dict[str, Any] = {
        "candidates": candidates if candidates == "auto" else [c.strip() for c in candidates.split(",") if c.strip()],
        "include_subgroups": subgroups,
        "tolerance": tolerance,
        "folds": folds,
        "seeds": seeds,
        "budget": {limit: value for limit, value in budget.items() if value is not None},
    }
    try:
        with _service(url, api_key) as client:
            dataset = client.upload(file, name=name, domain=domain, task=task, target=target)
            started = client.search(request | {"dataset_id": dataset["id"]} | ({"name": name} if name else {}))
            ended = follow(client, started["id"], console)
            print_ranking(client, ended, console)
    except (ServiceError, Unreachable) as error:
        _give_up(error)
    if ended["state"] != "done":
        raise typer.Exit(1)


@contextmanager
def _service(url: str | None, api_key: str | None) -> Iterator[Client]:
    """The service at `url`; without one, the service on this machine, or one started for the duration."""
    client = Client(url or DEFAULT_URL, api_key)
    if client.alive():
        yield client
        return
    if url is not None:
        _give_up(f"No service answers at {url}. Start one with `erlangen serve`.")
    console.print("No service is running here: starting one for this search. `erlangen serve` keeps one running.")
    with tempfile.TemporaryDirectory(prefix="erlangen-") as folder:
        command = [sys.executable, "-P", "-m", "app.cli", "serve", "--port", "0", "--data-dir", folder]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ERLANGEN_")}
        environment["PYTHONPATH"] = import_path()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line:
                    _give_up("The service did not start; `erlangen serve` tells why.")
                yield Client(line.split()[-1])
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(15)


def main() -> None:
    """Entry point of the `erlangen` command."""
    cli()


if __name__ == "__main__":
    main()
