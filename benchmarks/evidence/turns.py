"""Rendered images with a planted point group beyond the pixel grid: C3 ... C12, D3 ... D8, SO(2), O(2), or none.

A search is right when its first row is the truth, and honest when the truth is among the groups that it does not tell
apart from the first: C8, C16 and SO(2) may look alike on smooth pictures.
"""

from __future__ import annotations

from functools import partial

from benchmarks.evidence.rendered import rendered
from benchmarks.evidence.runner import Cell, Task

CYCLIC = ("C3", "C4", "C5", "C6", "C8", "C12")
DIHEDRAL = ("D3", "D4", "D6", "D8")
SIDE = 20
# What competes with a truth: its own kind, one level finer and coarser, and the continuous groups.
RIVALS = {
    "C3": ["C3", "C6", "C4", "D3"],
    "C4": ["C2", "C4", "C8", "D4"],
    "C5": ["C5", "C10", "C4", "D5"],
    "C6": ["C3", "C6", "C12", "D6"],
    "C8": ["C4", "C8", "C16", "D8"],
    "C12": ["C6", "C12", "C4", "D12"],
    "D3": ["C3", "D3", "D6"],
    "D4": ["C4", "D4", "D8", "D2"],
    "D6": ["D3", "D6", "D12", "C6"],
    "D8": ["D4", "D8", "D16", "C8"],
    "SO(2)": ["C4", "C8", "D4"],
    "O(2)": ["C4", "D4", "D8"],
    "none": ["C2", "C3", "C4", "D1"],
}


def planted(truth: str, seed: int, n: int) -> Task:
    """`n` pictures with the truth planted, its rivals and the continuous groups as candidates."""
    x, y = rendered(truth, n, seed, side=SIDE)
    candidates = ["T", *RIVALS[truth], "SO(2)", "O(2)"]
    name = "T" if truth == "none" else truth
    return Task(x, y, candidates, name, subgroups=False, expected="the truth is first, or not told apart from it")


CELLS = [
    Cell("turns, n = 1500", (*CYCLIC, "SO(2)", "none"), partial(planted, n=1500)),
    Cell("turns and mirrors, n = 1500", (*DIHEDRAL, "O(2)"), partial(planted, n=1500)),
]
