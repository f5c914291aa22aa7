"""Answers as a terminal shows them: tables, and the live progress of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.markup import escape as without_markup
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from erlangen_client import Candidate, Client, Dataset, Group, Interval, Ranking, Result, Search, Sent

WIDE, WIDEST = 100, 140  # columns of a terminal that has room for more, and for everything
COLOURS = {"certified": "bold green", "approximate": "yellow", "refuted": "red", "untested": "dim", "undetermined": ""}
STATES = {"done": "green", "failed": "red", "crashed": "red", "cancelled": "yellow", "running": "cyan"}
Justify = Literal["left", "right"]


def plain(text: str) -> str:
    """A text that somebody chose, without what a terminal would take for a command."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def escape(text: str) -> str:
    """The same where markup is read."""
    return without_markup(plain(text))


def watch(client: Client, search: Search, console: Console, *, quiet: bool = False) -> Search:
    """Follow a search to its end with a live bar, unless `quiet`; returns it as it ended."""
    now = search
    with _bar(console, quiet) as bar:
        line = bar.add_task("waiting", total=1.0)
        for state in client.follow(search):
            now = state
            bar.update(line, description=progress_words(now), completed=now.progress.fraction)
    return now


@contextmanager
def sending(console: Console, *, quiet: bool = False) -> Iterator[Callable[[Sent], None]]:
    """A live bar of an upload, unless `quiet`: what the client calls while it sends."""
    from erlangen_client.progress import sent_words

    with _bar(console, quiet) as bar:
        line = bar.add_task("sending", total=1.0)
        yield lambda sent: bar.update(line, description=sent_words(sent), completed=sent.fraction)


def _bar(console: Console, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=quiet)


def progress_words(search: Search) -> str:
    """The state of a search, and how far it is."""
    progress = search.progress
    left = f", about {progress.eta_seconds:.0f} s left" if progress.eta_seconds else ""
    return f"{search.state}: {progress.done} of {progress.total} candidates{left}"


def print_result(result: Result, console: Console, url: str | None = None) -> None:
    """The ranked candidates of a finished search and the sentence that sums it up; `url`: of a service that stays."""
    search = result.search
    if search.error:
        console.print(plain(search.error), style="red", markup=False)
    if search.state == "done":
        print_ranking(result.ranking, console, search.name)
        console.print(plain(search.summary), style="bold", markup=False)
    for note in search.notes:
        console.print(plain(f"Note: {note}"), style="dim", markup=False)
    if url:
        console.print(f"{url}/searches/{search.id}", style="dim", highlight=False, soft_wrap=True)


def print_ranking(ranking: Ranking, console: Console, title: str | None = None) -> None:
    """Candidates, best first; the terms of the score and intervals where there is room."""
    regression = any(item.r2 is not None for item in ranking)
    wide, widest = console.width >= WIDE, console.width >= WIDEST
    table = _table(title, ("", "right"), ("group", "left"), ("verdict", "left"), ("posterior", "right"))
    table.columns[1].no_wrap = False  # names may be long
    heads = ["score", *(("accuracy term", "consistency", "complexity") if widest else ())]
    heads += ["R2" if regression else "accuracy", "defect", *(("parameters", "seconds") if wide else ())]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for item in ranking:
        table.add_row(*_ranking_row(item, regression, wide, widest))
    console.print(table)


def _ranking_row(item: Candidate, regression: bool, wide: bool, widest: bool) -> list[str]:
    verdict = item.verdict or item.state
    quality = item.r2 if regression else item.accuracy
    row = [_number(item.rank, "d"), escape(item.label), _coloured(verdict, COLOURS | STATES)]
    row += [_number(item.posterior, ".3f"), _number(item.score, "z.3f")]
    if widest:
        terms = (item.accuracy_term, item.consistency_term, item.complexity_term)
        row += [_number(term, "z.3f") for term in terms]
    row.append(_interval(quality) if wide else _number(quality.mean if quality else None, ".3f"))
    row.append(_number(item.defect.value if item.defect else None, "z.3f"))
    if wide:
        row += [_number(item.parameters, "d"), _number(item.seconds, ".1f")]
    return row


def print_searches(searches: Iterable[Search], console: Console) -> None:
    """One line a search."""
    table = _table(
        None, ("search", "left"), ("name", "left"), ("state", "left"), ("best", "left"), ("posterior", "right")
    )
    for search in searches:
        best = search.best
        state = _coloured(search.state, STATES)
        if not search.finished:
            state += f" {search.progress.fraction:.0%}"
        verdict = f" {_coloured(best.verdict, COLOURS)}" if best and best.verdict else ""
        table.add_row(
            search.id,
            escape(search.name),
            state,
            f"{escape(best.label)}{verdict}" if best else "",
            _number(best.posterior if best else None, ".3f"),
        )
    console.print(table)


def print_search(search: Search, console: Console, url: str) -> None:
    """A search as it stands, in a few lines."""
    console.print(f"{search.id}  {escape(search.name)}", highlight=False, soft_wrap=True)
    console.print(_coloured(search.state, STATES) + escape(progress_words(search).removeprefix(search.state)))
    for text, style in ((search.error, "red"), (search.summary, "bold")):
        if text:
            console.print(plain(text), style=style, markup=False)
    for note in search.notes:
        console.print(plain(f"Note: {note}"), style="dim", markup=False)
    console.print(f"{url}/searches/{search.id}", style="dim", highlight=False, soft_wrap=True)


def print_datasets(datasets: Iterable[Dataset], console: Console) -> None:
    """One line a data set."""
    table = _table(None, ("data set", "left"), ("name", "left"), ("domain", "left"), ("task", "left"))
    for head in ("samples", "shape", "classes"):
        table.add_column(head, justify="right", no_wrap=True)
    for item in datasets:
        shape = " x ".join(str(size) for size in item.x_shape)
        classes = "" if item.classes is None else str(len(item.classes))
        table.add_row(item.id, escape(item.name), item.domain, item.task, str(item.n), shape, classes)
    console.print(table)


def print_groups(groups: Iterable[Group], console: Console) -> None:
    """One line a group."""
    table = _table(None, ("group", "left"), ("what it holds", "left"), ("order", "right"), ("acts on", "left"))
    for item in groups:
        order = "continuous" if item.continuous else _number(item.order, "d")
        domains = ", ".join(f"{domain} ({how})" for domain, how in item.supported.items())
        table.add_row(escape(item.name), escape(item.title or ""), order, domains)
    console.print(table)


def _table(title: str | None, *columns: tuple[str, Justify]) -> Table:
    table = Table(title=escape(title) if title else None, title_justify="left")
    for head, justify in columns:
        table.add_column(head, justify=justify, no_wrap=True)
    return table


def _coloured(word: str, colours: dict[str, str]) -> str:
    return f"[{colours.get(word) or 'default'}]{escape(word)}[/]"


def _number(value: Any, form: str) -> str:
    if value is None:
        return ""
    return format(int(value) if form == "d" else float(value), form)


def _interval(value: Interval | None) -> str:
    if value is None or value.mean is None:
        return ""
    ends = (value.low, value.high)
    return rf"{value.mean:.3f} \[{_number(ends[0], '.3f')}, {_number(ends[1], '.3f')}]"
