"""The tables of the scoreboard, printed as Markdown and returned as JSON."""

from __future__ import annotations

from typing import Any

from benchmarks.evidence.runner import Row
from benchmarks.evidence.statistics import (
    calibration_interval,
    clopper_pearson,
    expected_calibration_error,
    reliability,
    wilson,
)

_MISSED = ("planted", "seed", "best", "posterior", "verdict")


def report(rows: list[Row]) -> dict[str, Any]:
    """Print every table there are rows for."""
    good = [r for r in rows if "error" not in r]
    for r in rows:
        if "error" in r:
            print(f"failed: {r['cell']} {r['planted']} seed {r['seed']}: {r['error'].strip().splitlines()[-1]}")
    planted = [r for r in good if r["family"] not in ("real", "traps")]
    return {
        "recovery": _recovery(planted),
        "traps": _expectations("Traps", [r for r in good if r["family"] == "traps"]),
        "real": _expectations("Real data", [r for r in good if r["family"] == "real"]),
        "naive": _naive(planted),
        "calibration": _calibration("of all searches with a known truth", good),
        "calibration_networks": _calibration("that trained networks", [r for r in good if "alone" not in r["cell"]]),
        "false_certification": _false(good),
        "errors": len(rows) - len(good),
    }


def _cells(rows: list[Row]) -> dict[tuple[str, str, bool], list[Row]]:
    """By family, title (the cell, and how many networks of each kind were trained if several) and stopping."""
    found: dict[tuple[str, str, bool], list[Row]] = {}
    for row in rows:
        seeds = int(row["settings"]["seeds"])
        title = row["cell"] + (f", {seeds} initialisations" if seeds > 1 else "")
        found.setdefault((row["family"], title, bool(row["settings"]["stopping"])), []).append(row)
    return found


def _interval(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}"


def _recovery(rows: list[Row]) -> list[dict[str, Any]]:
    print(
        "\n| family | cell | searches | exact (Wilson interval) | in the set | false certified | posterior | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|")
    found = []
    for (family, cell, stopping), mine in _cells(rows).items():
        n, hits = len(mine), sum(r["exact"] for r in mine)
        inside, false = sum(r["in_set"] for r in mine), sum(bool(r["false_certified"]) for r in mine)
        seconds = sum(r["seconds"] for r in mine) / n
        mean = sum(r["posterior"] for r in mine) / n
        interval = wilson(hits, n)
        title = cell + (", stopping when settled" if stopping else "")
        share = f"{hits} ({_interval(interval)})"
        print(f"| {family} | {title} | {n} | {share} | {inside} | {false} | {mean:.2f} | {seconds:.0f} |")
        found.append({
            "family": family, "cell": cell, "stopping": stopping, "searches": n, "exact": hits, "wilson": interval,
            "in_set": inside, "false_certified": false, "mean_posterior": mean, "seconds": seconds,
            "missed": [[r[key] for key in _MISSED] for r in mine if not r["exact"]],
        })  # fmt: skip
    return found


def _expectations(title: str, rows: list[Row]) -> list[dict[str, Any]]:
    print(f"\n{title}\n\n| data | expected | first row (posterior, verdict) | certified | as expected | seconds |")
    print("|---|---|---|---|---|---|")
    found = []
    for (_, cell, _), mine in _cells(rows).items():
        met = sum(r["as_expected"] for r in mine)
        last = mine[0]
        answer = "; ".join(sorted({f"{r['best']} ({r['posterior']:.2f}, {r['verdict']})" for r in mine}))
        certified = "; ".join(sorted({" ".join(r["certified"]) or "nothing" for r in mine}))
        seconds = sum(r["seconds"] for r in mine) / len(mine)
        print(f"| {cell} | {last['expected']} | {answer} | {certified} | {met} of {len(mine)} | {seconds:.0f} |")
        found.append({"cell": cell, "expected": last["expected"], "met": met, "searches": len(mine), "answer": answer})
    return found


def _naive(rows: list[Row]) -> list[dict[str, Any]]:
    compared = [r for r in rows if r.get("naive")]
    print("\n| cell | searches | exact: search | best accuracy | least loss | seconds: whole search | training alone |")
    print("|---|---|---|---|---|---|---|")
    found = []
    for (_, cell, _), mine in _cells(compared).items():
        n = len(mine)
        share = {
            "search": sum(r["exact"] for r in mine),
            "accuracy": sum(r["naive"]["exact"] for r in mine),
            "loss": sum(r["naive"]["exact_by_loss"] for r in mine),
        }
        seconds = sum(r["seconds"] for r in mine) / n
        training = sum(r["training_seconds"] for r in mine) / n
        counts = " | ".join(str(v) for v in share.values())
        print(f"| {cell} | {n} | {counts} | {seconds:.0f} | {training:.0f} |")
        found.append({"cell": cell, "searches": n, **share, "seconds": seconds, "training_seconds": training})
    return found


def _calibration(title: str, rows: list[Row]) -> dict[str, Any] | None:
    known = [r for r in rows if r["exact"] is not None]
    if not known:
        return None
    p, right = [r["posterior"] for r in known], [bool(r["exact"]) for r in known]
    table = reliability(p, right)
    error, interval = expected_calibration_error(p, right), calibration_interval(p, right)
    print(
        f"\nCalibration {title}: {len(known)} searches, expected calibration error {error:.3f} ({_interval3(interval)})"
    )
    print("\n| posterior of the first row | searches | mean posterior | right |\n|---|---|---|---|")
    for b in table:
        print(f"| {b['low']:.1f} to {b['high']:.1f} | {b['searches']} | {b['posterior']:.3f} | {b['right']:.3f} |")
    return {"searches": len(known), "error": error, "interval": interval, "table": table}


def _interval3(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _false(rows: list[Row]) -> dict[str, Any]:
    known = [r for r in rows if r["exact"] is not None]
    false = sum(bool(r["false_certified"]) for r in known)
    interval = clopper_pearson(false, len(known))
    print(f"\nFalse certification: {false} of {len(known)} searches ({_interval3(interval)}, Clopper-Pearson)")
    return {"searches": len(known), "false": false, "interval": interval}
