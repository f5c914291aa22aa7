"""Label actions as a ranking tells of them: by the names of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.groups.naming import named_cycles

_SHOWN = ("group", "labels", "samples", "better", "error")


def with_label_actions(
    plan: dict[str, Any], rows: list[dict[str, Any]], names: list[str] | None
) -> list[dict[str, Any]]:
    """The rows of a ranking, each with the `label_action` of its candidate."""
    for row in rows:
        row["evidence"]["label_action"] = label_cycles(plan["nodes"][row["position"]], names)
    return rows


def label_cycles(node: dict[str, Any], names: list[str] | None) -> list[list[list[str]]] | None:
    """For each generator of a node's group the cycles of the classes; None where classes stay put, or are none.

    `names`: of the classes, None for a regression.
    """
    maps = node["spec"].get("y")
    if names is None or not maps:
        return None
    return [named_cycles(np.argmax(np.asarray(m), axis=0), names) for m in maps]


def found_actions(plan: dict[str, Any], names: list[str] | None) -> list[dict[str, Any]] | None:
    """What the scout of a search found, for `app.schemas.evidence.FoundLabels`; None where there was none."""
    if "found" not in plan:
        return None
    return [
        {**{name: one[name] for name in _SHOWN}, "generators": [_generator(g, names) for g in one["generators"]]}
        for one in plan["found"]
    ]


def _generator(found: dict[str, Any], names: list[str] | None) -> dict[str, Any]:
    if "permutation" not in found:
        return found
    cycles = named_cycles(np.asarray(found["permutation"]), names or [str(c) for c in range(len(found["permutation"]))])
    return {"element": found["element"], "cycles": cycles, "predicted": found["predicted"]}
