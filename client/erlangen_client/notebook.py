"""Answers as a notebook shows them: a picture of the lattice and a ranked table, in HTML that needs nothing else.

Every name comes from somebody's data and is escaped. Colours work on light and dark pages; text takes the page's own.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from erlangen_client.answers import Result
    from erlangen_client.findings import Candidate, Interval, Lattice, LatticeNode, Ranking

COLOURS = {
    "certified": "#2e9e5b",
    "approximate": "#c98a00",
    "refuted": "#d1495b",
    "untested": "#7a7f8c",
    "undetermined": "#4a7fc1",
}
OTHER = "#9a9fab"
NODE_WIDTH, NODE_HEIGHT, GAP_X, GAP_Y = 104, 44, 14, 36
LONGEST_NAME = 14
MOST_ROWS, MOST_NODES = 40, 400
_CELL = "padding:.2em .7em;text-align:{align};white-space:nowrap"


def result_page(result: Result) -> str:
    """The sentence, the lattice and the table."""
    search = result.search
    notes = "".join(f"<li>{escape(note)}</li>" for note in search.notes)
    return (
        f'<div><p style="font-size:110%"><b>{escape(search.summary or search.state)}</b></p>'
        f"{lattice_picture(result.lattice)}{ranking_table(result.ranking)}"
        f"{f'<details><summary>Notes ({len(search.notes)})</summary><ul>{notes}</ul></details>' if notes else ''}</div>"
    )


def ranking_table(ranking: Ranking) -> str:
    """The ranked candidates as a table."""
    regression = any(item.r2 is not None for item in ranking)
    heads = ("", "group", "verdict", "posterior", "score", "R²" if regression else "accuracy", "defect", "parameters")
    rows = "".join(_row(item, regression) for item in ranking.items[:MOST_ROWS])
    rest = len(ranking) - MOST_ROWS
    more = f"<p>and {rest} more: see <code>.items</code> or <code>.to_frame()</code></p>" if rest > 0 else ""
    head = "".join(f'<th style="{_CELL.format(align=_align(i))}">{name}</th>' for i, name in enumerate(heads))
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{more}</div>"
    )


def _row(item: Candidate, regression: bool) -> str:
    verdict = item.verdict or item.state
    defect = item.defect
    cells = (
        "" if item.rank is None else str(item.rank),
        f'<span title="{escape(item.title or "")}">{escape(item.label)}</span>',
        f'<span style="color:{COLOURS.get(verdict, OTHER)};font-weight:600">{escape(verdict)}</span>',
        _number(item.posterior),
        _number(item.score),
        _estimate(item.r2 if regression else item.accuracy),
        "" if defect is None else _number(defect.value),
        "" if item.parameters is None else f"{item.parameters:,}",
    )
    shown = "".join(f'<td style="{_CELL.format(align=_align(i))}">{cell}</td>' for i, cell in enumerate(cells))
    return f"<tr>{shown}</tr>"


def _align(column: int) -> str:
    return "left" if column in (1, 2) else "right"


def _number(value: float | None) -> str:
    return "" if value is None else format(value, "z.3f")


def _estimate(value: Interval | None) -> str:
    if value is None or value.mean is None:
        return ""
    low, high = _number(value.low), _number(value.high)
    return f'<span title="{low} to {high}">{_number(value.mean)}</span>'


def lattice_picture(lattice: Lattice) -> str:
    """The Hasse diagram as SVG: larger groups above, the border in the colour of the verdict.

    Empty where the service did not say where the nodes stand, or where there are too many to look at.
    """
    nodes = [node for node in lattice.nodes if node.place is not None and node.row is not None]
    if len(nodes) != len(lattice.nodes) or not nodes or len(nodes) > MOST_NODES:
        return ""
    half = max(abs(node.place or 0.0) for node in nodes)
    top = max(node.row or 0 for node in nodes)
    width, height = 2 * half * (NODE_WIDTH + GAP_X) + NODE_WIDTH + 6, top * (NODE_HEIGHT + GAP_Y) + NODE_HEIGHT + 6

    def middle(node: LatticeNode) -> tuple[float, float]:
        x = (half + (node.place or 0.0)) * (NODE_WIDTH + GAP_X) + NODE_WIDTH / 2 + 3
        return x, (top - (node.row or 0)) * (NODE_HEIGHT + GAP_Y) + NODE_HEIGHT / 2 + 3

    lines = []
    for cover in lattice.covers:
        (x1, y1), (x2, y2) = (middle(nodes[index]) for index in cover[:2])
        ends = f'x1="{x1:g}" y1="{y1 - NODE_HEIGHT / 2:g}" x2="{x2:g}" y2="{y2 + NODE_HEIGHT / 2:g}"'
        lines.append(f'<line {ends} stroke="{OTHER}" stroke-opacity=".6"/>')
    drawn = "".join(_node(node, *middle(node)) for node in nodes)
    return (
        f'<div style="overflow-x:auto;margin:.5em 0"><svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="The lattice of groups" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        f'font-family="sans-serif">{"".join(lines)}{drawn}</svg></div>'
    )


def _node(node: LatticeNode, x: float, y: float) -> str:
    verdict = node.verdict or node.state or ""
    colour = COLOURS.get(verdict, OTHER)
    name = node.name if len(node.name) <= LONGEST_NAME else node.name[: LONGEST_NAME - 1] + "…"
    said = verdict if node.posterior is None else f"{verdict} {node.posterior:.2f}"
    corner = f'x="{x - NODE_WIDTH / 2:g}" y="{y - NODE_HEIGHT / 2:g}"'
    place = f'{corner} width="{NODE_WIDTH}" height="{NODE_HEIGHT}"'
    return (
        f"<g><title>{escape(node.name)}: {escape(said)}</title>"
        f'<rect {place} rx="6" fill="{colour}" fill-opacity=".13" stroke="{colour}" stroke-width="1.5"/>'
        f'<text x="{x:g}" y="{y - 3:g}" text-anchor="middle" font-size="13" font-weight="600" fill="currentColor">'
        f"{escape(name)}</text>"
        f'<text x="{x:g}" y="{y + 13:g}" text-anchor="middle" font-size="10" fill="{colour}">{escape(said)}</text></g>'
    )
