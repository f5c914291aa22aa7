"""Optional stopping: candidates whose fate the networks trained so far have settled are not trained.

A search with `stopping: "settled"` looks, before a candidate is trained, at what the witnesses of the finished ones
have said. A candidate with a broken element is spared: its verdict cannot change. Once every element is settled, all
are spared but the largest group without a broken element, whose network is what the user takes home.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.groups.action import is_trivial
from workers.evidence.orbits import LEVEL
from workers.evidence.stopping import Bets, settled

BETS = ("bounded", "fold")  # the arrays of a trial that only stopping needs


def stops(request: dict[str, Any]) -> bool:
    """Whether a search spares candidates that are settled."""
    return request.get("stopping") == "settled"


def spared(job: dict[str, Any]) -> str | None:
    """Why the candidate of this trial need not be trained; None when it must be.

    `job["done"]`: the finished trials of the search with their arrays, as a ranking is given them.
    """
    plan, node = job["plan"], job["plan"]["nodes"][job["position"]]
    heard = [bets for trial in job.get("done", []) for bets in _bets(trial)]
    if is_trivial(node["spec"]) or not heard:
        return None
    found = settled(heard, float(job["request"].get("tolerance") or 0.05), LEVEL)
    shown = next((t["metrics"]["support"] for t in job["done"] if "support" in t["metrics"]), None)
    if shown is None:
        return None
    # An element whose moved poses the data does not show is not tested, however high the loss.
    found = [None if s["status"] == "not_shown" else f for f, s in zip(found, shown, strict=True)]
    broken = [c for c in node["classes"] if found[c] == "broken"]
    if broken:
        return f"{plan['classes'][broken[0]]['title']} is no symmetry, which the networks trained before had settled"
    if None in found:
        return None
    kept = [p for p, n in enumerate(plan["nodes"]) if all(found[c] == "kept" for c in n["classes"])]
    if job["position"] == max(kept, key=lambda p: (float(plan["nodes"][p]["bits"]), p)):
        return None
    return "every element of the search was settled by the networks trained before"


def _bets(trial: dict[str, Any]) -> list[Bets]:
    """The bets of a trial's witnesses; none where nothing was heard.

    The candidate at position 0 has half of the whole, that at position p has 1 / (2 p (p + 1)); the witnesses of a
    trial divide its share.
    """
    if not set(BETS) <= {name.removesuffix(".npy") for name in trial["arrays"]}:
        return []
    base, constant, bounded, fold, cluster = (
        np.load(trial["arrays"][f"{name}.npy"], allow_pickle=False)
        for name in ("base", "constant", "bounded", "fold", "cluster")
    )
    p, bounds = trial["position"], trial["metrics"]["loss_bounds"]
    share = (0.5 if p == 0 else 0.5 / (p * (p + 1))) / len(bounds)
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
