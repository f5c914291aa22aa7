"""Queries on searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from app.db import states
from app.db.repositories import AnyRow
from app.db.tables import Dataset, Element, Search, Trial

# The plan is large and only the lattice needs it, so rows are read by column.
COLUMNS = (
    Search.id,
    Search.name,
    Search.dataset_id,
    Search.state,
    Search.best,
    Search.confidence,
    Search.summary,
    Search.warnings,
    Search.error,
    Search.request,
    Search.created_at,
    Search.started_at,
    Search.finished_at,
)
_terminal = Trial.state.in_(states.TRIAL_TERMINAL)
_TOTAL: ColumnElement[int] = func.count(Trial.id).label("total")
_DONE: ColumnElement[int] = func.count(case((_terminal, 1))).label("done")
_FRACTION: ColumnElement[float] = func.avg(case((_terminal, 1.0), else_=Trial.progress)).label("fraction")
_NAMED = Dataset.name.label("dataset_name")
_COUNTED = (
    select(Search.owner, *COLUMNS, _NAMED, _TOTAL, _DONE, _FRACTION)
    .join(Dataset, Dataset.id == Search.dataset_id)
    .outerjoin(Trial, Trial.search_id == Search.id)
    .group_by(Search.id, Dataset.id)
)
# Built once: putting a statement together costs more than running it.
_ONE = _COUNTED.where(Search.id == bindparam("search_id"), Search.owner == bindparam("owner"))
_MANY = _COUNTED.where(tuple_(Search.owner, Search.id).in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing of searches is narrowed to; `group` and `verdict` must hold for one candidate of the search."""

    state: str | None = None
    dataset_id: str | None = None
    group: str | None = None
    verdict: str | None = None


def find(session: Session, owner: str, search_id: str) -> RowMapping | None:
    """One search with the counts of its candidates, in one statement."""
    row = session.execute(_ONE, {"search_id": search_id, "owner": owner}).one_or_none()
    return None if row is None else row._mapping


def find_many(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RowMapping]:
    """Searches by `(owner, id)`, as `find` reads one, in one statement."""
    rows = connection.execute(_MANY, {"keys": list(keys)})
    return {(row.owner, row.id): row._mapping for row in rows}


def page(
    session: Session, owner: str, filters: Filters, *, newest: bool, after: str | None, limit: int
) -> list[Mapping[Any, Any]]:
    """Up to `limit` searches after the id `after`, in two statements whatever their number."""
    query = select(*COLUMNS, _NAMED).join(Dataset, Dataset.id == Search.dataset_id).where(Search.owner == owner)
    if filters.state is not None:
        query = query.where(Search.state == filters.state)
    if filters.dataset_id is not None:
        query = query.where(Search.dataset_id == filters.dataset_id)
    if filters.group is not None or filters.verdict is not None:
        candidate = select(Trial.id)
        if filters.group is not None:
            candidate = candidate.where(Trial.group == filters.group)
        if filters.verdict is not None:
            candidate = candidate.where(Trial.verdict == filters.verdict)
        if filters.group is not None and filters.verdict is not None:
            # Few candidates have both, and the index finds them; SQLite would look through them all for every search.
            query = query.where(Search.id.in_(candidate.with_only_columns(Trial.search_id)))
        else:
            query = query.where(exists(candidate.where(Trial.search_id == Search.id)))
    if after is not None:
        query = query.where(Search.id < after if newest else Search.id > after)
    rows = session.execute(query.order_by(Search.id.desc() if newest else Search.id).limit(limit)).all()
    if not rows:
        return []
    counts = {
        row.search_id: {"total": row.total, "done": row.done, "fraction": row.fraction}
        for row in session.execute(
            select(Trial.search_id, _TOTAL, _DONE, _FRACTION)
            .where(Trial.search_id.in_([row.id for row in rows]))
            .group_by(Trial.search_id)
        )
    }
    nothing = {"total": 0, "done": 0, "fraction": None}
    return [{**row._mapping, **counts.get(row.id, nothing)} for row in rows]


def head(session: Session, owner: str, search_id: str) -> AnyRow | None:
    """`(id, state)` of one search."""
    return session.execute(
        select(Search.id, Search.state).where(Search.id == search_id, Search.owner == owner)
    ).one_or_none()


