"""What many would do: rank the candidates' networks by how well they predict held-out samples.

The same networks as the search's own: they are trained anyway.
"""

from __future__ import annotations

from typing import Any


def naive_choice(plan: dict[str, Any], trials: list[dict[str, Any]]) -> dict[str, str] | None:
    """The group whose network has the best held-out accuracy (R2 for regressions), and the one with the least loss.

    Ties go to the larger group. None when some candidate was spared its training: there is nothing to compare.
    """
    measured = [(trial["metrics"], plan["nodes"][trial["position"]]) for trial in trials]
    if any("loss_bits" not in metrics for metrics, _ in measured):
        return None
    quality = "accuracy" if "accuracy" in measured[0][0] else "r2"
    best = max(measured, key=lambda m: (round(m[0][quality]["mean"], 9), float(m[1]["bits"])))
    least = min(measured, key=lambda m: (round(m[0]["loss_bits"]["mean"], 9), -float(m[1]["bits"])))
    return {"best": str(best[1]["name"]), "by_loss": str(least[1]["name"])}
