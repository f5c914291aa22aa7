"""Three laws apart: is p(x) symmetric, is p(x, y), and what does that say about p(y | x)?

What is searched for is a symmetry of p(y | x). The orbit-loss test is about the joint law: it can fail because samples
are not shown in every pose. So each is reported by itself, and the conclusion about p(y | x) says when there is none.
"""

from __future__ import annotations

import math
import time
from typing import Any

from workers.evidence.marginal import element_invariance
from workers.evidence.orbits import LEVEL
from workers.evidence.pose import pose_predicts_label
from workers.evidence.verdicts import ClassEvidence
from workers.samples import Samples, class_actions

SYMMETRIC, BROKEN, UNSAID = "symmetric", "broken", "cannot be said"


_UNKNOWN: dict[str, Any] = {
    "marginal": {"statistic": None, "p_value": None, "rows": 0},
    "joint": {"p_value": None},
    "pose_predicts_label": None,
}


def data_laws(samples: Samples, plan: dict[str, Any], domain: str, deadline: float = math.inf) -> list[dict[str, Any]]:
    """What the samples alone, without any network, say of each class: {marginal, joint, pose_predicts_label}.

    Nothing is known of classes that the deadline (time.monotonic()) leaves no time for.
    """
    found = []
    for planned, actions in zip(plan["classes"], class_actions(plan), strict=True):
        if time.monotonic() > deadline:
            found.append(_UNKNOWN)
            continue
        invariance = element_invariance(samples, actions[0], planned["order"], domain)
        found.append(
            {
                "marginal": {key: invariance[key] for key in ("statistic", "p_value", "rows")},
                "joint": {"p_value": invariance["joint_p_value"]},
                "pose_predicts_label": pose_predicts_label(samples, actions[0], planned["order"], domain),
            }
        )
    return found


def element_laws(
    metrics: list[dict[str, Any]], evidence: list[ClassEvidence], quantile: float, tolerance: float
) -> list[dict[str, Any]]:
    """For each class the three laws, from the metrics of the done trials; one of them may hold those of `data_laws`.

    `marginal` and `joint` are symmetric until a p-value, by Holm over all classes, is below .05: that they were not
    found broken. `conditional` asks for more, see `conditional_law`.
    """
    laws: list[dict[str, Any]] = next((m["laws"] for m in metrics if "laws" in m), [_UNKNOWN] * len(evidence))
    marginal = _adjusted([law["marginal"]["p_value"] for law in laws])
    joint = _adjusted([law["joint"]["p_value"] for law in laws])
    result = []
    for law, found, p_marginal, p_joint in zip(laws, evidence, marginal, joint, strict=True):
        conditional, reason = conditional_law(found, p_marginal, quantile, tolerance)
        result.append(
            {
                "marginal": {**law["marginal"], "p_holm": p_marginal, "status": _status(p_marginal)},
                "joint": {
                    "p_value": law["joint"]["p_value"],
                    "p_holm": p_joint,
                    "defect_p_adjusted": found.p_adjusted if found.defect.known else None,
                    "status": BROKEN if found.refuted else _status(p_joint),
                },
                "conditional": conditional,
                "reason": reason,
                "pose_predicts_label": law["pose_predicts_label"],
            }
        )
    return result


def conditional_law(
    found: ClassEvidence, p_marginal: float | None, quantile: float, tolerance: float
) -> tuple[str, str]:
    """(symmetric, broken or cannot be said; why) for p(y | x) under one class, up to the tolerance.

    Symmetric where the defect is bounded by the tolerance and the poses are shown; broken where the defect is above it
    and samples are shown so often in the moved poses that a network's ignorance of them does not explain it.
    `quantile`: standard errors at which bounds hold for all classes at once.
    """
    if found.support == "not_shown":
        return UNSAID, "the data does not show the moved poses"
    if not found.defect.known:
        return UNSAID, "no network could test it"
    if found.refuted:
        if found.support == "shown" or (p_marginal is not None and p_marginal >= LEVEL):
            return BROKEN, "labels change where the data shows the moved poses"
        return UNSAID, "moved samples are predicted worse, but the data shows few of the moved poses"
    if found.defect.bound(quantile) <= tolerance:
        return SYMMETRIC, "moved samples are predicted as well as samples are"
    return UNSAID, "the defect is neither small nor large for certain"


def search_laws(plan: dict[str, Any], laws: list[dict[str, Any]]) -> dict[str, Any]:
    """The laws of every candidate, and the elements under which p(x) is not symmetric or the pose tells the label."""
    candidates = []
    for position, node in enumerate(plan["nodes"]):
        members = [laws[c] for c in node["classes"]]
        conditional = [law["conditional"] for law in members]
        candidates.append(
            {
                "position": position,
                "name": node["name"],
                "marginal": _joined([law["marginal"]["status"] for law in members]),
                "joint": _joined([law["joint"]["status"] for law in members]),
                "conditional": _joined(conditional),
            }
        )
    titles = [c["title"] for c in plan["classes"]]
    told = _adjusted([(law["pose_predicts_label"] or {}).get("p_value") for law in laws])
    return {
        "candidates": candidates,
        "marginal_broken": [t for t, law in zip(titles, laws, strict=True) if law["marginal"]["status"] == BROKEN],
        "pose_predicts_label": [t for t, p in zip(titles, told, strict=True) if p is not None and p < LEVEL],
    }


def _joined(statuses: list[str]) -> str:
    """That of a group: broken by one element, symmetric only under all."""
    if BROKEN in statuses:
        return BROKEN
    return SYMMETRIC if all(s == SYMMETRIC for s in statuses) else UNSAID


def _status(p_holm: float | None) -> str:
    return UNSAID if p_holm is None else BROKEN if p_holm < LEVEL else SYMMETRIC


def _adjusted(p_values: list[float | None]) -> list[float | None]:
    """Holm's step-down adjustment over those that are known."""
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(known):
        running = max(running, min(1.0, (len(known) - rank) * p))
        adjusted[i] = running
    return adjusted
