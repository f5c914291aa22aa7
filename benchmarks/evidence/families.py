"""The families of the suite by name; what needs data from outside is there when its folder is given."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.evidence import kernels, lattice, permutations, real, traps, turns
from benchmarks.evidence.label_tasks import PLANTED, LabelTask
from benchmarks.evidence.runner import Cell, Task


def label_task(truth: str, seed: int, name: str) -> Task:
    """A task of `label_tasks`: the label action is to be found by the search."""
    found: LabelTask = PLANTED[name](seed=seed)  # type: ignore[call-arg]
    expected = "the group, with the label action found from the data"
    (asked,) = found.candidates
    if found.task == "classification":
        entry = {**asked, "labels": "permutation", "label_generators": found.action}
    else:
        entry = {**asked, "labels": "matrix", "label_matrices": found.action}
    if asked["group"] != "custom":
        entry["group"] = found.truth
    return Task(
        found.x, found.y, found.candidates, found.truth, found.groups, margin=found.least, expected=expected,
        truth_entry=entry,
    )  # fmt: skip


def families(data: Path | None = None) -> dict[str, list[Cell]]:
    """Cells by family. `data`: the folder of the real data sets."""
    found = {
        "lattice": lattice.CELLS,
        "traps": traps.CELLS,
        "turns": turns.CELLS,
        "labels": [Cell(name, ["planted"], partial(label_task, name=name)) for name in PLANTED],
        "permutations": permutations.CELLS,
        "kernels": kernels.CELLS,
    }
    return found | ({"real": real.cells(data)} if data else {})
