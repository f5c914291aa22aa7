"""What the README promises about commands and settings."""

from __future__ import annotations

import re
from pathlib import Path

from app.settings import Settings
from tests.docs.blocks import pages_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_setting_is_in_the_readme_and_nothing_else() -> None:
    table = "\n".join(line for line in README.splitlines() if line.startswith("| `ERLANGEN_"))
    documented = set(re.findall(r"`(ERLANGEN_\w+)`", table))
    assert documented == {f"ERLANGEN_{name.upper()}" for name in Settings.model_fields}


def test_links_lead_somewhere() -> None:
    for page in pages_of(ROOT):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets | {"help"}
