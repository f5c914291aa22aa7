"""What the commands share: options, exit statuses, and how answers and refusals are shown.

Answers go to standard output, everything else to standard error, so that `--json` can be piped on.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from erlangen_client import Client


class Status(IntEnum):
    """What the command's exit status says. 2, wrong usage, is also what the parser of the command line ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


console = Console()
complaints = Console(stderr=True)

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="ERLANGEN_URL", help="The service; by default the one on this machine."),
]
ApiKey = Annotated[str | None, typer.Option("--api-key", envvar="ERLANGEN_API_KEY", help="The key it asks for.")]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else, on standard output.")]


def give_up(message: object, status: Status = Status.FAILED) -> NoReturn:
    """End the command with a message."""
    complaints.print(str(message), style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def tell(message: str) -> None:
    """Say something that is no answer."""
    complaints.print(message, style="dim", markup=False, highlight=False, soft_wrap=True)


def save(page: str, path: Path) -> None:
    """Write a page to a file, or end the command with the reason why not."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        give_up(f"Cannot write {path}: {error.strerror}")


def print_json(answer: Any) -> None:
    """Print an answer as JSON."""
    typer.echo(jsonlib.dumps(answer, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


@contextmanager
def connected(url: str | None, key: str | None) -> Iterator[Client]:
    """A client of the service; failures end the command with the status that says which kind they are."""
    from erlangen_client import Client

    with reported():
        try:
            client = Client(url, key, patience=2.0)
        except ValueError as error:
            give_up(error, Status.USAGE)
        with client:
            yield client


@contextmanager
def reported() -> Iterator[None]:
    """Failures of the client as messages and exit statuses."""
    from erlangen_client import InputError, ServiceError, UnexpectedAnswer, Unreachable

    try:
        yield
    except ServiceError as error:
        give_up(error, Status.REFUSED)
    except Unreachable as error:
        give_up(f"{error}\nStart a service with `erlangen serve`, or name one with --url.", Status.UNREACHABLE)
    except UnexpectedAnswer as error:
        give_up(f"Something else than Erlangen answers there. {error}", Status.UNREACHABLE)
    except InputError as error:
        give_up(error, Status.USAGE)
    except BrokenPipeError:
        raise
    except OSError as error:  # a file that cannot be read, a full disk
        give_up(error)
    except KeyboardInterrupt:
        raise typer.Exit(Status.INTERRUPTED) from None


def known_searches(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of the newest searches, for the shell's completion."""
    return _known(context, incomplete, "/v1/searches")


def known_datasets(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of the newest data sets, for the shell's completion."""
    return _known(context, incomplete, "/v1/datasets")


def _known(context: typer.Context, incomplete: str, path: str) -> list[tuple[str, str]]:
    from erlangen_client import Client, ErlangenError

    try:
        with Client(context.params.get("url"), context.params.get("api_key"), patience=0, timeout=2) as client:
            items = client.request("GET", path)["items"]
    except (ErlangenError, ValueError):
        return []
    return [(item["id"], item["name"]) for item in items if item["id"].startswith(incomplete)]


SearchId = Annotated[
    str, typer.Argument(metavar="SEARCH", help="Id of a search.", autocompletion=known_searches, show_default=False)
]
DatasetId = Annotated[
    str, typer.Argument(metavar="DATASET", help="Id of a data set.", autocompletion=known_datasets, show_default=False)
]
