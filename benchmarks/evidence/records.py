"""What a ranking was made of, as JSON, so that its weights can be fitted and judged without training anything anew."""

from __future__ import annotations

import math
from typing import Any


def recorded(plan: dict[str, Any], ranking: dict[str, Any], truth: int) -> dict[str, Any]:
    """The answer, whether it is right, and the terms of every candidate; `truth`: position of the planted group."""
    rows = {row["position"]: row for row in ranking["rows"]}
    nodes = [
        {
            "name": node["name"],
            "classes": node["classes"],
            "bits": node["bits"],
            "posterior": rows[p]["posterior"],
            "verdict": rows[p]["verdict"],
            "accuracy": rows[p]["evidence"]["accuracy_term"],
            "complexity": rows[p]["evidence"]["complexity_term"],
        }
        for p, node in enumerate(plan["nodes"])
    ]
    below = [set(n["classes"]) <= set(nodes[truth]["classes"]) for n in nodes]
    best = ranking["rows"][0]["position"]
    return {
        "truth": truth,
        "best": best,
        "posterior": rows[best]["posterior"],
        "exact": best == truth,
        "falsely_certified": [
            n["name"] for n, inside in zip(nodes, below, strict=True) if n["verdict"] == "certified" and not inside
        ],
        "learned": any(e["learned_share"] > 0.0 for e in ranking["elements"]),
        "nodes": nodes,
        "elements": [
            {
                "bits": e["log10_bayes_factor"] / math.log10(2.0),
                "defect": e["defect"]["value"],
                "high": e["defect"]["high"],
                "learned": e["learned_share"],
            }
            for e in ranking["elements"]
        ],
    }
