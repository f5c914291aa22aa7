"""What a person sees: the notebook's picture and table, the live line, the frame without pandas."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import pytest

from erlangen_client import Best, Candidate, Curve, Lattice, RankedGroup, Ranking, Result, Search, Sent
from erlangen_client.frames import flat
from erlangen_client.progress import reporter

EVIL = '<script>alert("x")</script>&\'"'


def candidate(rank: int, group: str, verdict: str | None, **more: Any) -> dict[str, Any]:
    estimate = {"mean": 0.9, "low": 0.8, "high": 0.95}
    return {
        "candidate_id": f"tr_{rank}", "group": group, "labels": "trivial", "state": "done", "rank": rank,
        "verdict": verdict, "posterior": 1 / rank, "score": -0.0001, "accuracy": estimate, "title": group,
        "defect": {"value": 0.01, "low": -0.1, "high": 0.1, "element": "r90"}, "parameters": 1234, "attempt": 1,
    } | more  # fmt: skip


def node(name: str, place: float, row: int) -> dict[str, Any]:
    return {
        "name": name, "group": name, "labels": "trivial", "order": 2, "posted": True, "verdict": "refuted",
        "posterior": 0.25, "place": place, "row": row,
    }  # fmt: skip


def result(name: str = EVIL) -> Result:
    search = {
        "id": "sr_1", "name": name, "dataset_id": "ds_1", "state": "done", "summary": f"The group is {name}.",
        "progress": {"done": 2, "total": 2, "fraction": 1.0}, "warnings": [{"detail": name}, name],
    }  # fmt: skip
    ranking = {
        "items": [candidate(1, name, "certified"), candidate(2, "E", name, labels=name)],
        "state": "done", "confidence": 0.9, "tolerance": 0.05,
    }  # fmt: skip
    lattice = {"nodes": [node("E", 0.0, 0), node(name, -0.5, 1), node("C2", 0.5, 1)], "covers": [[0, 1], [0, 2]]}
    return Result(search=Search.read(search), ranking=Ranking.read(ranking), lattice=Lattice.read(lattice))


class Page(HTMLParser):
    """Tags that were opened and closed, attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_notebook_shows_names_as_text_whatever_they_are() -> None:
    found = result()
    page = Page(found._repr_html_())
    assert sorted(page.opened) == sorted(page.closed)
    assert "script" not in page.opened
    assert page.text.count(EVIL) >= 5
    assert ("title", EVIL) in page.attributes
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_what_a_notebook_shows_needs_nothing_else() -> None:
    page = Page(result("D4")._repr_html_())
    assert not [value for name, value in page.attributes if name in ("src", "href", "srcset", "data")]
    assert not {"link", "script", "img", "iframe", "style"} & set(page.opened)
    assert "url(" not in " ".join(value for _, value in page.attributes)


def test_the_lattice_is_a_picture_with_larger_groups_above() -> None:
    lattice = result("D4").lattice
    (svg,) = re.findall(r"<svg.*</svg>", lattice._repr_html_())
    tree = ElementTree.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}"
    boxes = {}
    for group in tree.iter(f"{name}g"):
        box = group.find(f"{name}rect")
        assert box is not None
        boxes[group.findtext(f"{name}text")] = float(box.get("y", "nan"))
    assert boxes["E"] > boxes["D4"] == boxes["C2"]
    assert len(list(tree.iter(f"{name}line"))) == 2
    width, height = float(tree.get("width", "0")), float(tree.get("height", "0"))
    for box in tree.iter(f"{name}rect"):
        x, y, w, h = (float(box.get(side, "nan")) for side in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_a_service_that_does_not_place_the_nodes_gives_no_picture() -> None:
    bare = Lattice.read({"nodes": [{"name": "E", "group": "E"}], "covers": []})
    assert bare._repr_html_() == ""


def test_candidates_of_one_group_have_labels_of_their_own() -> None:
    more = {"translations": False, "labels": "sign"}
    labels = [Candidate.read(candidate(1, group, None, **more)).label for group in ("C4", "E")]
    assert labels == ["C4 about the centre (labels: sign)", "E (labels: sign)"]
    assert Best.read({"group": "C4", "labels": None, "translations": False}).label == "C4 about the centre"
    curve = {"candidate_id": "tr_1", "group": "C4", "labels": "trivial", "name": "C4", "translations": True}
    assert (Curve.read(curve).label, Curve.read(curve).name) == ("C4", "C4")
    row = candidate(1, "C4", None, search_id="sr_1", translations=None)
    assert RankedGroup.read(row).label == "C4"


def test_long_rankings_are_cut_and_say_so() -> None:
    rows = [candidate(rank, f"C{rank}", "refuted") for rank in range(1, 101)]
    page = Page(Ranking.read({"items": rows, "state": "done"})._repr_html_())
    assert page.opened.count("tr") == 41
    assert "and 60 more" in page.text


def test_a_row_of_a_frame_spreads_estimates() -> None:
    row = flat(candidate(1, "C4", "certified", labels_saved={"factor": 2.0, "low": 1.0, "high": 3.0, "bound": None}))
    assert (row["accuracy"], row["accuracy_low"], row["accuracy_high"]) == (0.9, 0.8, 0.95)
    assert (row["defect"], row["defect_element"]) == (0.01, "r90")
    assert (row["labels_saved"], row["labels_saved_low"], row["labels_saved_bound"]) == (2.0, 1.0, None)


def test_the_line_is_written_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    progress = {"done": 1, "total": 2, "fraction": 0.5, "eta_seconds": 7.2}
    search = Search.read(result("D4").search.raw | {"progress": progress})
    half = Sent(2_345_678, 4_691_356)
    terminal, file = Terminal(), io.StringIO()
    for stream, choice in ((terminal, None), (file, None), (terminal, False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with reporter(choice) as bar:
            bar.send(half)
            bar.send(Sent(half.total, half.total))
            bar.show(search)
    sending, sent, done = terminal.getvalue().lstrip("\r").split("\r")
    assert sending == f"{'█' * 14}{'░' * 14} sending: 2.3 of 4.7 MB, 0 s"
    assert sent.rstrip() == f"{'█' * 28} sent 4.7 MB, the service reads it, 0 s"
    assert re.fullmatch(r"█{14}░{14} done: 1 of 2 candidates, 0 s, about 7 s left *\n", done)
    assert file.getvalue() == ""


def test_the_client_imports_neither_pandas_nor_torch_nor_the_service() -> None:
    script = "import sys, erlangen_client; print(*{name.split('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert not {"pandas", "torch", "app", "models", "workers", "rich", "typer", "pydantic"} & set(shown.stdout.split())


def test_a_frame_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        result().to_frame()
