"""Reading the defect as a function of a mirror's axis: which D_n, every mirror, or one that no candidate has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from models.groups.finite import generate
from models.groups.planar import mirror, planar_name
from workers.evidence.spectrum import LARGEST_ORDER, Answer, Band, Curve, clearly_worse, listed, share_of
from workers.folds import Array

_EVEN = 4.0  # degrees by which the axes of a dihedral group may seem to lie off


def read_mirrors(curve: Curve, found: Band) -> Answer:
    refuted = found.where("refuted")
    if found.where("within").all():
        text = f"mirrors in all {len(curve.at)} axes tested cost at most {found.high.max():.1%}: every mirror"
        return Answer(text, ("O(2)",))
    unseen = found.where("unseen")
    seen = curve.at[found.where("within")]
    if not refuted.any() and not unseen.any() and _orders_between(seen) > LARGEST_ORDER:
        most = found.high[found.where("within")].max()
        text = f"mirrors in {len(seen)} of {len(curve.at)} axes cost at most {most:.1%}, none is refuted: every mirror"
        return Answer(text, ("O(2)",))
    if not refuted.any():
        every = ("C1", *(f"D{n}" for n in range(1, LARGEST_ORDER + 1)), "O(2)")
        text = "no mirror and every mirror are not told apart on this data"
        if unseen.any():
            text = f"the data does not show samples mirrored in {int(unseen.sum())} of {len(curve.at)} axes"
            text += f"; mirrors in the axes at {listed([f'{a:.4g}°' for a in seen])} are within" if len(seen) else ""
        return Answer(text, (), every)
    valleys = [_valley(curve, found, run) for run in _runs(~refuted) if not unseen[run].all()]
    sure = [v for v in valleys if v.within]
    between = tuple((v.axis, v.low, v.high) for v in sure if v.named is None)
    names = tuple(dict.fromkeys([*(_mirror_group([v]) for v in sure), *_dihedral(sure)]))
    text = _axes_text(curve, found, valleys, sure, between)
    rivals = _possible_dihedral(valleys, sure, curve.at[unseen])
    if not rivals:
        return Answer(text, names, (), None, between)
    rivals = list(dict.fromkeys([names[-1] if names else "C1", *rivals]))
    return Answer(f"{text}; {listed(rivals)} are not told apart on this data", names, tuple(rivals), None, between)


def _orders_between(axes: Array) -> float:
    """The order of the turn that mirrors in the two nearest of these axes make."""
    gaps = np.diff(np.sort(axes))
    return 180.0 / float(gaps.min()) if len(gaps) else 1.0


@dataclass(frozen=True)
class _Valley:
    """Neighbouring axes that are not refuted: the best of them with its interval, the extent of all, whether the best
    is within the tolerance and so is the axis of a candidate that lies in the interval, and that axis."""

    axis: float
    low: float
    high: float
    first: float
    last: float
    within: bool
    named: float | None


def _runs(inside: Array) -> list[list[int]]:
    """Maximal runs of neighbouring points on the circle, as lists of indices."""
    n = len(inside)
    runs = []
    for start in (i for i in range(n) if inside[i] and not inside[i - 1]):
        run = [start]
        while inside[(run[-1] + 1) % n]:
            run.append((run[-1] + 1) % n)
        runs.append(run)
    return runs


def _valley(curve: Curve, found: Band, run: list[int]) -> _Valley:
    """The interval holds the axes that are not clearly worse than the one of least loss, by paired differences; it ends
    at the first axis on either side that is, or that is refuted, and the median of the axes in it is the best one:
    losses near the axis of a mirror are too alike for the least of them to say where it is."""
    best = min((i for i in run if found.state[i] != "unseen"), key=lambda i: float(found.value[i]))
    worse = clearly_worse(curve, best) | found.where("refuted")
    n, least = len(worse), float(curve.at[best])

    def apart(i: int) -> float:
        return float((curve.at[i % n] - least + 90.0) % 180.0 - 90.0)

    low, high = best, best
    while not worse[low % n]:
        low -= 1
    while not worse[high % n]:
        high += 1
    ends = least + apart(low), least + apart(high)
    axis = least + float(np.median([apart(i) for i in range(low + 1, high)]))
    named = [a for a in curve.named if _holds((axis, *ends), a)]
    nearest = min(named, key=lambda a: abs((a - axis + 90.0) % 180.0 - 90.0), default=None)
    first, last = least + apart(run[0]), least + apart(run[-1])
    # A candidate's axis that cannot be excluded, but is not within the tolerance itself, leaves the matter open.
    settled = nearest is None or found.state[int(np.argmin(np.abs(curve.at - nearest)))] == "within"
    return _Valley(axis, *ends, first, last, found.state[best] == "within" and settled, nearest)


def _holds(axis: tuple[float, float, float], named: float) -> bool:
    apart = (named - axis[0] + 90.0) % 180.0 - 90.0
    return axis[1] < axis[0] + apart < axis[2]


def _mirror_group(valleys: Sequence[_Valley], order: int | None = None) -> str:
    """D_n with a mirror in the first of these axes, a candidate's axis standing for one that may be it; n: how many."""
    first = next((v for v in valleys if v.named is not None), valleys[0])
    angle = first.axis if first.named is None else first.named
    n = len(valleys) if order is None else order
    maps = [mirror(angle), mirror(angle + 180.0 / n)] if n > 1 else [mirror(angle)]
    return planar_name(generate(maps, 2, 4 * LARGEST_ORDER).matrices())


