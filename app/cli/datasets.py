"""Commands about what can be searched: datasets and groups."""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.common import ApiKey, DatasetId, Json, Url, complaints, connected, console, print_json, tell
from app.cli.finding import File
from app.cli.tables import print_datasets, print_groups, sending

datasets = typer.Typer(no_args_is_help=True, help="Send, list, show and delete data sets.")


class Domain(StrEnum):
    """What one sample is."""

    IMAGE2D = "image2d"
    VECTOR = "vector"
    SENSORS = "sensors"
    SERIES1D = "series1d"
    POINTS3D = "points3d"
    VOLUME3D = "volume3d"


@datasets.command("list")
def list_datasets(
    limit: Annotated[int, typer.Option(min=1, help="List at most so many.")] = 20,
    url: Url = None,
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """List data sets, newest first."""
    with connected(url, api_key) as client:
        found = list(itertools.islice(client.datasets(), limit))
        if json:
            print_json({"items": [item.raw for item in found]})
        else:
            print_datasets(found, console)


@datasets.command("send")
def send_dataset(
    file: File,
    target: Annotated[
        str | None, typer.Option("--target", "-y", help="The y column of a table, or several with commas.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    domain: Annotated[str | None, typer.Option(help="image2d or vector; found from the data if not given.")] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression.")] = None,
    groups: Annotated[str | None, typer.Option(help="The column that says which samples belong together.")] = None,
    split: Annotated[str | None, typer.Option(help="The column of train and test marks.")] = None,
    url: Url = None,
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """Send a file without searching it."""
    reading = {"target": target, "name": name, "domain": domain, "task": task, "groups": groups, "split": split}
    with connected(url, api_key) as client:
        with sending(complaints, quiet=json) as see:
            given = {part: value for part, value in reading.items() if value is not None}
            sent = client.upload(file, progress=see, **given)
        if json:
            print_json(sent.raw)
            return
        print_datasets([sent], console)
        for warning in sent.warnings:
            tell(f"Note: {warning}")


@datasets.command("show")
def show_dataset(dataset: DatasetId, url: Url = None, api_key: ApiKey = None, json: Json = False) -> None:
    """Show what is known of a data set."""
    with connected(url, api_key) as client:
        found = client.dataset(dataset)
        if json:
            print_json(found.raw)
            return
        print_datasets([found], console)
        for warning in found.warnings:
            tell(f"Note: {warning}")


@datasets.command("delete")
def delete_dataset(dataset: DatasetId, url: Url = None, api_key: ApiKey = None, json: Json = False) -> None:
    """Delete a data set; refused while a search uses it."""
    with connected(url, api_key) as client:
        client.delete(dataset)
    if json:
        print_json({"deleted": dataset})
    else:
        tell(f"Deleted {dataset}.")


def groups(
    domain: Annotated[Domain | None, typer.Option(help="Only groups that act on this kind of sample.")] = None,
    url: Url = None,
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """List the groups that can be named as candidates."""
    with connected(url, api_key) as client:
        found = list(client.groups(domain.value if domain else None))
        if json:
            print_json({"items": [item.raw for item in found]})
        else:
            print_groups(found, console)
