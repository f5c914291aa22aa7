"""Rendered images with a planted point group beyond the pixel grid: C3 ... C12, D3 ... D8, SO(2), O(2), or none.

A search is right when its first row is the truth, and honest when the truth is among the groups that it does not tell
apart from the first: C8, C16 and SO(2) may look alike on smooth pictures.
"""

from __future__ import annotations

from functools import partial

from benchmarks.evidence.rendered import rendered
from benchmarks.evidence.runner import Cell, Task

CYCLIC = tuple(f"C{n}" for n in range(3, 13))
DIHEDRAL = tuple(f"D{n}" for n in range(3, 9))
SIDE = 20
# What competes with a truth: a coarser or another group, a finer one, and the continuous group of its kind.
RIVALS = {
    "C3": ["C3", "C6", "SO(2)"],
    "C4": ["C4", "C8", "SO(2)"],
    "C5": ["C5", "C10", "SO(2)"],
    "C6": ["C3", "C6", "SO(2)"],
    "C7": ["C7", "C14", "SO(2)"],
    "C8": ["C4", "C8", "SO(2)"],
    "C9": ["C3", "C9", "SO(2)"],
    "C10": ["C5", "C10", "SO(2)"],
    "C11": ["C9", "C11", "SO(2)"],
    "C12": ["C6", "C12", "SO(2)"],
    "D3": ["C3", "D3", "O(2)"],
    "D4": ["C4", "D4", "O(2)"],
    "D5": ["C5", "D5", "O(2)"],
    "D6": ["D3", "D6", "O(2)"],
    "D7": ["C7", "D7", "O(2)"],
    "D8": ["D4", "D8", "O(2)"],
    "SO(2)": ["C4", "SO(2)", "O(2)"],
    "O(2)": ["C4", "D4", "O(2)"],
    "none": ["C2", "C3", "SO(2)"],
}


def planted(truth: str, seed: int, n: int) -> Task:
    """`n` pictures with the truth planted, and its rivals as candidates."""
    x, y = rendered(truth, n, seed, side=SIDE)
    candidates = ["T", *RIVALS[truth]]
    name = "T" if truth == "none" else truth
    return Task(x, y, candidates, name, subgroups=False, expected="the truth is first, or not told apart from it")


CELLS = [
    Cell("turns, n = 1000", (*CYCLIC, "SO(2)", "none"), partial(planted, n=1000)),
    Cell("turns and mirrors, n = 1000", (*DIHEDRAL, "O(2)"), partial(planted, n=1000)),
]
