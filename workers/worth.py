"""What the candidates of a finished search are worth, each against the network that knows no symmetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.groups.action import is_trivial
from workers.evidence.utility import LearningCurve, Resampling, compare, resampling
from workers.folds import Array
from workers.intervals import mean_interval

Trials = dict[int, dict[str, Any]]


def search_worth(plan: dict[str, Any], done: Trials, learned: bool) -> list[dict[str, Any]]:
    """For each candidate with a curve {position, against, bits_saved_against_trivial, labels_saved,
    imposing_costs_bits}: what it is worth against the trivial group with the same translations, or against any.

    `imposing_costs_bits`: its held-out loss less the reference's, bits a sample, with all samples; negative is a gain.
    """
    curves = {p: t for p, t in sorted(done.items()) if "curve" in t["metrics"]}
    again: Resampling | None = None
    found = []
    for position, own in curves.items():
        base = _reference(plan, curves, position)
        worth: dict[str, Any] = {"position": position, "against": base, "seeds": own["metrics"]["curve"]["seeds"]}
        if base is None or base == position:
            reason = (
                "it is the reference itself" if base == position else "no trivial group was trained to compare with"
            )
            worth |= {"bits_saved_against_trivial": None, "labels_saved": _unread(reason), "imposing_costs_bits": None}
            found.append(worth)
            continue
        reference = curves[base]
        cluster = _array(own, "cluster")
        again = again or resampling(cluster, 0)
        worth |= compare(_curve(own), _curve(reference), again, own["metrics"]["curve"]["first_bits"], 0)
        if not learned:
            worth["labels_saved"] = _unread("no network predicts better than a constant")
        costs = _array(own, "curve_whole").astype(float) - _array(reference, "curve_whole")
        worth["imposing_costs_bits"] = mean_interval(costs, cluster)
        found.append(worth)
    return found


def add_worth(rows: list[dict[str, Any]], worth: list[dict[str, Any]]) -> None:
    """Write `labels_saved` and `bits_saved` into the rows of a ranking."""
    known = {w["position"]: w for w in worth}
    for row in rows:
        if row["position"] in known:
            of = known[row["position"]]
            row["evidence"] |= {"labels_saved": of["labels_saved"], "bits_saved": of["bits_saved_against_trivial"]}


def worth_in_words(plan: dict[str, Any], worth: list[dict[str, Any]], order: Sequence[int]) -> str:
    """A sentence about the labels that the best candidate saves; empty where its interval does not lie above one."""
    found = next((w for w in worth if w["position"] == next(iter(order), None)), None)
    if found is None:
        return ""
    saved = found["labels_saved"]
    if saved["factor"] is None or (saved["low"] or 0.0) <= 1.0:
        return ""
    name, least = plan["nodes"][order[0]]["name"], "at least " if saved["bound"] == "at_least" else "about "
    high = "or more" if saved["high"] is None else f"to {saved['high']:.1f}"
    # With one training a size the interval knows of the rows alone: too little to be quoted.
    known = f"{saved['low']:.1f} {high}" if found["seeds"] > 1 else "one training"
    return f" {name} is worth {least}{saved['factor']:.1f} times the labels ({known})."


def _reference(plan: dict[str, Any], curves: Trials, position: int) -> int | None:
    nodes = plan["nodes"]
    trivial = [p for p in curves if is_trivial(nodes[p]["spec"])]
    like = [p for p in trivial if nodes[p]["translations"] == nodes[position]["translations"]]
    return next(iter([*like, *trivial]), None)


def _unread(reason: str) -> dict[str, Any]:
    return {"factor": None, "low": None, "high": None, "bound": None, "reason": reason}


def _array(trial: dict[str, Any], name: str) -> Array:
    found: Array = np.load(trial["arrays"][f"{name}.npy"], allow_pickle=False)
    return found


def _curve(trial: dict[str, Any]) -> LearningCurve:
    labels = [np.nan if m is None else m for m in trial["metrics"]["curve"]["labels"]]
    return LearningCurve(np.asarray(labels), _array(trial, "curve_bits").astype(float))
