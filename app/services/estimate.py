"""What a search would take, before it is started: its candidates with their networks, and how long they may train."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.auth import Principal
from app.db.repositories import AnyRow, trials, workers
from app.db.tables import Dataset, utc_now
from app.metrics import WORKER_ALIVE
from app.schemas.searches import SearchRequest
from app.services.searches import plan_request, usable_dataset
from app.settings import Settings
from models.groups.scout import plan_found
from models.networks.planned import plan_networks

SIMILAR = 4.0  # times as much work, or as little
ENOUGH = 3  # similar trials that are worth more than many others
NEAREST = 30
LEAST_SECONDS = 5.0  # that training gets, however small the budget


@dataclass(frozen=True)
class _Past:
    """One finished trial: its wall time, epochs, and the operations of one epoch over all its networks."""

    seconds: float
    epochs: int
    most_epochs: int
    work: float
    kind: tuple[str, str]  # domain, and what was asked of the learning curves


def estimate(
    reader: sessionmaker[Session], settings: Settings, principal: Principal, request: SearchRequest
) -> dict[str, Any]:
    """The plan of a search and the time it may take; raises the problems that starting it would raise."""
    with reader() as session:
        dataset = usable_dataset(session, principal.owner, request.dataset_id)
    plan = plan_request(request, dataset, settings)
    scout = plan.get("scout")
    if scout is not None:
        # What the scout will find is not known: counted are the groups with labels in place.
        outputs = len(dataset.classes) if dataset.classes else dataset.target_dim or 1
        plan = plan_networks(plan_found(scout, []), tuple(dataset.x_shape), outputs, request.matching)
    with reader() as session:
        past = [_past(row) for row in trials.recent_costs(session)]
        alive = max(1, workers.count_alive(session, utc_now() - WORKER_ALIVE))
    most = max(LEAST_SECONDS, request.budget.max_seconds / len(plan["nodes"]))
    spent = [_seconds(_work(node, dataset, request), dataset, request, past, most) for node in plan["nodes"]]
    return {
        "dataset_id": dataset.id,
        "candidates": [_candidate(node, time) for node, (time, _) in zip(plan["nodes"], spent, strict=True)],
        "covers": plan["covers"],
        "elements": [{name: c[name] for name in ("element", "title", "interpolated")} for c in plan["classes"]],
        "label_actions_to_find": scout is not None,
        "warnings": plan["warnings"],
        "seconds": _total([time for time, _ in spent], alive),
        "basis": {"kind": _worst([kind for _, kind in spent]), "trials": len(past), "workers": alive},
    }


def _candidate(node: dict[str, Any], time: dict[str, float] | None) -> dict[str, Any]:
    names = ("name", "group", "title", "labels", "translations", "order", "posted")
    return {
        **{name: node[name] for name in names},
        **node["network"],
        "elements": len(node["classes"]),
        "seconds": time,
    }


def _work(node: dict[str, Any], dataset: Dataset, request: SearchRequest) -> float:
    """Operations of one epoch of a candidate: one pass of all its networks over the samples."""
    return float(node["network"]["flops"]) * dataset.n * request.folds * request.seeds


def _past(row: AnyRow) -> _Past:
    asked = row.request
    budget = asked.get("budget") or {}
    networks = int(asked.get("folds") or 3) * int(asked.get("seeds") or 1)
    return _Past(
        seconds=float(row.seconds),
        epochs=int(row.epochs),
        most_epochs=int(budget.get("max_epochs") or 40),
        work=float(row.flops) * row.n * networks,
        kind=(row.domain, asked.get("utility") or "fast"),
    )


def _seconds(
    work: float, dataset: Dataset, request: SearchRequest, past: Sequence[_Past], most: float
) -> tuple[dict[str, float] | None, str | None]:
    """Median and outer tenths of what past trials would have taken for this work; None where there were none."""
    known = [p for p in past if p.work > 0 and p.epochs > 0]
    if not known or work <= 0:
        return None, None
    alike = [
        p for p in known if p.kind == (dataset.domain, request.utility) and 1 / SIMILAR <= work / p.work <= SIMILAR
    ]
    kind = "similar_trials" if len(alike) >= ENOUGH else "scaled_by_operations"
    if kind == "scaled_by_operations":
        alike = sorted(known, key=lambda p: abs(math.log(p.work / work)))[:NEAREST]
    times = []
    for p in alike:
        # A trial that stopped by itself would stop there again; one that ran out of epochs would use those it is given.
        epochs = min(p.epochs, request.budget.max_epochs) if p.epochs < p.most_epochs else request.budget.max_epochs
        times.append(min(most, p.seconds * (work / p.work) * (epochs / p.epochs)))
    tenths = quantiles(times, n=10, method="inclusive") if len(times) > 1 else times * 9
    return {"value": tenths[4], "low": tenths[0], "high": tenths[8]}, kind


def _total(times: Sequence[dict[str, float] | None], alive: int) -> dict[str, float] | None:
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        return None
    side_by_side = min(alive, len(known))
    return {name: round(sum(time[name] for time in known) / side_by_side, 1) for name in ("value", "low", "high")}


def _worst(kinds: Sequence[str | None]) -> str | None:
    """What the weakest of the estimates rests on."""
    if None in kinds:
        return None
    return "scaled_by_operations" if "scaled_by_operations" in kinds else "similar_trials"
