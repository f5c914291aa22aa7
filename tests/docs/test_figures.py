"""The figures and photographs that the pages show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from app.services.polar import STANDINGS
from docs import figures, screenshots
from tests.docs.blocks import pages_of
from tests.docs.building import ROOT

SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")


@pytest.mark.parametrize("page", pages_of(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_exist_and_are_described(page: Path) -> None:
    for described, target in SHOWN.findall(page.read_text()):
        assert (page.parent / target).is_file(), target
        assert len(described) > 20, f"{target} is not described"


def test_every_figure_is_drawn_and_shown(tmp_path: Path) -> None:
    figures.draw(tmp_path)
    drawn = {path.name for path in tmp_path.glob("*.svg")}
    assert drawn == {path.name for path in figures.IMAGES.glob("*.svg")}
    shown = {Path(target).name for page in pages_of(ROOT) for _, target in SHOWN.findall(page.read_text())}
    assert drawn <= shown
    for path in tmp_path.glob("*.svg"):
        assert path.stat().st_size < screenshots.MOST_BYTES


def keys_of(figure: Figure) -> set[str]:
    legend = figure.axes[0].get_legend()
    assert legend is not None
    return {text.get_text() for text in legend.get_texts()}


def test_moves_are_coloured_by_the_bound_for_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = json.loads((figures.RECORDED / "trefoil.json").read_text())
    items = recorded["elements"]["items"]
    assert all(item["defect"]["bound"] is not None for item in items), "recorded with bounds"
    before = keys_of(figures.intervals())
    within = next(item for item in items if item["defect"]["bound"] <= recorded["ranking"]["tolerance"])
    within["defect"]["bound"] = 1.5 * recorded["ranking"]["tolerance"]
    (tmp_path / "trefoil.json").write_text(json.dumps(recorded))
    monkeypatch.setattr(figures, "RECORDED", tmp_path)
    assert keys_of(figures.intervals()) - before == {STANDINGS["open"]}


def test_photographs_are_small() -> None:
    for path in screenshots.IMAGES.glob("*.png"):
        assert path.stat().st_size <= screenshots.MOST_BYTES, path.name
