"""Record the search that the figures show: `python -m docs.record`, a minute or two.

Points of the plane in two classes, with the symmetry of a trefoil, are searched by a service that is started for it;
what it answers is written to docs/recorded/trefoil.json, from which docs/figures.py draws.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.service import Service

RECORDED = Path(__file__).parent / "recorded"
N = 1200
ON = [0, 1]
CANDIDATES: list[Any] = [{"group": group, "on": ON} for group in ("D6", "D4", "SO(2)")]


def trefoil() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points (n, 2) and classes: inside or outside a curve with three leaves, 3 % of the labels wrong."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N, 2))
    angle = np.arctan2(x[:, 1], x[:, 0])
    inside = np.hypot(x[:, 0], x[:, 1]) < 1.2 * (1 + 0.7 * np.cos(3 * angle))
    wrong = rng.random(N) < 0.03
    return x.astype(np.float32), (inside ^ wrong).astype(np.int64)


def main() -> None:
    RECORDED.mkdir(exist_ok=True)
    x, y = trefoil()
    with tempfile.TemporaryDirectory() as folder, Service(Path(folder), worker_threads=1) as service:
        client = service.client
        found = client.search(x, y, CANDIDATES, name="trefoil")
        search = found.search
        parts = {part: client.request("GET", f"/v1/searches/{search.id}/{part}")
                 for part in ("ranking", "elements", "lattice", "evidence", "curves")}  # fmt: skip
    print(found.summary)
    text = json.dumps({"summary": found.summary, **parts}, indent=1, ensure_ascii=False)
    (RECORDED / "trefoil.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
