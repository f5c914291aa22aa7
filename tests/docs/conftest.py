"""The site, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.building import build


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("site"))
