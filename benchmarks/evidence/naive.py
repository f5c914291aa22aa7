"""What many would do: rank the candidates' networks by how well they predict held-out samples.

The same networks as the search's own: they are trained anyway.
"""

from __future__ import annotations

from typing import Any


def naive_choice(plan: dict[str, Any], trials: list[dict[str, Any]]) -> dict[str, str] | None:
    """The group whose network has the best held-out accuracy (R2 for regressions), and the one that gains most bits.

    Ties go to the larger group. None when some candidate was spared its training: there is nothing to compare.
    """
    measured = [(trial["metrics"], plan["nodes"][trial["position"]]) for trial in trials]
    if any(metrics is None or "spared" in metrics for metrics, _ in measured):
        return None
    best = max(measured, key=lambda m: (round(_accuracy(m[0]), 9), float(m[1]["bits"])))
    least = max(measured, key=lambda m: (round(m[0]["gain_bits"], 9), float(m[1]["bits"])))
    return {"best": str(best[1]["name"]), "by_loss": str(least[1]["name"])}


def _accuracy(metrics: dict[str, Any]) -> float:
    """Accuracy, R2, or what stands for them where only the information gained is known."""
    found = metrics.get("accuracy") or metrics.get("r2") or {"mean": metrics["gain_bits"]}
    return float(found["mean"])
