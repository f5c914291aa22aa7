"""Commands that run the service: serve, worker, migrate, keys."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from app.cli.common import Json, Status, console, give_up, print_json
from app.logs import configure_logging
from app.settings import Settings
from app.supervisor import worker_environment


@contextmanager
def told() -> Iterator[None]:
    """What keeps the service from starting as a message: settings, the data folder, the database."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ValidationError as error:
        wrong = [f"{part['loc'][0]}: {part['msg']}" if part["loc"] else part["msg"] for part in error.errors()]
        give_up("The settings do not fit. " + "; ".join(wrong), Status.USAGE)
    except OSError as error:
        give_up(f"Cannot use {error.filename}: {error.strerror}" if error.filename else error)
    except (SQLAlchemyError, RuntimeError, ValueError) as error:
        give_up(error)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the database, the arrays and the queue.")] = None,
) -> None:
    """Run the service in the foreground: API, dashboard and supervised workers."""
    from app.serving import serve as serve_forever

    given = {"host": host, "port": port, "data_dir": data_dir}
    with told():
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        try:
            serve_forever(settings)
        except OSError as error:
            if error.filename is not None:  # the data folder
                raise
            give_up(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")


def worker() -> None:
    """Run a worker in the foreground: it trains the candidates of searches."""
    from app.db.migrate import upgrade

    with told():
        settings = Settings()
        configure_logging(settings.log_level)
        if settings.database_url.startswith("sqlite"):
            upgrade(settings.database_url)
    # The web side of the house does not import the workers' side: it becomes it.
    environment = worker_environment(settings)
    os.execve(sys.executable, [sys.executable, "-P", "-m", "workers.main"], environment)


def migrate(json: Json = False) -> None:
    """Create the database's schema or bring it up to date."""
    from sqlalchemy import make_url

    from app.db.migrate import upgrade

    with told():
        settings = Settings()
        configure_logging(settings.log_level)
        url = settings.database_url
        upgrade(url)
    shown = make_url(url).render_as_string(hide_password=True)
    if json:
        print_json({"database": shown})
    else:
        console.print(f"{shown} is up to date.", highlight=False, soft_wrap=True)


def keys(
    owner: Annotated[str, typer.Option(help="Whose rows the key sees.")] = "local",
    json: Json = False,
) -> None:
    """Make an API key: what the client keeps, and the entry for ERLANGEN_API_KEYS."""
    from app.auth import new_key

    secret, hashed = new_key()
    entry = f"{owner}={hashed}"
    if json:
        print_json({"key": secret, "entry": entry})
        return
    console.print(f"key    {secret}", highlight=False, soft_wrap=True)
    console.print(f"entry  {entry}", highlight=False, soft_wrap=True)
