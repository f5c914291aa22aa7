"""What the web process may weigh: no torch in it, and less than 150 MB."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx2
import pytest

from tests.api.process import Server
from tests.api.rows import Rows

LIMIT_MB = 150
FOREIGN = ("/torch/", "/scipy/", "/pyarrow/", "libcuda")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def mapped(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {fields[5] for line in lines if len(fields := line.split(maxsplit=5)) == 6}


def test_the_web_process_stays_small(server: Server, rows: Rows) -> None:
    search = rows.search(state="done")
    dataset = rows.dataset()
    with httpx2.Client(base_url=server.url) as client:
        for _ in range(20):
            for path in ("", "/ranking", "/elements", "/lattice", "/events"):
                assert client.get(f"/v1/searches/{search}{path}").status_code == 200
            for path in ("/", "/v1/groups", "/v1/rankings", "/openapi.json", "/metrics", "/v1/datasets"):
                assert client.get(path).status_code == 200
            assert client.post("/v1/searches", json={"dataset_id": dataset}).status_code == 202
    foreign = {path for path in mapped(server.process.pid) if any(name in path for name in FOREIGN)}
    assert not foreign
    assert resident_mb(server.process.pid) < LIMIT_MB