def plan(session: Session, owner: str, search_id: str) -> AnyRow | None:
    """`(state, confidence, request, plan)` of one search."""
    return session.execute(
        select(Search.state, Search.confidence, Search.request, Search.plan).where(
            Search.id == search_id, Search.owner == owner
        )
    ).one_or_none()


def state(session: Session, search_id: str) -> str | None:
    """State of a search that the caller is already known to own."""
    return session.scalar(select(Search.state).where(Search.id == search_id))


def lock(session: Session, owner: str, search_id: str) -> str | None:
    """State of a search, its row locked until the transaction ends; take the locks of its trials before this one."""
    return session.scalar(
        select(Search.state).where(Search.id == search_id, Search.owner == owner).with_for_update(key_share=True)
    )


def count_active(session: Session, owner: str) -> int:
    """Searches of `owner` that are not finished."""
    return (
        session.scalar(select(func.count()).where(Search.owner == owner, Search.state.in_(states.SEARCH_ACTIVE))) or 0
    )


def find_dataset(session: Session, owner: str, dataset_id: str, *, lock: bool = False) -> Dataset | None:
    """A data set that searches may use; `lock` keeps it from being deleted until the transaction ends."""
    query = select(Dataset).where(Dataset.id == dataset_id, Dataset.owner == owner, Dataset.deleted_at.is_(None))
    return session.scalar(query.with_for_update(read=True) if lock else query)


def elements(session: Session, search_id: str) -> Sequence[dict[str, Any]]:
    """Element evidence of a search that the caller is already known to own, in order."""
    return session.scalars(
        select(Element.evidence).where(Element.search_id == search_id).order_by(Element.position)
    ).all()


def dataset_of(session: Session, search_id: str) -> Dataset:
    """The data set of a search that the caller is already known to own, deleted or not."""
    return session.execute(select(Dataset).join(Search).where(Search.id == search_id)).scalar_one()


def evidence(session: Session, search_id: str) -> dict[str, Any] | None:
    """Evidence about the data as a whole, of a search that the caller is already known to own."""
    found: dict[str, Any] | None = session.scalars(select(Search.evidence).where(Search.id == search_id)).one()
    return found


def forget_ranking(session: Session, search_id: str) -> None:
    """Remove what a ranking wrote beside the search row."""
    session.execute(delete(Element).where(Element.search_id == search_id))
    session.execute(
        update(Trial)
        .where(Trial.search_id == search_id)
        .values(rank=None, verdict=None, posterior=None, score=None, evidence=None)
        .execution_options(synchronize_session=False)
    )


def rankings(
    session: Session,
    owner: str,
    *,
    group: str | None,
    domain: str | None,
    verdict: str | None,
    min_posterior: float | None,
    max_rank: int | None,
    after: tuple[float, str] | None,
    limit: int,
) -> Sequence[AnyRow]:
    """Ranked candidates of finished searches, the most probable first, in one statement."""
    query = (
        select(
            Trial.id,
            Trial.search_id,
            Search.name.label("search_name"),
            Search.dataset_id,
            Dataset.name.label("dataset_name"),
            Dataset.domain,
            Dataset.task,
            Dataset.n,
            Search.finished_at,
            Search.confidence,
            Trial.group,
            Trial.labels,
            Trial.spec["translations"].as_boolean().label("translations"),
            Trial.order,
            Trial.rank,
            Trial.verdict,
            Trial.posterior,
            Trial.score,
        )
        .join(Search, Search.id == Trial.search_id)
        .join(Dataset, Dataset.id == Search.dataset_id)
        .where(
            Search.owner == owner,
            Search.state == states.DONE,
            Trial.rank.is_not(None),
            Trial.posterior.is_not(None),
        )
    )
    if group is not None:
        query = query.where(Trial.group == group)
    if domain is not None:
        query = query.where(Dataset.domain == domain)
    if verdict is not None:
        query = query.where(Trial.verdict == verdict)
    if min_posterior is not None:
        query = query.where(Trial.posterior >= min_posterior)
    if max_rank is not None:
        query = query.where(Trial.rank <= max_rank)
    if after is not None:
        query = query.where(tuple_(Trial.posterior, Trial.id) < tuple_(*after))
    return session.execute(query.order_by(Trial.posterior.desc(), Trial.id.desc()).limit(limit)).all()
