"""The gallery of real data: what was expected and what was found, from the rows that the benchmark wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from benchmarks.evidence import real

ROWS = Path(__file__).parents[2] / "benchmarks" / "results" / "evidence" / "real.jsonl"
VERDICTS = ("certified", "approximate", "refuted", "untested", "undetermined")


def generate(app: Sphinx) -> None:
    """Write generated/gallery.md."""
    page = Path(app.srcdir) / "generated" / "gallery.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(page_of(ROWS.read_text().splitlines()), encoding="utf-8")


def page_of(lines: list[str]) -> str:
    """The page. lines: JSON rows of the family `real`; the last row of a data set counts."""
    rows: dict[str, Mapping[str, Any]] = {row["cell"]: row for row in map(json.loads, lines)}
    known = {cell.name: _description(cell.make) for cell in real.cells(Path())}
    met = sum(bool(row["as_expected"]) for row in rows.values())
    parts = [
        "# Real data, and what was found in it",
        "Data that somebody measured, searched as any user would search it. Nobody knows the symmetry of such data to "
        "the last element; what is called expected here is what the makers of the data, or its geometry, say. This "
        "page is made from `benchmarks/results/evidence/real.jsonl`, which `python -m benchmarks.evidence.scoreboard "
        f"--families real` writes: {len(rows)} sets, {met} as expected.",
        _overview(rows),
    ]
    parts += [_section(row, known.get(name, "")) for name, row in rows.items()]
    missing = [name for name in known if name not in rows]
    if missing:
        parts.append("## Not searched yet\nThese sets are part of the benchmark, and no row of theirs is recorded: "
                     + ", ".join(missing) + ".")  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _description(make: Any) -> str:
    """What the maker of a task says of it, under the arguments that are bound to it."""
    while isinstance(make, partial):
        make = make.func
    return " ".join((make.__doc__ or "").split())


def _overview(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| data | expected | found | verdict | as expected |", "|---|---|---|---|---|"]
    for name, row in rows.items():
        found = f"{row['best']} ({_probability(row['posterior'])})"
        cells = [f"[{name}](#{_anchor(name)})", row["expected"], found, row["verdict"], _yes(row["as_expected"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _section(row: Mapping[str, Any], description: str) -> str:
    groups = {verdict: [name for name, said in row["verdicts"].items() if said == verdict] for verdict in VERDICTS}
    lines = [f"({_anchor(row['cell'])})=", f"## {row['cell']}", "", description, ""]
    lines += [f"**Expected.** {row['expected']}.", "", f"**Found.** {row['summary']}", ""]
    if not row["as_expected"]:
        lines += ["```{admonition} Not as expected", _disagreement(row), "```", ""]
    lines += ["| verdict | groups |", "|---|---|"]
    lines += [f"| {verdict} | {', '.join(names)} |" for verdict, names in groups.items() if names]
    for spectrum in row["spectra"]:
        lines += ["", f"Along the curve of {spectrum['kind']}: {spectrum['sentence']}."]
    if row["warnings"]:
        lines += ["", "It warned:", "", *[f"- {warning}" for warning in row["warnings"]]]
    naive = row.get("naive")
    lines += [
        "",
        f"{row['n']:,} samples, {row['candidates']} candidates, {row['seconds']:.0f} s. "
        + (f"The group whose network predicts best is {naive['best']}." if naive else ""),
    ]
    return "\n".join(lines)


def _disagreement(row: Mapping[str, Any]) -> str:
    """What stands against the expectation, element by element."""
    elements = sorted(row["elements"].items(), key=lambda item: -item[1][0])[:4]
    worst = "; ".join(f"{name}: defect {defect:.2f}, pose {support}" for name, (defect, _, support) in elements)
    certified = ", ".join(row["certified"]) or "nothing"
    return f"{row['best']} came first ({row['verdict']}); certified: {certified}. The elements that cost most: {worst}."


def _anchor(name: str) -> str:
    return "real-" + "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def _probability(value: float) -> str:
    return "above .99" if value > 0.99 else f"{value:.2f}"


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"
