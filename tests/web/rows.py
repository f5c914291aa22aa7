"""Finished searches as rows: images whose labels are symmetric under D2 and under nothing more."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.db.tables import Dataset, Element, Search, Trial, new_id
from models.groups.plan import plan_search

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TRUE_ELEMENTS = {"r180", "mx", "my"}
POSTERIOR = {"D2": 0.931, "C2": 0.021, "D1": 0.019, "D1y": 0.024, "T": 0.005}
TOLERANCE = 0.05


def dataset(owner: str, name: str) -> Dataset:
    """Two classes of 14 x 14 images."""
    identifier = new_id("ds")
    return Dataset(
        id=identifier,
        owner=owner,
        content_key=identifier,
        name=name,
        domain="image2d",
        task="classification",
        n=2000,
        x_shape=[1, 14, 14],
        classes=["even", "odd"],
        target_dim=None,
        sha256="0" * 64,
        bytes=2000 * 14 * 14 * 4,
        prefix=f"datasets/{identifier}",
        manifest={},
        warnings=[],
        created_at=NOW,
    )


def _defect(element: str) -> dict[str, Any]:
    index = ["r180", "ma", "md", "mx", "my", "r90"].index(element)
    if element in TRUE_ELEMENTS:
        value = (-0.004, 0.0, 0.0, 0.006, 0.011, 0.0)[index]
        return {"value": value, "low": value - 0.021, "high": value + 0.024}
    value = (0.0, 0.61, 0.68, 0.0, 0.0, 0.83)[index]
    return {"value": value, "low": value - 0.11, "high": value + 0.12}


def _evidence(node: dict[str, Any], classes: list[dict[str, Any]], verdict: str) -> dict[str, Any]:
    worst = max((classes[i]["element"] for i in node["classes"]), key=lambda e: _defect(e)["value"], default=None)
    defect = _defect(worst) if worst else {"value": 0.0, "low": 0.0, "high": 0.0}
    accuracy = 0.62 if verdict == "refuted" else 0.91 + 0.008 * math.log2(node["order"])
    return {
        "accuracy": {"mean": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02},
        "loss_bits": {"mean": 1.2 - accuracy, "low": 1.16 - accuracy, "high": 1.24 - accuracy},
        "gain_bits": accuracy - 0.2,
        "accuracy_term": accuracy - 0.2,
        "consistency_term": 1 - max(defect["value"], 0),
        "complexity_term": 0.031 - 0.003 * math.log2(node["order"]),
        "defect": {**defect, "element": worst},
        "equivariance_error": 3.1e-7,
        "parameters": 5210 + 37 * node["order"],
        "flops": 480_000 * node["order"],
    }


def _curve(verdict: str) -> dict[str, Any]:
    losses = [0.9, 0.8, 0.7] if verdict == "refuted" else [0.7, 0.5, 0.3]
    loss = [{"mean": m, "low": m - 0.04, "high": m + 0.04} for m in losses]
    return {"sizes": [333, 666, 1333], "loss_bits": loss, "accuracy": loss, "seeds": 1, "cut": None}


def _worth(position: int) -> dict[str, Any]:
    saved = {"factor": 2.6, "low": 2.2, "high": None, "bound": None, "reason": None}
    gain = {"mean": -0.2, "low": -0.25, "high": -0.15}
    return {
        "position": position,
        "against": 0,
        "labels_saved": saved if position else None,
        "bits_saved_against_trivial": {"mean": 120.0, "low": 80.0, "high": 160.0} if position else None,
        "imposing_costs_bits": gain if position else None,
    }


def _plan() -> dict[str, Any]:
    return plan_search(
        "auto",
        domain="image2d",
        x_shape=(1, 14, 14),
        task="classification",
        target_dim=None,
        classes=2,
        include_subgroups=True,
        max_candidates=64,
    )


def waiting_search(session: Session, *, owner: str = "local") -> str:
    """Insert one search that no worker has begun; returns its id."""
    source = dataset(owner, "waiting")
    search = Search(
        id=new_id("sr"),
        owner=owner,
        dataset_id=source.id,
        name="Waiting",
        request={"candidates": "auto", "tolerance": TOLERANCE},
        plan=_plan(),
    )
    session.add_all([source, search])
    session.flush()
    for position, node in enumerate(search.plan["nodes"]):
        session.add(
            Trial(
                id=new_id("tr"),
                search_id=search.id,
                position=position,
                group=node["group"],
                labels=node["labels"],
                order=node["order"],
                spec=node["spec"],
            )
        )
    return search.id


def finished_search(
    session: Session, *, owner: str = "local", name: str = "Planted D2", data: str = "planted D2"
) -> str:
    """Insert one search that is done, with its ranking and evidence; returns its id."""
    source = dataset(owner, data)
    plan = _plan()
    search = Search(
        id=new_id("sr"),
        owner=owner,
        dataset_id=source.id,
        name=name,
        state="done",
        request={"candidates": "auto", "tolerance": TOLERANCE, "folds": 3, "seeds": 1, "seed": 0},
        plan=plan,
        confidence=0.921,
        evidence={"worth": [_worth(position) for position in range(len(plan["nodes"]))]},
        summary="The data is symmetric under D2 (half turn and both axis mirrors), and under no larger candidate.",
        warnings=["The defect of the quarter turn rests on one witness."],
        created_at=NOW,
        started_at=NOW + timedelta(seconds=1),
        finished_at=NOW + timedelta(seconds=64),
    )
    session.add_all([source, search])
    session.flush()
    files = ["network.safetensors", "network.json", "equivariance.json"]
    missing = {"network.onnx": "the expanded kernels take 80 MiB"}
    trials = []
    for position, node in enumerate(plan["nodes"]):
        false = {plan["classes"][i]["element"] for i in node["classes"]} - TRUE_ELEMENTS
        verdict = "refuted" if false else "certified"
        trials.append(
            Trial(
                id=new_id("tr"),
                search_id=search.id,
                position=position,
                group=node["group"],
                labels=node["labels"],
                order=node["order"],
                spec=node["spec"],
                state="done",
                attempt=1,
                progress=1.0,
                created_at=NOW,
                started_at=NOW,
                finished_at=NOW + timedelta(seconds=6),
                seconds=5.7,
                metrics={
                    "parameters": 5210,
                    "seconds": 5.7,
                    "files": files,
                    "missing": missing,
                    "curve": _curve(verdict),
                },
                prefix=f"trials/{search.id}/{position}",
                verdict=verdict,
                posterior=POSTERIOR.get(node["group"], 1e-9),
                evidence=_evidence(node, plan["classes"], verdict),
            )
        )
        evidence = trials[-1].evidence or {}
        trials[-1].score = evidence["accuracy_term"] + evidence["consistency_term"] - evidence["complexity_term"]
    trials.sort(key=lambda trial: -(trial.posterior or 0))
    for rank, trial in enumerate(trials, start=1):
        trial.rank = rank
    best = trials[0]
    search.best = {
        "candidate_id": best.id,
        "group": best.group,
        "labels": best.labels,
        "posterior": best.posterior,
        "confidence": search.confidence,
        "verdict": best.verdict,
    }
    session.add_all(trials)
    for position, element in enumerate(plan["classes"]):
        real = element["element"] in TRUE_ELEMENTS
        session.add(
            Element(
                search_id=search.id,
                position=position,
                evidence={
                    **element,
                    "defect": _defect(element["element"]),
                    "p_value": 0.4 if real else 1e-12,
                    "p_holm": 1.0 if real else 6e-12,
                    "log10_bayes_factor": 1.7 if real else -21.4,
                    "witnesses": 10,
                    "support": {"status": "shown", "p_value": 0.31},
                },
            )
        )
    return search.id
