"""Queries on candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from app.db import states
from app.db.repositories import AnyRow
from app.db.tables import Dataset, Search, Trial, new_id

COLUMNS = (
    Trial.id,
    Trial.search_id,
    Trial.position,
    Trial.group,
    Trial.labels,
    Trial.order,
    Trial.spec,
    Trial.state,
    Trial.attempt,
    Trial.progress,
    Trial.seconds,
    Trial.error,
    Trial.metrics,
    Trial.rank,
    Trial.verdict,
    Trial.posterior,
    Trial.score,
    Trial.evidence,
)


def insert_planned(session: Session, search_id: str, plan: Mapping[str, Any], now: datetime) -> list[str]:
    """One queued candidate for each node of a plan, rung for at `now`; their ids in plan order."""
    nodes: Sequence[Mapping[str, Any]] = plan["nodes"]
    trial_ids = [new_id("tr") for _ in nodes]
    session.execute(
        insert(Trial),
        [
            {
                "id": trial_ids[position],
                "search_id": search_id,
                "position": position,
                "group": node["group"][:255],
                "labels": node["labels"],
                "order": node["order"],
                "spec": node["spec"],
                "state": states.QUEUED,
                "rung_at": now,
                "created_at": now,
            }
            for position, node in enumerate(nodes)
        ],
    )
    return trial_ids


def ranked(session: Session, search_id: str) -> Sequence[AnyRow]:
    """Candidates of a search that the caller is known to own: by rank, those without one last in plan order."""
    return session.execute(
        select(*COLUMNS)
        .where(Trial.search_id == search_id)
        .order_by(func.coalesce(Trial.rank, 1_000_000), Trial.position)
    ).all()


def trained(session: Session, search_id: str) -> Sequence[AnyRow]:
    """What the candidates of a search left that are done, in plan order, and where it lies."""
    return session.execute(
        select(Trial.position, Trial.metrics, Trial.prefix)
        .where(Trial.search_id == search_id, Trial.state == states.DONE, Trial.prefix.is_not(None))
        .order_by(Trial.position)
    ).all()


def find(session: Session, owner: str, trial_id: str) -> AnyRow | None:
    """One candidate, with the state, the plan node's data set and the times of its search."""
    return session.execute(
        select(
            *COLUMNS,
            Trial.prefix,
            Trial.created_at,
            Trial.started_at,
            Trial.finished_at,
            Search.dataset_id,
            Search.state.label("search_state"),
        )
        .join(Search, Search.id == Trial.search_id)
        .where(Trial.id == trial_id, Search.owner == owner)
    ).one_or_none()


def verdicts(session: Session, search_id: str) -> dict[int, AnyRow]:
    """What the nodes of a lattice carry, by position in the plan."""
    rows = session.execute(
        select(Trial.id, Trial.position, Trial.state, Trial.rank, Trial.verdict, Trial.posterior).where(
            Trial.search_id == search_id
        )
    )
    return {row.position: row for row in rows}


def count_running(session: Session, search_id: str) -> int:
    return session.scalar(select(func.count()).where(Trial.search_id == search_id, Trial.state == states.RUNNING)) or 0


def recent_costs(session: Session, limit: int = 300) -> Sequence[AnyRow]:
    """`(seconds, flops, epochs, request, n, domain)` of the trials trained last, whoever asked for them.

    Scouts, which say nothing of their operations, are left out.
    """
    epochs, flops = Trial.metrics["epochs"].as_integer(), Trial.metrics["flops"].as_float()
    return session.execute(
        select(
            Trial.seconds,
            flops.label("flops"),
            epochs.label("epochs"),
            Search.request,
            Dataset.n,
            Dataset.domain,
        )
        .join(Search, Search.id == Trial.search_id)
        .join(Dataset, Dataset.id == Search.dataset_id)
        .where(Trial.state == states.DONE, Trial.seconds.is_not(None), epochs > 0, flops > 0)
        .order_by(Trial.id.desc())
        .limit(limit)
    ).all()
