"""The `erlangen` command: the service, its worker, and everything that a person asks it from a terminal."""

from app.cli.main import cli, main

__all__ = ["cli", "main"]
