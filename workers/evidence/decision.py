"""From the evidence on elements to an answer, and what the answer hangs on: tolerance, more data, closure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from models.groups.joins import Pair, above, join, node_pairs
from workers.evidence.verdicts import ClassEvidence, Verdict, to_settle

TOLERANCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
_JOINS = 12  # pairs of accepted groups whose join is looked at


@dataclass(frozen=True)
class Decision:
    """The answer at one tolerance; dictionaries by position of the candidate, `order` by score."""

    tolerance: float
    evidence: list[ClassEvidence]
    quantile: float
    learned: bool
    verdicts: dict[int, Verdict]
    probabilities: dict[int, float]
    order: list[int]

    @property
    def certified(self) -> list[int]:
        return [p for p in sorted(self.verdicts) if self.verdicts[p].name == "certified"]


@dataclass(frozen=True)
class MoreData:
    """The likeliest rival of the best candidate that is not settled, how many times the data would settle it, and by
    which element. `factor` is None where no amount would: no witness, or no sample, shows the elements between them."""

    rival: int
    factor: float | None
    element: str | None


def sweep_step(plan: dict[str, Any], found: Decision) -> dict[str, Any]:
    """The answer at one tolerance as JSON (`app.schemas.evidence.ToleranceStep`)."""
    best = found.order[0]
    return {
        "tolerance": found.tolerance,
        "best": plan["nodes"][best]["name"],
        "posterior": found.probabilities[best],
        "verdict": found.verdicts[best].name,
        "verdicts": dict(Counter(v.name for v in found.verdicts.values())),
        "certified": [plan["nodes"][p]["name"] for p in found.certified],
    }


def more_data(plan: dict[str, Any], found: Decision) -> MoreData | None:
    """What would settle the likeliest rival that is not settled yet; None without such a rival.

    A rival is settled when one of the elements that set it apart is refuted, or all of them are certified, whichever
    would come first.
    """
    if not found.order or not found.learned:
        return None
    best = found.order[0]
    rivals = [p for p in found.order[1:] if found.verdicts[p].name not in ("refuted", "untested")]
    for rival in sorted(rivals, key=lambda p: (-found.probabilities[p], p)):
        apart = _apart(plan, rival, best) or _apart(plan, best, rival)
        members = [found.evidence[c] for c in apart]
        if any(not m.defect.known or m.support == "not_shown" for m in members):
            return MoreData(rival, None, None)
        factor, element = to_settle(members, found.quantile, found.tolerance) if members else (1.0, None)
        if factor > 1.0:  # else the elements between the two are settled, and no matter of data
            return MoreData(rival, factor if math.isfinite(factor) else None, element)
    return None


def _apart(plan: dict[str, Any], one: int, other: int) -> list[int]:
    """Classes of one candidate that the other has not."""
    rest = set(plan["nodes"][other]["classes"])
    return [c for c in plan["nodes"][one]["classes"] if c not in rest]


def closure_warnings(plan: dict[str, Any], found: Decision) -> list[str]:
    """What follows from the accepted elements and is not claimed.

    If A and B are symmetries, so is the group they generate. Where two certified groups, neither within a certified
    one, generate a group that is not certified, one of them holds only up to the tolerance, or the data is too small:
    their union is never claimed. Accepted elements that no certified candidate has are named as well.
    """
    nodes, upper = plan["nodes"], above(plan)
    certified = set(found.certified)
    top = [p for p in sorted(certified) if not upper[p] & certified]
    warnings = []
    for a, b in list(combinations(top, 2))[:_JOINS]:
        shifted = bool(nodes[a]["translations"]) or bool(nodes[b]["translations"])
        claim = _claim(plan, found, _join(plan, upper, a, b, shifted), shifted)
        warnings.append(
            f"{nodes[a]['name']} and {nodes[b]['name']} are both certified; {claim}. Their union is not claimed"
        )
    covered = {c for p in certified for c in nodes[p]["classes"]}
    alone = [
        e.title
        for c, e in enumerate(found.evidence)
        if c not in covered and e.defect.known and e.support != "not_shown"
        if e.defect.bound(found.quantile) <= found.tolerance and found.learned
    ]
    if alone:
        warnings.append(
            f"within the tolerance, but in no certified candidate: {', '.join(alone[:6])}"
            + (f" and {len(alone) - 6} more" if len(alone) > 6 else "")
            + "; to claim them, search for the groups that they generate"
        )
    return warnings


def _join(plan: dict[str, Any], upper: list[frozenset[int]], a: int, b: int, shifted: bool) -> int | str | None:
    """The position of the group that two nodes generate, or words for one that the search does not have."""
    pairs: list[Pair] = []
    for position in (a, b):
        own = node_pairs(plan["nodes"][position])
        if own is None:  # a family: the least group above both stands for what they generate
            shared = (upper[a] | {a}) & (upper[b] | {b})
            least = [p for p in shared if not any(p in upper[q] for q in shared)]
            return least[0] if len(least) == 1 else "a group"
        pairs += own
    made = join(plan, pairs, shifted)
    if made.node is not None:
        return made.node
    return "more elements than can be listed" if made.order is None else f"a group of order {made.order}"


def _claim(plan: dict[str, Any], found: Decision, made: int | str | None, shifted: bool) -> str:
    if isinstance(made, int):
        name = plan["nodes"][made]["name"]
        verdict = found.verdicts.get(made)
        if verdict is None:
            return f"together they generate {name}, whose network was not trained"
        return f"together they generate {name}, which is {verdict.name}: {verdict.reason}"
    return f"together they generate {made}, which was not searched for"
