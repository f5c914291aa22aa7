"""Every block of the client's page runs, one after the other, as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.service import ROOT, Service
from tests.blocks import blocks


@pytest.mark.slow
def test_the_blocks_of_the_client_s_page_run(service: Service, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(ROOT / "docs" / "client.md", "python")))
    environment = {**os.environ, "ERLANGEN_URL": service.url, "PYTHONPATH": str(ROOT / "client")}
    shown = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=240, cwd=tmp_path, env=environment
    )
    assert shown.returncode == 0, shown.stderr
    assert "/candidates/1" in shown.stdout
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert list(tmp_path.glob("*.onnx"))
