"""Optional stopping: candidates whose fate the networks trained so far have settled are not trained.

A search with `stopping: "settled"` looks, before a candidate is trained, at what the witnesses of the finished ones
have said. A candidate with a broken element is spared: its verdict cannot change. Once every element of the others is
settled, all are spared but the largest group of them, whose network is what the user takes home. A worker takes the
candidate next whose training may settle most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import expit

from models.groups.action import is_trivial
from workers.evidence.orbits import LEVEL
from workers.evidence.stopping import Bets, settled, totals
from workers.folds import Array

BETS = ("bounded", "fold")  # the arrays of a trial that only stopping needs


def stops(request: dict[str, Any]) -> bool:
    """Whether a search spares candidates that are settled."""
    return request.get("stopping") == "settled"


def spared(job: dict[str, Any]) -> str | None:
    """Why the candidate of this trial need not be trained; None when it must be.

    `job["done"]`: the finished trials of the search with their arrays, as a ranking is given them.
    """
    known = _known(job)
    return None if known is None else known.spares(job["position"])


def most_telling_first(job: dict[str, Any], positions: Sequence[int]) -> list[int]:
    """These positions of the plan, those first whose training may settle most; `job` as for `spared`.

    A network says nothing of its own group, and little if its group is wrong. So a candidate counts as many elements as
    lie outside it and are open still, times the chance that all of its own hold, by the bets made so far. Then comes
    what is likely to hold, larger groups first, and last what would be spared now. Plan order before the first witness.
    """
    known = _known(job)
    if known is None:
        return sorted(positions)
    return sorted(positions, key=lambda p: (known.spares(p) is not None, *(-v for v in known.promise(p)), p))


@dataclass(frozen=True)
class _Known:
    """What the witnesses heard so far say: for each class of the plan "broken", "kept" or None, and the odds (natural
    logarithm) that it is kept."""

    plan: dict[str, Any]
    found: list[str | None]
    odds: Array

    def spares(self, position: int) -> str | None:
        node = self.plan["nodes"][position]
        if is_trivial(node["spec"]):
            return None
        broken = [c for c in node["classes"] if self.found[c] == "broken"]
        if broken:
            title = self.plan["classes"][broken[0]]["title"]
            return f"{title} is no symmetry, which the networks trained before had settled"
        if self.open:
            larger = self._larger(node)
            return larger and f"it stands or falls with {larger}, and its network could settle nothing more"
        kept = [p for p, n in enumerate(self.plan["nodes"]) if all(self.found[c] == "kept" for c in n["classes"])]
        if position == max(kept, key=lambda p: (float(self.plan["nodes"][p]["bits"]), p)):
            return None
        return "every candidate of the search was settled by the networks trained before"

    def _larger(self, node: dict[str, Any]) -> str | None:
        """A group above this one that has the same open classes and otherwise kept ones, where no others are open."""
        own = set(node["classes"])
        if self.open - own:
            return None
        above = (n for n in self.plan["nodes"] if own < set(n["classes"]))
        same = (n for n in above if all(self.found[c] == "kept" for c in set(n["classes"]) - own))
        return next((str(n["name"]) for n in same), None)

    @cached_property
    def open(self) -> set[int]:
        """The classes that are not settled, of the candidates that are not."""
        nodes = [n["classes"] for n in self.plan["nodes"]]
        left = {c for classes in nodes if not any(self.found[c] == "broken" for c in classes) for c in classes}
        return {c for c in left if self.found[c] is None}

    def promise(self, position: int) -> tuple[float, ...]:
        """How much the training of a candidate may settle, and what decides between those that may settle as much."""
        node = self.plan["nodes"][position]
        holds = float(expit(min((self.odds[c] for c in node["classes"]), default=np.inf)))
        return holds * len(self.open - set(node["classes"])), holds, float(node["bits"])


def _known(job: dict[str, Any]) -> _Known | None:
    """None before a witness was heard."""
    plan = job["plan"]
    heard = [bets for trial in job.get("done", []) for bets in _bets(trial, len(plan["nodes"]))]
    shown = next((t["metrics"]["support"] for t in job.get("done", []) if "support" in t["metrics"]), None)
    if not heard or shown is None:
        return None
    total = totals(heard, float(job["request"].get("tolerance") or 0.05))
    # An element whose moved poses the data does not show is not tested, however high the loss.
    found = [None if s["status"] == "not_shown" else f for f, s in zip(settled(total, LEVEL), shown, strict=True)]
    odds = np.array([kept - broken if np.isfinite(broken + kept) else 0.0 for broken, kept in total])
    return _Known(plan, found, odds)


def _bets(trial: dict[str, Any], candidates: int) -> list[Bets]:
    """The bets of a trial's witnesses; none where nothing was heard.

    The candidate at position 0 has half of the whole, all others have the same part of the other half: whichever of
    them is trained next, its share was fixed before. The witnesses of a trial divide its share.
    """
    if not set(BETS) <= {name.removesuffix(".npy") for name in trial["arrays"]}:
        return []
    base, constant, bounded, fold, cluster = (
        np.load(trial["arrays"][f"{name}.npy"], allow_pickle=False)
        for name in ("base", "constant", "bounded", "fold", "cluster")
    )
    bounds = trial["metrics"]["loss_bounds"]
    share = (0.5 if trial["position"] == 0 else 0.5 / (candidates - 1)) / len(bounds)
    return [
        Bets(share, np.minimum(constant[k], bound) - np.minimum(base[k], bound), bounded[k], bound, cluster, fold)
        for k, bound in enumerate(bounds)
    ]


def saved(trials: list[dict[str, Any]]) -> dict[str, Any] | None:
    """{spared, of, seconds}: candidates that were not trained, and about how long their training would have taken.

    Seconds in proportion to the operations of the networks that were trained; null when none was. None where no
    candidate was spared. `trials`: those that are done.
    """
    skipped = [t["metrics"] for t in trials if "spared" in t["metrics"]]
    if not skipped:
        return None
    trained = [t["metrics"] for t in trials if "spared" not in t["metrics"]]
    operations = sum(float(m["flops"]) for m in trained)
    rate = sum(float(m["seconds"]) for m in trained) / operations if operations else None
    seconds = None if rate is None else rate * sum(float(m["flops"]) for m in skipped)
    return {"spared": len(skipped), "of": len(trials), "seconds": seconds}
