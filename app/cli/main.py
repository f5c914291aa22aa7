"""All commands under one name."""

from __future__ import annotations

import typer

from app.cli import datasets, finding, running, searches

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Symmetry discovery as a service.",
    epilog="Exit status: 0 done, 1 failed or cancelled, 2 wrong usage, 3 refused by the service, 4 no service answers, "
    "130 interrupted.",
)
cli.command()(running.serve)
cli.command()(running.worker)
cli.command()(running.migrate)
cli.command()(running.keys)
cli.command("key", hidden=True)(running.keys)  # its name before there were others
cli.command()(finding.search)
cli.command()(searches.status)
cli.command()(searches.ranking)
cli.command()(searches.cancel)
cli.command()(searches.retry)
cli.command()(searches.report)
cli.command()(searches.download)
cli.command()(datasets.groups)
cli.add_typer(datasets.datasets, name="datasets")


def main() -> None:
    """Entry point of the `erlangen` command."""
    cli()
