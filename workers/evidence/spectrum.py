"""The defect as a function: of the angle of a turn, the axis of a mirror, the factor of a scaling, a centre.

One curve of paired excess losses, with bounds that hold at once along the whole curve, says more than a few probes:
which C_n, or every angle, or only a range of angles; a mirror whose axis no candidate has; a centre off the origin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import stats

from workers.evidence.orbits import LEVEL, plain_t, skewed_t
from workers.folds import Array
from workers.intervals import cluster_moments

LARGEST_ORDER = 16  # of the C_n and D_n that a spectrum tells apart
SHOWN = 0.2  # of the rows: fewer that lie among the data once moved, and the element is not shown
_DRAWS = 2000


@dataclass(frozen=True)
class Curve:
    """What moving held-out samples costs one witness, along a curve of elements.

    `at` (points,): degrees, factors or places of the centre, ascending; `excess` (points, rows): loss on moved samples
    minus that on unmoved ones or, where moving interpolates, on the sham, NaN where it was not measured; `gains`
    (rows,): the best constant's loss minus the witness's; `cluster` (rows,); `shown` (points,): the share of rows that
    lie among the data when they are moved so; `named`: parameters that some candidate has; centres are `at`
    times `towards` or, for pictures, `offsets` (points, 2) in pixels right and down of the middle of the frame, the
    middle first, about which `element` is tested; `dependence` as in `workers.evidence.orbits.Witness`.
    """

    kind: str  # turns | mirrors | scales | centres
    at: Array
    excess: Array
    gains: Array
    cluster: Array
    shown: Sequence[float]
    named: Sequence[float] = ()
    towards: Sequence[float] = (1.0,)
    dependence: float = 1.0
    offsets: Sequence[Sequence[float]] = ()
    element: str = ""

    @cached_property
    def moments(self) -> _Moments:
        """What is known of the defect at every point."""
        return _moments(self)

    @cached_property
    def largest(self) -> Array:
        """The largest studentised deviation of the curve by chance, for each of _DRAWS vectors of random signs."""
        signs = np.random.default_rng(0).integers(0, 2, (_DRAWS, len(self.moments.deviations))) * 2.0 - 1.0
        return np.asarray((signs @ self.moments.deviations).max(1))

    def critical(self, level: float = LEVEL) -> float:
        """Standard errors at which a one-sided bound holds for the whole curve with probability 1 - level."""
        alone = float(stats.t.ppf(1 - level, self.moments.freedom.min()))
        return max(float(np.quantile(self.largest, 1 - level)), alone)


@dataclass(frozen=True)
class _Moments:
    """Of the defect at every point: value, standard error, skewness, degrees of freedom, all (points,), and the sums of
    its influence function over clusters in standard errors, (clusters, points)."""

    value: Array
    error: Array
    skew: Array
    freedom: Array
    deviations: Array


@dataclass(frozen=True)
class Band:
    """The defect along a curve with a lower and an upper bound, each simultaneous; all (points,).

    `state` of a point: `within` the tolerance, `refuted`, `unseen` (the data does not show samples moved so) or `open`.
    `error` are standard errors, `p_value` those of "the defect is at most the tolerance", at once for all points.
    """

    value: Array
    error: Array
    low: Array
    high: Array
    p_value: Array
    state: tuple[str, ...]

    def where(self, state: str) -> Array:
        return np.array([s == state for s in self.state])


@dataclass(frozen=True)
class Answer:
    """What a curve says.

    `supported`: groups all of whose tested elements are within the tolerance, the largest last; `not_told_apart`:
    where more than one is possible, those among which the truth lies, the largest last; `reach`: up to where all moves
    from the identity on are within the tolerance, and from where on some are refuted; `between`: (place, low, high) of
    mirrors and centres that no candidate has.
    """

    sentence: str
    supported: tuple[str, ...] = ()
    not_told_apart: tuple[str, ...] = ()
    reach: tuple[float, float | None] | None = None
    between: tuple[tuple[float, float, float], ...] = ()


def band(curve: Curve, tolerance: float, level: float = LEVEL) -> Band:
    """D = mean excess / mean gain at every point; either bound holds on the whole curve with probability 1 - level.

    As for the classes of a lattice (`workers.evidence.simultaneous`): one vector of random signs over the clusters for
    all points, so that neighbouring angles, which rise and fall together, are not paid for each as if it were alone.
    """
    found, critical = curve.moments, curve.critical(level)
    above = np.array([skewed_t(critical, skew) for skew in found.skew]) * found.error
    below = np.array([skewed_t(critical, -skew) for skew in found.skew]) * found.error
    low, high = found.value - below, np.maximum(found.value, 0.0) + above
    distance = np.array(
        [plain_t(d, -skew) for d, skew in zip((found.value - tolerance) / found.error, found.skew, strict=True)]
    )
    p_value = (1 + (curve.largest[:, None] >= distance).sum(0)) / (1 + _DRAWS)
    state = tuple(
        "unseen" if share < SHOWN else "within" if top <= tolerance else "refuted" if bottom > tolerance else "open"
        for share, bottom, top in zip(curve.shown, low, high, strict=True)
    )
    return Band(found.value, found.error, low, high, p_value, state)


def _moments(curve: Curve) -> _Moments:
    """By the influence function of the ratio, robust to clusters, with the variance that cross-fitting may have."""
    gain, rows = float(curve.gains.mean()), len(curve.gains)
    known = ~np.isnan(curve.excess)
    counts = known.sum(1, keepdims=True)
    excess = np.where(known, curve.excess, 0.0)
    means = excess.sum(1, keepdims=True) / counts
    value = means[:, 0] / gain
    apart = np.where(known, excess - means, 0.0) * (rows / counts)
    influence = (apart - value[:, None] * (curve.gains - gain)) / gain
    each = [cluster_moments(one, curve.cluster) for one in influence]
    raw, clusters = np.array([m.error for m in each]), np.array([m.clusters for m in each]) * counts[:, 0] / rows
    # Data closed under an element give exactly zero; an error of zero would claim more than the rows can.
    error = np.sqrt(curve.dependence * raw**2 + 1.0 / clusters**2)
    codes = np.unique(curve.cluster, return_inverse=True)[1]
    sums = np.zeros((int(codes.max()) + 1, len(influence)))
    np.add.at(sums, codes, influence.T)
    return _Moments(
        value=value,
        error=error,
        skew=np.array([m.skew for m in each]),
        freedom=np.array([m.freedom for m in each]),
        deviations=sums / rows / np.maximum(raw, 1e-12),
    )


def clearly_worse(curve: Curve, best: int) -> Array:
    """Which points have a larger defect than `best`, by a one-sided test of paired differences, at once."""
    differences = replace(curve, excess=curve.excess - curve.excess[best])
    return np.asarray(differences.moments.value > differences.critical() * differences.moments.error)


def _reach(curve: Curve, found: Band, identity: float) -> tuple[float, float | None] | None:
    """(the farthest point up to which every one is within the tolerance, the first one that is refuted)."""
    order = np.argsort(curve.at)
    within = identity
    for i in order:
        if found.state[i] != "within":
            break
        within = float(curve.at[i])
    refuted = [float(curve.at[i]) for i in order if found.state[i] == "refuted"]
    return (within, min(refuted, default=None)) if within > identity else None


def members(at: Array, order: int) -> Array:
    """Which of the turns `at` (degrees) lie in C_order, (points,)."""
    steps = at * order / 360.0
    return np.asarray(np.abs(steps - np.round(steps)) < 1e-6 * order)


def read_turns(curve: Curve, found: Band) -> Answer:
    within, refuted = found.where("within"), found.where("refuted")
    orders = [n for n in range(2, LARGEST_ORDER + 1) if np.isclose(curve.at, 360.0 / n, atol=1e-6).any()]
    supported = [n for n in orders if within[members(curve.at, n)].all()]
    possible = [n for n in orders if not refuted[members(curve.at, n)].any()]
    count, step = len(curve.at), float(np.diff(np.sort(curve.at)).max())
    if within.all():
        text = f"all {count} turns tested, at most {step:g}° apart, cost at most {found.high.max():.1%}: SO(2)"
        return Answer(text, (*(f"C{n}" for n in supported), "SO(2)"), (), (180.0, None))
    names = tuple(f"C{n}" for n in supported)
    if math.lcm(*supported) > LARGEST_ORDER and not refuted.any():
        most = found.high[within].max()
        text = (
            f"turns of order {listed([str(n) for n in supported])} cost at most {most:.1%}, no turn is refuted: SO(2)"
        )
        return Answer(text, (*names, "SO(2)"))
    top = max(supported, default=1)
    larger = [f"C{n}" for n in possible if n > top and n % top == 0] + ["SO(2)"] * (not refuted.any())
    reach = _reach(curve, found, 0.0)
    ranged = _range_text(curve, found, reach)
    against, worst = "", int(np.argmax(np.where(refuted, found.low, -np.inf)))
    if refuted.any():
        against = f"a turn by {curve.at[worst]:.4g}° costs {share_of(found.value[worst])}"
    if larger:
        rivals = (f"C{top}", *larger)
        if found.where("unseen").any() and not refuted.any():
            return Answer(f"{ranged}; no group of turns can be told from another", names, rivals, reach)
        text = f"{listed(rivals)} are not told apart on this data"
        if refuted.any():
            largest = int(larger[-1][1:])
            alone = refuted[~members(curve.at, largest)].all()
            text += f": no turn of C{largest} is refuted, every other one is" if alone else f": {against}"
        return Answer(text + ("; " + ranged if ranged else ""), names, rivals, reach)
    if top > 1:
        most = found.high[members(curve.at, top)].max()
        text = f"turns by multiples of {360 / top:.4g}° cost at most {most:.1%}, {against}: C{top}"
    else:
        text = f"no C_n has all its turns: {against}"
    return Answer(text + ("; " + ranged if ranged else ""), names, (), reach)


def _range_text(curve: Curve, found: Band, reach: tuple[float, float | None] | None) -> str:
    """In words, how far the data is symmetric though not under a group: up to where turns are within the tolerance."""
    unseen = curve.at[found.where("unseen")]
    hidden = len(unseen) > 0 and _beyond(curve, unseen)
    text = "the data does not show samples turned by some angles" if len(unseen) else ""
    text = f"the data shows no samples turned by {unseen.min():.4g}° or more" if hidden else text
    if reach is None or (reach[1] is None and not hidden):
        return text
    parts = [f"turns of up to {reach[0]:.4g}° are within the tolerance", text]
    parts.append(f"from {reach[1]:.4g}° on some are refuted" if reach[1] is not None else "")
    return ", ".join(p for p in parts if p)


def _beyond(curve: Curve, unseen: Array) -> bool:
    return len(unseen) == int((curve.at >= unseen.min()).sum())


def read_scales(curve: Curve, found: Band) -> Answer:
    within, refuted = found.where("within"), found.where("refuted")
    if within.all():
        largest = float(curve.at.max())
        text = f"scalings by up to {largest:.3g} either way cost at most {found.high.max():.1%}: Scale"
        return Answer(text, ("Scale",), (), (largest, None))
    reach = _reach(curve, found, 1.0)
    if refuted.any():
        worst = int(np.argmax(np.where(refuted, found.low, -np.inf)))
        text = f"scaling by {curve.at[worst]:.3g} either way costs {share_of(found.value[worst])}"
        rivals: tuple[str, ...] = ()
    else:
        text, rivals = "Scale and no change of scale are not told apart on this data", ("E", "Scale")
    if reach is not None:
        text += f"; scalings by up to {reach[0]:.3g} are within the tolerance"
    return Answer(text, (), rivals, reach)


def read_centres(curve: Curve, found: Band) -> Answer:
    if len(curve.offsets):
        return _read_frame_centres(curve, found)
    origin = int(np.argmin(np.abs(curve.at)))
    best = int(np.argmin(found.value))
    if found.state[best] != "within":
        return Answer("no centre is within the tolerance")
    if found.state[origin] != "refuted":
        return Answer("the origin is as good a centre as any")
    worse = clearly_worse(curve, best)
    low = max((float(a) for a in curve.at[worse & (curve.at < curve.at[best])]), default=-math.inf)
    high = min((float(a) for a in curve.at[worse & (curve.at > curve.at[best])]), default=math.inf)
    place = float(curve.at[best])
    text = f"symmetric about {place:.3g} (between {low:.3g} and {high:.3g}), not about the origin"
    if len(curve.towards) > 1:
        about = ", ".join(f"{place * t:.3g}" for t in curve.towards)
        text = f"symmetric about ({about}), {place:.3g} ({low:.3g} to {high:.3g}) times the mean, not about the origin"
    return Answer(text, between=((place, low, high),))


def _read_frame_centres(curve: Curve, found: Band) -> Answer:
    """Of pictures: another centre is named where the frame's is refuted and it is not, and costs less than half as much
    whichever of the values within their bounds is true."""
    allowed = ~(found.where("refuted") | found.where("unseen"))
    if not found.where("refuted")[0]:
        return Answer(f"the middle of the frame is not refuted as the centre of the {curve.element}")
    best = int(np.argmin(np.where(allowed, found.value, np.inf)))
    if not allowed[best] or found.high[best] > 0.5 * found.low[0] or not clearly_worse(curve, best)[0]:
        return Answer(f"no centre near the middle of the frame fits the {curve.element} much better than that")
    right, down = curve.offsets[best]
    place = f"{_apart(right, 'right', 'left')} and {_apart(down, 'below', 'above')}"
    text = (
        f"{curve.element} about a centre {place} the middle of the frame costs "
        f"at most {found.high[best]:.1%}, about the middle {share_of(found.value[0])}: the pictures "
        "seem to be centred there; crop them about it"
    )
    near = curve.at[allowed & ~clearly_worse(curve, best)]
    return Answer(text, between=((float(curve.at[best]), float(near.min()), float(near.max())),))


def _apart(pixels: float, positive: str, negative: str) -> str:
    return f"{abs(pixels):g} px {positive if pixels >= 0 else negative}"


def listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def share_of(value: float) -> str:
    return "all that was learned" if value >= 1 else f"{value:.0%} of what was learned"
