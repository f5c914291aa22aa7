"""What a search found, as the API says it: ranking, elements, lattice, single candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.db import states
from app.db.repositories import AnyRow, searches, trials
from app.errors import Problem
from app.services.hasse import arrange
from app.services.searches import timestamp
from app.storage import Storage

# Measured by training and shown from there while there is no ranking yet.
_FROM_METRICS = (
    "accuracy",
    "r2",
    "loss_bits",
    "gain_bits",
    "fields",
    "parameters",
    "flops",
    "files",
    "missing",
    "spared",
)
_PLAN_ELEMENT = ("element", "title", "angle_degrees", "matrix", "permutation", "order", "in_groups")


def ranking(session: Session, owner: str, search_id: str) -> dict[str, Any]:
    """The ranking of a search, best first; without ranks and in plan order until the search is done."""
    found = _planned(session, owner, search_id)
    nodes = found.plan["nodes"]
    return {
        "items": [_node_part(nodes, row.position) | ranking_item(row) for row in trials.ranked(session, search_id)],
        "state": found.state,
        "confidence": found.confidence,
        "tolerance": found.request["tolerance"],
    }


def ranking_item(row: AnyRow) -> dict[str, Any]:
    """One candidate: the columns over the evidence over what training measured."""
    metrics = {name: row.metrics[name] for name in _FROM_METRICS if name in row.metrics} if row.metrics else {}
    for name in ("accuracy", "r2", "loss_bits"):
        if isinstance(metrics.get(name), int | float):
            metrics[name] = {"mean": metrics[name]}
    return {
        **metrics,
        **(row.evidence or {}),
        "rank": row.rank,
        "candidate_id": row.id,
        "group": row.group,
        "labels": row.labels,
        "order": row.order,
        "verdict": row.verdict,
        "posterior": row.posterior,
        "score": row.score,
        "seconds": row.seconds,
        "state": row.state,
        "attempt": row.attempt,
        "error": row.error,
    }


def elements(session: Session, owner: str, search_id: str) -> dict[str, Any]:
    """The evidence on each class of elements; only what the plan knows of it until the search is done."""
    plan = _planned(session, owner, search_id).plan
    items = list(searches.elements(session, search_id))
    if not items:
        items = [{name: found.get(name) for name in _PLAN_ELEMENT} for found in plan["classes"]]
    return {"items": items}


def whole(session: Session, owner: str, search_id: str) -> dict[str, Any]:
    """What a search found about its data as a whole; empty until it is done."""
    _planned(session, owner, search_id)
    return searches.evidence(session, search_id) or {}


def lattice(session: Session, owner: str, search_id: str) -> dict[str, Any]:
    """Nodes and covers of a search's lattice, with what is known of each node."""
    plan = _planned(session, owner, search_id).plan
    known: Mapping[int, AnyRow] = trials.verdicts(session, search_id)
    nodes = []
    places = arrange(len(plan["nodes"]), plan["covers"])
    for position, (node, (place, line)) in enumerate(zip(plan["nodes"], places, strict=True)):
        row = known.get(position)
        nodes.append(
            {
                **{name: node.get(name) for name in ("name", "title", "group", "labels", "translations", "order")},
                "posted": node["posted"],
                "place": place,
                "row": line,
                "candidate_id": row.id if row else None,
                "state": row.state if row else None,
                "rank": row.rank if row else None,
                "verdict": row.verdict if row else None,
                "posterior": row.posterior if row else None,
            }
        )
    return {"nodes": nodes, "covers": plan["covers"]}


def candidate(session: Session, owner: str, candidate_id: str) -> dict[str, Any]:
    """One candidate with its metrics."""
    row = trials.find(session, owner, candidate_id)
    if row is None:
        raise Problem.not_found("candidate", candidate_id)
    plan = _planned(session, owner, row.search_id).plan
    return {
        **_node_part(plan["nodes"], row.position),
        **ranking_item(row),
        "search_id": row.search_id,
        "dataset_id": row.dataset_id,
        "spec": row.spec,
        "progress": 1.0 if row.state in states.TRIAL_TERMINAL else row.progress,
        "metrics": row.metrics,
        "has_model": has_model(row),
        "created_at": timestamp(row.created_at),
        "started_at": timestamp(row.started_at),
        "finished_at": timestamp(row.finished_at),
    }


def has_model(row: AnyRow) -> bool:
    """Whether a candidate was trained, and left its files; one that was spared its training is done without."""
    return bool(row.state == states.DONE and row.prefix and not _spared(row))


def artifact_key(row: AnyRow, filename: str, storage: Storage) -> str:
    """Where a file that a trained candidate left lies in storage.

    Raises Problem: 409 for a candidate that is not trained, 404 with the reason where there is no such file.
    """
    if not has_model(row):
        why = f"it was not trained, as {spared}" if (spared := _spared(row)) else "it has no network"
        raise Problem(409, "Not in this state", f"The candidate is {row.state}: {why}.", slug="state")
    prefix = row.prefix.rstrip("/")
    key = f"{prefix}/{filename}"
    if key not in storage.list(prefix):
        reason = ((row.metrics or {}).get("missing") or {}).get(filename) or "Nothing was stored for this candidate."
        raise Problem(404, f"No {filename}", reason, slug="not-found")
    return key


def _spared(row: AnyRow) -> str | None:
    """Why a candidate was not trained in a search that stops early."""
    return (row.metrics or {}).get("spared")


def _planned(session: Session, owner: str, search_id: str) -> AnyRow:
    found = searches.plan(session, owner, search_id)
    if found is None:
        raise Problem.not_found("search", search_id)
    return found


def _node_part(nodes: list[dict[str, Any]], position: int) -> dict[str, Any]:
    """What the plan knows of a candidate before it is trained."""
    node = nodes[position]
    return {**named(node), "title": node.get("title"), **node.get("network", {})}


def named(node: Mapping[str, Any]) -> dict[str, Any]:
    """What tells a candidate from others of its group: the name of its node, and whether translations belong to it."""
    return {"name": node["name"], "translations": node.get("translations")}
