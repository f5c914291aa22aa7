"""Start the service, search the shipped tic-tac-toe boards, print the ranking, and leave the service running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.cli.tables import print_result, watch
from app.demo.background import BackgroundService, DidNotStart
from erlangen_client import Client, ErlangenError

BOARDS = Path(__file__).parent / "tic_tac_toe.npz"
# The ten subgroups of the square's symmetries. A board has a centre, so nothing is translated.
CANDIDATES = [{"group": "D4", "translations": False}]
DataDir = Annotated[Path, typer.Option(help="Folder of the demo's database, arrays and log.")]

console = Console()


def demo(
    data_dir: DataDir = Path("var/demo"),
    stop: Annotated[bool, typer.Option("--stop", help="Only stop the service that an earlier demo left.")] = False,
) -> None:
    """Find the symmetry of all 958 final tic-tac-toe boards through the HTTP API."""
    service = BackgroundService(data_dir)
    stopped = service.stop()
    if stop:
        console.print("The demo's service was stopped." if stopped else "No demo is running.")
        return
    try:
        with console.status("Starting the service and its worker"):
            client = service.start()
        with client:
            state = _search(service, client)
    except (DidNotStart, ErlangenError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    if state != "done":
        console.print(f"The service's log is {service.log}")
        raise typer.Exit(1)


def _search(service: BackgroundService, client: Client) -> str:
    console.print(f"The service answers at {client.url} (process {service.pid})")
    dataset = client.upload(BOARDS, name="Tic-tac-toe, final boards", domain="image2d", task="classification")
    console.print(f"Sent {dataset.name}: {dataset.n} samples of shape {dataset.x_shape}, classes {dataset.classes}")
    started = client.start(dataset, CANDIDATES, include_subgroups=True, name="Tic-tac-toe: has x won?")
    search = watch(client, started, console)
    console.print()
    print_result(client.result(search), console)
    console.print()
    console.print("The service goes on running. The results page, with the evidence:")
    console.print(f"    {client.url}/searches/{search.id}", style="bold", highlight=False, soft_wrap=True)
    console.print(f"Process {service.pid}; `make stop` or `kill {service.pid}` ends it.", highlight=False)
    return search.state


if __name__ == "__main__":
    typer.run(demo)
