"""One verdict per candidate: certified, approximate, refuted, untested or undetermined."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workers.evidence.orbits import LEVEL, Defect

APPROXIMATE = 0.2


@dataclass(frozen=True)
class ClassEvidence:
    """All that is known of one element class."""

    element: str
    title: str
    defect: Defect
    support: str  # shown | unclear | not_shown
    p_value: float
    p_adjusted: float
    log2_bayes_factor: float
    support_p_value: float | None = None

    @property
    def refuted(self) -> bool:
        return self.defect.known and self.support != "not_shown" and self.p_adjusted < LEVEL


@dataclass(frozen=True)
class Verdict:
    """`reason` is a sentence; `element` the one that decided, if any; `factor`: how many times the data may decide."""

    name: str
    reason: str
    element: str | None = None
    factor: float | None = None


def verdict(members: list[ClassEvidence], tolerance: float, quantile: float, learned: bool) -> Verdict:
    """The verdict on a group of element classes `members`.

    `quantile`: standard errors at which the upper bounds hold at once over all classes of the lattice. `learned`: some
    witness beat the best constant predictor; without it nothing can be said of any group.
    """
    if not learned:
        return Verdict("undetermined", "no network predicts better than a constant: the data shows no signal to test")
    against = [m for m in members if m.refuted]
    if against:
        worst = max(against, key=lambda m: (m.defect.value - tolerance) / m.defect.error)
        return Verdict("refuted", f"{worst.title} destroys {_percent(worst)} of what was learned", worst.element)
    unseen = [m for m in members if m.support == "not_shown"]
    if unseen:
        return Verdict("untested", f"the data does not show samples after {unseen[0].title}", unseen[0].element)
    silent = [m for m in members if not m.defect.known]
    if silent:
        return Verdict("undetermined", f"no witness could test {silent[0].title}", silent[0].element)
    bounds = [(m.defect.bound(quantile), m) for m in members]
    worst_bound, widest = max(bounds, key=lambda pair: pair[0], default=(0.0, None))
    if widest is None:
        return Verdict("certified", "it asks for no symmetry that could fail")
    if worst_bound <= tolerance:
        return Verdict(
            "certified", f"every element costs at most {worst_bound:.1%} of what was learned", widest.element
        )
    factor, _ = to_settle(members, quantile, tolerance)
    if worst_bound <= APPROXIMATE:
        reason = f"every element costs at most {worst_bound:.1%} of what was learned; that none costs more than the "
        reason += f"tolerance of {tolerance:.3g} is not shown"
        return Verdict("approximate", reason, widest.element, factor if math.isfinite(factor) else None)
    return Verdict(
        "undetermined",
        f"the cost of {widest.title} is known only to be below {worst_bound:.0%} of what was learned"
        + (f"; about {times(factor)} the data would decide" if math.isfinite(factor) else ""),
        widest.element,
        factor if math.isfinite(factor) else None,
    )


def times(factor: float) -> str:
    """A multiple in words that promise no more digits than it has."""
    return f"{factor:.1f} times" if factor < 10 else f"{factor:.2g} times" if factor < 100 else f"{factor:.0f} times"


def _percent(member: ClassEvidence) -> str:
    return "all" if member.defect.value >= 1 else f"{member.defect.value:.0%}"


def to_settle(members: list[ClassEvidence], quantile: float, tolerance: float) -> tuple[float, str]:
    """(how many times the data would settle a group with these classes, the element that would settle it).

    Either one element is refuted or the last one is certified, whichever comes first; maybe infinite.
    """
    refuted = min((m.defect.to_refute(quantile, tolerance), m.element) for m in members)
    certified = max((m.defect.to_certify(quantile, tolerance), m.element) for m in members)
    return min(refuted, certified)