def _dihedral(valleys: Sequence[_Valley]) -> list[str]:
    """D_n, where n mirrors lie evenly."""
    n = len(valleys)
    places = sorted(v.axis % 180.0 for v in valleys)
    even = all(abs(b - a - 180.0 / n) <= _EVEN for a, b in pairwise(places))
    return [_mirror_group(valleys)] if 2 <= n <= LARGEST_ORDER and even else []


def _possible_dihedral(valleys: Sequence[_Valley], sure: Sequence[_Valley], unseen: Array) -> list[str]:
    """D_m with all its mirrors among axes that are not refuted and, where mirrors were found, with more than those."""

    def free(axis: float) -> bool:
        hidden = np.abs((unseen - axis + 90.0) % 180.0 - 90.0) < _EVEN
        return bool(hidden.any()) or any(_reaches(v, axis) for v in valleys)

    names = []
    for m in range(len(sure) + 1, LARGEST_ORDER + 1):
        if sure and m % len(sure):
            continue
        for v in sure[:1] or valleys:
            wanted = v.axis + 180.0 / m * np.arange(m)
            if all(free(axis) for axis in wanted):
                names += [_mirror_group([v], m), _mirror_group([replace(v, named=None)], m)][: 1 + (v not in sure)]
    return list(dict.fromkeys(names))


def _reaches(valley: _Valley, axis: float) -> bool:
    apart = (axis - valley.axis + 90.0) % 180.0 - 90.0
    return bool(valley.first - _EVEN <= valley.axis + apart <= valley.last + _EVEN)


def _axes_text(
    curve: Curve,
    found: Band,
    valleys: Sequence[_Valley],
    sure: Sequence[_Valley],
    between: Sequence[tuple[float, float, float]],
) -> str:
    if between:
        parts = [f"{a % 180.0:.4g}° (between {low:.4g}° and {high:.4g}°)" for a, low, high in between]
        plural = "mirrors with their axes" if len(parts) > 1 else "a mirror with its axis"
        return f"the data is symmetric under {plural} at {listed(parts)}, between those of the candidates"
    if sure:
        axes = listed([f"{v.named:.4g}° (between {v.low:.4g}° and {v.high:.4g}°)" for v in sure])
        return f"of all mirrors only those with axes at {axes} are within the tolerance"
    if valleys:
        axes = listed([f"{v.axis % 180.0:.4g}°" for v in valleys])
        return f"mirrors in axes at {axes} are neither within the tolerance nor refuted, all others are refuted"
    least = int(np.argmin(found.value))
    cost = share_of(found.value[least])
    return f"every mirror is refuted; the least, in the axis at {curve.at[least]:.4g}°, costs {cost}"
