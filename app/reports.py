"""A search in the terminal: live progress, and the ranked table."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.client import Client

WIDE = 100  # columns of a terminal that has room for everything
COLOURS = {"certified": "bold green", "approximate": "yellow", "refuted": "red", "untested": "dim", "undetermined": ""}


def follow(client: Client, search_id: str, console: Console) -> dict[str, Any]:
    """Show a search's progress until it is finished; returns it as it ended."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    search: dict[str, Any] = {}
    with Progress(*columns, console=console) as bar:
        line = bar.add_task("waiting", total=1.0)
        for search in client.follow(search_id):
            progress = search["progress"]
            eta = progress["eta_seconds"]
            left = f", about {eta:.0f} s left" if eta else ""
            text = f"{search['state']}: {progress['done']} of {progress['total']} candidates{left}"
            bar.update(line, description=text, completed=progress["fraction"])
    return search


def print_ranking(client: Client, search: dict[str, Any], console: Console) -> None:
    """Print the ranked candidates of a finished search and the sentence that sums it up."""
    if search["error"]:
        console.print(search["error"], style="red", markup=False)
    if search["state"] != "done":
        return
    ranking = client.ranking(search["id"])
    table = Table(title=search["name"], title_justify="left")
    for heading, justify in (("", "right"), ("group", "left"), ("verdict", "left"), ("posterior", "right")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    regression = any(item.get("r2") for item in ranking["items"])
    wide = console.width >= WIDE
    for heading in (
        "score",
        "R2" if regression else "accuracy",
        "defect",
        *(("parameters", "seconds") if wide else ()),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in ranking["items"]:
        verdict = item["verdict"] or item["state"]
        quality = item.get("r2") if regression else item.get("accuracy")
        table.add_row(
            _number(item["rank"], "d"),
            escape(item["group"] if item["labels"] == "trivial" else f"{item['group']} (labels: {item['labels']})"),
            f"[{COLOURS.get(verdict) or 'default'}]{verdict}[/]",
            _number(item["posterior"], ".3f"),
            _number(item["score"], "z.3f"),
            _interval(quality) if wide else _number((quality or {}).get("mean"), ".3f"),
            _number((item.get("defect") or {}).get("value"), "z.3f"),
            *((_number(item.get("parameters"), "d"), _number(item.get("seconds"), ".1f")) if wide else ()),
        )
    console.print(table)
    console.print(search["summary"], style="bold", markup=False)
    for warning in search["warnings"]:
        text = warning if isinstance(warning, str) else warning.get("detail", warning)
        console.print(f"Note: {text}", style="dim", markup=False)
    console.print(f"{client.url}/searches/{search['id']}", style="dim", highlight=False)


def _number(value: Any, form: str) -> str:
    if value is None:
        return ""
    return format(int(value) if form == "d" else float(value), form)


def _interval(value: dict[str, Any] | None) -> str:
    if not value or value.get("mean") is None:
        return ""
    return rf"{value['mean']:.3f} \[{value['low']:.3f}, {value['high']:.3f}]"
