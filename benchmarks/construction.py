"""What a group costs to build from cold: elements, irreps, and the maps from its regular representation to itself.

    python -m benchmarks.construction [--runs 5]

Every run is a new process with one thread. Its time starts after numpy is imported and covers the import of our own
modules (`import_seconds`), then group, irreps and basis (`construction_seconds`, and the processor's own time, which
other work on the machine does not stretch); the lattice of subgroups is timed apart. Memory is the peak of the whole
process and what building added to it. Writes `benchmarks/results/construction.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "construction.json"
ROOT = Path(__file__).resolve().parents[1]
CYCLIC = [f"C{n}" for n in range(4, 17)]
DIHEDRAL = [f"D{n}" for n in range(4, 17)]
NAMES = [*CYCLIC, *DIHEDRAL, "O", "Oh", "I", "Ih"]
TARGETS = {"D4": 0.02, "D8": 0.02, "O": 1.0, "Oh": 1.0, "I": 1.0, "Ih": 1.0}  # seconds
MAX_MIB = 200.0

CHILD = """
import json, resource, sys, time
import numpy as np
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
np.linalg.eigh(np.eye(2))  # the linear algebra library allocates its buffers on first use
before, start = peak(), time.perf_counter()
from models.groups.families import named_group
from models.groups.finite import generate
from models.groups.intertwiners import dimension_by_characters, intertwiner_basis
from models.groups.irreps import irreps
from models.groups.lattice import subgroups
from models.groups.representations import regular
imported, cpu = time.perf_counter(), time.process_time()
named = named_group(sys.argv[1], 0)
group = generate(named.generators, named.degree, 512)
generated = time.perf_counter()
found = irreps(group)
decomposed = time.perf_counter()
rep = regular(group)
basis = intertwiner_basis(rep, rep)
built, cpu_built, top = time.perf_counter(), time.process_time(), peak()
count = len(subgroups(group, 1000))
listed = time.perf_counter()
assert len(basis) == group.order == dimension_by_characters(rep, rep)
assert sum(i.dimension**2 // i.commutant_dimension for i in found) == group.order
print(json.dumps({
    "order": group.order, "irreps": len(found), "subgroups": count,
    "import_seconds": imported - start, "group_seconds": generated - imported,
    "irreps_seconds": decomposed - generated, "basis_seconds": built - decomposed,
    "construction_seconds": built - imported, "construction_cpu_seconds": cpu_built - cpu,
    "lattice_seconds": listed - built,
    "peak_mib": top, "added_mib": top - before,
}))
"""


def build_once(name: str) -> dict[str, Any]:
    """One cold process: seconds and MiB of each part."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, name]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--groups", default=",".join(NAMES))
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = options.groups.split(",")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(options.runs):  # rounds over all groups, so that a busy moment does not fall on one of them
        for name in names:
            runs[name].append(build_once(name))
    rows = []
    for name in names:
        row = {"group": name, **{key: statistics.median(run[key] for run in runs[name]) for key in runs[name][0]}}
        row["worst_construction_seconds"] = max(run["construction_seconds"] for run in runs[name])
        row["target_seconds"] = TARGETS.get(name)
        row["met"] = (name not in TARGETS or row["construction_seconds"] <= TARGETS[name]) and row[
            "peak_mib"
        ] <= MAX_MIB
        rows.append(row)
        print(
            f"{name:4} order {row['order']:3}  import {1e3 * row['import_seconds']:6.1f} ms  "
            f"construction {1e3 * row['construction_seconds']:6.2f} ms (worst "
            f"{1e3 * row['worst_construction_seconds']:6.2f}, cpu {1e3 * row['construction_cpu_seconds']:6.2f})  "
            f"lattice {1e3 * row['lattice_seconds']:6.2f} ms  "
            f"peak {row['peak_mib']:5.1f} MiB (+{row['added_mib']:4.1f})"
        )
    result = {"python": platform.python_version(), "cores": os.cpu_count(), "runs": options.runs, "rows": rows}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
