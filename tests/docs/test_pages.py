"""Every code block of the documentation does what the page says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.service import Service
from tests.docs.blocks import COMPARED, RUN, Block, blocks_of, pages_of
from tests.docs.building import ROOT
from tests.docs.running import Reader, compare, compare_lines
from tests.live import live_service

PAGES = {str(page.relative_to(ROOT)): blocks_of(page.read_text()) for page in pages_of(ROOT)}
# Pages that train for more than a few seconds.
SLOW = frozenset(
    {
        "README.md",
        "client/README.md",
        "docs/client.md",
        "docs/command-line.md",
        "docs/tutorial.md",
        *(
            f"docs/how-to/{name}.md"
            for name in (
                "belonging-together",
                "budgets",
                "candidates",
                "continuous",
                "label-actions",
                "network",
                "verdicts",
            )
        ),
    }
)
TO_RUN = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
    for name, blocks in PAGES.items()
    if any(block.runs for block in blocks)
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with live_service("embedded", tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.mark.parametrize("page", TO_RUN)
def test_a_page_can_be_followed(page: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ERLANGEN_URL", service.url)
    monkeypatch.delenv("ERLANGEN_API_KEY", raising=False)
    with closing(Reader(tmp_path, service.url)) as reader:
        for block in PAGES[page]:
            reader.follow(page, block)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run_or_say_why_not(page: str) -> None:
    for block in PAGES[page]:
        known = block.language in (*RUN, *COMPARED, "text")
        assert known or block.excuse, f"{page}:{block.line}: `{block.language}` is not run, and nothing says why"


def test_the_pages_that_are_slow_exist() -> None:
    assert set(PAGES) >= SLOW


def test_blocks_are_found_with_their_lines_and_marks() -> None:
    page = (
        "# A\n\n```python\na = 1\n```\n\n<!-- not run: needs a moon -->\n```bash\nfly\n```\n\n"
        "<!-- first: b = 2\n-->\n```python\nprint(b)\n```\n\n```{note}\nno code\n```\n"
    )
    assert blocks_of(page) == [
        Block("python", "a = 1\n", 4),
        Block("bash", "fly\n", 9, excuse="needs a moon"),
        Block("python", "print(b)\n", 15, first="b = 2\n"),
    ]


def test_a_page_that_is_wrong_is_noticed(service: Service, tmp_path: Path) -> None:
    reader = Reader(tmp_path, service.url)
    with pytest.raises(AssertionError, match=r"a\.md:3: exit status 22"):
        reader.follow("a.md", Block("bash", "curl localhost:8000/v1/searches/nothing", 3))
    with pytest.raises(AssertionError, match="/status"):
        compare({"status": "ok"}, {"status": "down"}, "a.md:1")
    compare({"n": 958, "posterior": 0.9, "id": "ds_01…"}, {"n": 958, "posterior": 0.8, "id": "ds_01ab", "x": 1}, "")
    with pytest.raises(AssertionError, match="no /m"):
        compare({"m": 1}, {"n": 1}, "a.md:1")
    compare_lines("D2  certified 0.99\n…\nE …", "rank\n1 D2\nD2 certified 0.87\nE refuted", "")
    with pytest.raises(AssertionError, match="refuted"):
        compare_lines("D2 refuted", "D2 certified", "a.md:1")


def test_shell_blocks_hand_on_their_variables_and_ids(service: Service, tmp_path: Path) -> None:
    reader = Reader(tmp_path, service.url)
    reader.follow("a.md", Block("bash", "mkdir inner; cd inner; word='two words'; export LOUD=yes", 1))
    reader.follow("a.md", Block("bash", 'echo "$word $LOUD ${PWD##*/} ds_0123456789abcdef sr_0123456789abcdef"', 2))
    assert reader.printed.startswith("two words yes inner")
    reader.follow("a.md", Block("bash", "echo ds_01… sr_…", 3))
    assert reader.printed == "ds_0123456789abcdef sr_0123456789abcdef\n"
    reader.follow("a.md", Block("bash", "echo sr_aaaaaaaaaaaaaaaa sr_bbbbbbbbbbbbbbbb", 4))
    reader.follow("a.md", Block("bash", "echo sr_… ds_…", 5))
    assert reader.printed == "sr_bbbbbbbbbbbbbbbb ds_0123456789abcdef\n", "the last that was printed of each kind"
