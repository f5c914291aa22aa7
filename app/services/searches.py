"""Searches: accepting, cancelling and retrying them.

Each function runs one transaction, commits it, and only then rings the doorbell: a bell that is lost is rung again
by the reaper, a row that was rung for and not committed would be lost work.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.orm import Session, sessionmaker

from app.auth import Principal
from app.db import states
from app.db.repositories import searches, trials
from app.db.tables import Dataset, Search, new_id, utc_now
from app.errors import Problem
from app.schemas.searches import CandidateSpec, SearchRequest
from app.services.idempotency import Answer, Claim
from app.settings import Settings
from models.groups.errors import CandidateError
from models.groups.scout import plan_or_scout
from models.networks.planned import plan_networks

if TYPE_CHECKING:
    from app.doorbell import Doorbell

ETA_FROM = 0.05
RETRY_LATER = {"Retry-After": "30"}


def body(row: Mapping[Any, Any], now: datetime | None = None) -> dict[str, Any]:
    """The JSON of a search from a row of `searches.find` or `searches.page`."""
    total, done = row["total"], row["done"]
    terminal = row["state"] in states.SEARCH_TERMINAL
    fraction = min(1.0, float(row["fraction"])) if total else float(terminal)
    eta = None
    started = row["started_at"]
    if started is not None and not terminal and fraction >= ETA_FROM:
        elapsed = ((now or utc_now()) - started).total_seconds()
        eta = round(max(0.0, elapsed * (1 - fraction) / fraction), 1)
    return {
        "id": row["id"],
        "name": row["name"],
        "dataset_id": row["dataset_id"],
        "dataset_name": row["dataset_name"],
        "state": row["state"],
        "progress": {"done": done, "total": total, "fraction": round(fraction, 4), "eta_seconds": eta},
        "created_at": timestamp(row["created_at"]),
        "started_at": timestamp(started),
        "finished_at": timestamp(row["finished_at"]),
        "best": row["best"],
        "confidence": row["confidence"],
        "summary": row["summary"],
        "warnings": row["warnings"],
        "error": row["error"],
        "request": row["request"],
    }


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def create(
    reader: sessionmaker[Session],
    writer: sessionmaker[Session],
    doorbell: Doorbell,
    settings: Settings,
    principal: Principal,
    request: SearchRequest,
    claim: Claim | None = None,
) -> Answer:
    """Plan and store a search with its candidates; raises a problem for what cannot be searched for.

    claim: the idempotency key's claim that this request holds, answered in the same transaction.
    """
    with reader() as session:
        dataset = usable_dataset(session, principal.owner, request.dataset_id)
    plan = plan_request(request, dataset, settings)
    with writer.begin() as session:
        # Again, and locked: it may have been deleted while the plan was made.
        usable_dataset(session, principal.owner, request.dataset_id, lock=True)
        active = searches.count_active(session, principal.owner)
        if active >= settings.max_active_searches:
            detail = f"{active} searches are not finished yet, and {settings.max_active_searches} may be."
            raise Problem(429, "Too many searches at once", detail, slug="quota", headers=RETRY_LATER)
        search_id, rung = _insert(session, principal.owner, dataset, request, plan)
        answer = Answer(202, _body(session, principal.owner, search_id), f"/v1/searches/{search_id}")
        if claim is not None:
            claim.answer(session, answer)
    for trial_id in rung:
        doorbell.ring_trial(trial_id)
    return answer


def cancel(writer: sessionmaker[Session], owner: str, search_id: str) -> dict[str, Any]:
    """Stop a search: at once when nothing runs, else as soon as its running candidates have stopped.

    Cancelling twice is allowed; raises a 409 problem for a search that is done or failed.
    """
    with writer.begin() as session:
        if searches.head(session, owner, search_id) is None:
            raise Problem.not_found("search", search_id)
        now = utc_now()
        states.set_trial_states(session, search_id, states.CANCELLED, expect={states.QUEUED}, finished_at=now)
        state = searches.lock(session, owner, search_id)
        if state in (states.DONE, states.FAILED):
            raise _conflict(f"The search is {state} already.")
        if state in (states.QUEUED, states.RUNNING):
            if trials.count_running(session, search_id):
                states.set_search_state(session, search_id, states.CANCELLING, expect={state})
            else:
                states.set_search_state(session, search_id, states.CANCELLED, expect={state}, finished_at=now)
        return _body(session, owner, search_id)


def retry(writer: sessionmaker[Session], doorbell: Doorbell, owner: str, search_id: str) -> dict[str, Any]:
    """Search again for the candidates that failed, crashed or were cancelled, then rank everything anew.

    A search that failed or was cancelled although every candidate is done is ranked again. Raises a 409 problem when
    the search still runs or nothing in it failed.
    """
    with writer.begin() as session:
        planned = searches.plan(session, owner, search_id)
        if planned is None:
            raise Problem.not_found("search", search_id)
        if planned.state not in states.SEARCH_TERMINAL:
            raise _conflict(f"The search is {planned.state}: only finished searches are retried. Cancel it first.")
        row = searches.find(session, owner, search_id)
        if row is None or searches.find_dataset(session, owner, row["dataset_id"], lock=True) is None:
            raise _conflict("The data set of this search was deleted. Send its file again, then retry.")
        rung = states.set_trial_states(
            session,
            search_id,
            states.QUEUED,
            expect=states.TRIAL_RETRYABLE,
            attempt=0,
            token=None,
            lease_until=None,
            worker=None,
            progress=0.0,
            rung_at=utc_now(),
            started_at=None,
            finished_at=None,
            seconds=None,
            error=None,
            prefix=None,
            metrics=None,
        )
        if not rung and searches.lock(session, owner, search_id) not in (states.FAILED, states.CANCELLED):
            raise _conflict("No candidate of this search failed, crashed or was cancelled.")
        moved = states.set_search_state(
            session,
            search_id,
            states.QUEUED,
            expect=states.SEARCH_TERMINAL,
            best=None,
            confidence=None,
            summary="",
            warnings=planned.plan["warnings"],
            error=None,
            evidence=None,
            rank_attempts=0,
            rank_rung_at=None,
            rank_token=None,
            rank_lease_until=None,
            started_at=None,
            finished_at=None,
        )
        if not moved:
            raise _conflict("Somebody else is retrying this search.")
        searches.forget_ranking(session, search_id)
        answer = _body(session, owner, search_id)
    for trial_id in rung:
        doorbell.ring_trial(trial_id)
    if not rung:
        doorbell.ring_rank(search_id)
    return answer


def usable_dataset(session: Session, owner: str, dataset_id: str, *, lock: bool = False) -> Dataset:
    """A data set that may be searched; raises a 404 problem. `lock` keeps it until the transaction ends."""
    dataset = searches.find_dataset(session, owner, dataset_id, lock=lock)
    if dataset is None:
        detail = f"There is no data set {dataset_id!r}."
        error = {"pointer": "/dataset_id", "detail": detail}
        raise Problem(404, "No such data set", detail, errors=[error], slug="not-found")
    return dataset


def plan_request(request: SearchRequest, dataset: Dataset, settings: Settings) -> dict[str, Any]:
    """The plan of a search, networks included; raises a 422 problem that names the entry."""
    posted: str | list[str | dict[str, Any]] = (
        request.candidates
        if isinstance(request.candidates, str)
        else [_entry(candidate) for candidate in request.candidates]
    )
    x_shape = tuple(dataset.x_shape)
    classes = None if dataset.classes is None else len(dataset.classes)
    try:
        plan = plan_or_scout(
            posted,
            domain=dataset.domain,
            x_shape=x_shape,
            task=dataset.task,
            target_dim=dataset.target_dim,
            classes=classes,
            include_subgroups=request.include_subgroups,
            max_candidates=settings.max_candidates,
        )
    except CandidateError as error:
        pointer = "/candidates" if error.index is None else f"/candidates/{error.index}"
        pointer += f"/{error.field}" if error.field else ""
        raise Problem.invalid(pointer, error.detail) from error
    try:
        return plan_networks(plan, x_shape, classes or dataset.target_dim or 1, request.matching)
    except ValueError as error:
        raise Problem.invalid("/candidates", f"{error}") from error


def _entry(candidate: str | CandidateSpec) -> str | dict[str, Any]:
    return candidate if isinstance(candidate, str) else candidate.model_dump(exclude_none=True)


def _insert(
    session: Session, owner: str, dataset: Dataset, request: SearchRequest, plan: dict[str, Any]
) -> tuple[str, list[str]]:
    now = utc_now()
    search_id = new_id("sr")
    session.execute(
        insert(Search).values(
            id=search_id,
            owner=owner,
            dataset_id=dataset.id,
            name=request.name or dataset.name,
            state=states.QUEUED,
            request=request.model_dump(mode="json", exclude_none=True) | {"webhook_url": None},
            plan=plan,
            warnings=plan["warnings"],
            created_at=now,
        )
    )
    trial_ids = trials.insert_planned(session, search_id, plan, now)
    states.add_event(session, search_id, "search", {"state": states.QUEUED})
    return search_id, trial_ids


def _body(session: Session, owner: str, search_id: str) -> dict[str, Any]:
    row = searches.find(session, owner, search_id)
    if row is None:
        raise Problem.not_found("search", search_id)
    return body(row)


def _conflict(detail: str) -> Problem:
    return Problem(409, "Not in this state", detail, slug="state")
