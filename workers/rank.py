"""The ranking of a finished search: who may make it, what it is made from, and the transaction that records it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.db.repositories.trials import insert_planned
from app.db.states import DONE, FAILED, QUEUED, RUNNING, add_event, set_search_state
from app.db.tables import Dataset, Element, Search, Trial
from app.storage import Storage
from models.groups.scout import plan_found
from models.networks.planned import plan_networks
from workers.leases import LONGEST_ERROR, Standing, database_now, lock_search

RANK_ERRORS_ALLOWED = 3


@dataclass(frozen=True)
class RankLease:
    """The right to rank one search."""

    search_id: str
    attempt: int
    token: str


def planned_anew(job: dict[str, Any]) -> dict[str, Any]:
    """The plan of the search whose scout is done, from what the scout found; `job` as `ranking_job` gives it.

    Networks are planned here as they are when a search is posted.
    """
    (scouted,) = job["trials"]
    plan = plan_found(job["plan"]["scout"], scouted["metrics"]["label_actions"])
    dataset = job["dataset"]
    outputs = dataset["classes"] or dataset["target_dim"] or 1
    return plan_networks(plan, tuple(dataset["x_shape"]), outputs, job["request"].get("matching", "parameters"))


class Rankings:
    """Claims and records rankings. A ranking has a lease and a fencing token as a trial has."""

    def __init__(self, writer: sessionmaker[Session], *, lease_seconds: float, max_attempts: int) -> None:
        self.writer = writer
        self.lease_seconds = lease_seconds
        self.max_attempts = max_attempts

    def claim(self, search_id: str) -> RankLease | None:
        """Take the ranking of a search whose trials have all ended; None if it is not to be had.

        A search none of whose trials is done fails here: there is nothing to rank.
        """
        token = secrets.token_hex(16)
        with self.writer.begin() as session:
            now = database_now(session)
            attempt = session.execute(
                update(Search)
                .where(
                    Search.id == search_id,
                    Search.state.in_((QUEUED, RUNNING)),
                    or_(Search.rank_lease_until.is_(None), Search.rank_lease_until < now),
                    ~exists().where(Trial.search_id == search_id, Trial.state.in_((QUEUED, RUNNING))),
                )
                .values(
                    rank_attempts=Search.rank_attempts + 1,
                    rank_token=token,
                    rank_rung_at=now,
                    rank_lease_until=now + timedelta(seconds=self.lease_seconds),
                )
                .returning(Search.rank_attempts)
                .execution_options(synchronize_session=False)
            ).scalar_one_or_none()
            if attempt is None:
                return None
            trials = session.execute(
                select(Trial.group, Trial.state, Trial.error)
                .where(Trial.search_id == search_id)
                .order_by(Trial.position)
            ).all()
            lease = RankLease(search_id, attempt, token)
            if not any(trial.state == DONE for trial in trials):
                reasons = "; ".join(f"{trial.group}: {trial.error or trial.state}" for trial in trials)
                self._fail(session, lease, f"No candidate could be trained. {reasons}")
                return None
            if attempt > self.max_attempts:
                self._fail(session, lease, "The ranking died every time it was made.")
                return None
        return lease

    def renew(self, lease: RankLease) -> Standing:
        with self.writer.begin() as session:
            until = database_now(session) + timedelta(seconds=self.lease_seconds)
            state = session.execute(
                update(Search).where(*_held(lease)).values(rank_lease_until=until).returning(Search.state)
            ).scalar_one_or_none()
        if state is None:
            return Standing.LOST
        return Standing.HELD if state in (QUEUED, RUNNING) else Standing.CANCELLING

    def record(self, lease: RankLease, result: dict[str, Any]) -> bool:
        """Write the ranking and end the search, all or nothing. False if the lease was lost."""
        with self.writer.begin() as session:
            search_id = lease.search_id
            rows = session.execute(
                select(Trial.position, Trial.id)
                .where(Trial.search_id == search_id)
                .order_by(Trial.id)
                .with_for_update(key_share=True)
            )
            ids = {row.position: row.id for row in rows}
            if not self._give_up(session, lease, rank_attempts=0):
                return False
            planned = session.execute(select(Search.plan).where(Search.id == search_id)).scalar_one()["warnings"]
            best = result["best"]
            ended = set_search_state(
                session,
                search_id,
                DONE,
                expect={QUEUED, RUNNING},
                best=best,
                confidence=result["confidence"],
                summary=result["summary"],
                warnings=[*planned, *(warning for warning in result["warnings"] if warning not in planned)],
                error=None,
                evidence=result["evidence"],
                finished_at=database_now(session),
            )
            if not ended:
                return False
            for row in result["rows"]:
                values = {key: row.get(key) for key in ("rank", "verdict", "posterior", "score", "evidence")}
                session.execute(update(Trial).where(Trial.id == ids[row["position"]]).values(**values))
            session.execute(delete(Element).where(Element.search_id == search_id))
            elements = [
                {"search_id": search_id, "position": position, "evidence": evidence}
                for position, evidence in enumerate(result["elements"])
            ]
            if elements:
                session.execute(insert(Element), elements)
            add_event(session, search_id, "ranked", {"best": best, "confidence": result["confidence"]})
        return True

    def replan(self, lease: RankLease, plan: dict[str, Any]) -> list[str]:
        """Put the plan that the scout made possible in the place of the scout's, all or nothing.

        The scout's trial goes, one for each node of the new plan comes. Returns their ids, to be rung for; none if the
        lease was lost or the search was cancelled.
        """
        with self.writer.begin() as session:
            search_id = lease.search_id
            session.execute(select(Trial.id).where(Trial.search_id == search_id).with_for_update(key_share=True))
            state = lock_search(session, search_id)
            if not self._give_up(session, lease, rank_attempts=0, rank_rung_at=None):
                return []
            if state not in (QUEUED, RUNNING):
                return []
            session.execute(delete(Trial).where(Trial.search_id == search_id))
            values = {"plan": plan, "warnings": plan["warnings"]}
            session.execute(update(Search).where(Search.id == search_id).values(**values))
            trial_ids = insert_planned(session, search_id, plan, database_now(session))
            add_event(session, search_id, "planned", {"candidates": len(trial_ids)})
        return trial_ids

    def error(self, lease: RankLease, error: str) -> bool:
        """The ranking function raised: tried again, up to three times in all, then the search fails.

        Returns whether it may be tried again.
        """
        with self.writer.begin() as session:
            if lease.attempt < RANK_ERRORS_ALLOWED:
                return self._give_up(session, lease)
            self._fail(session, lease, f"The ranking failed. {error}")
        return False

    def crash(self, lease: RankLease) -> bool:
        """The process that ranked died; returns whether the lease was still held."""
        with self.writer.begin() as session:
            return self._give_up(session, lease)

    def release(self, lease: RankLease) -> bool:
        """Hand the ranking back; this attempt does not count."""
        with self.writer.begin() as session:
            return self._give_up(session, lease, rank_attempts=Search.rank_attempts - 1)

    def _fail(self, session: Session, lease: RankLease, error: str) -> None:
        if self._give_up(session, lease, rank_attempts=0):
            columns = {"error": error[:LONGEST_ERROR], "finished_at": database_now(session)}
            set_search_state(session, lease.search_id, FAILED, expect={QUEUED, RUNNING}, **columns)

    def _give_up(self, session: Session, lease: RankLease, **columns: Any) -> bool:
        result = session.execute(
            update(Search)
            .where(*_held(lease))
            .values(rank_token=None, rank_lease_until=None, **columns)
            .execution_options(synchronize_session=False)
        )
        return cast("CursorResult[Any]", result).rowcount == 1


def ranking_job(reader: sessionmaker[Session], storage: Storage, search_id: str) -> dict[str, Any]:
    """What `workers.ranking.rank_search` is given: plan, request, data set, and the trials with their arrays.

    Raises FileNotFoundError when an array is gone.
    """
    with reader() as session:
        search = session.execute(select(Search).where(Search.id == search_id)).scalar_one()
        dataset = session.execute(select(Dataset).where(Dataset.id == search.dataset_id)).scalar_one()
        query = select(Trial).where(Trial.search_id == search_id).order_by(Trial.position)
        trials = session.execute(query).scalars().all()
    names = None if dataset.classes is None else [str(name) for name in dataset.classes]
    return {
        "dataset": {**dataset_job(storage, dataset), "class_names": names},
        "plan": search.plan,
        "request": search.request,
        "trials": [_trial(storage, trial) for trial in trials],
    }


def finished_trials(session: Session, storage: Storage, search_id: str) -> list[dict[str, Any]]:
    """The trials of a search that are done by now, as `ranking_job` gives them."""
    done = select(Trial).where(Trial.search_id == search_id, Trial.state == DONE).order_by(Trial.position)
    return [_trial(storage, trial) for trial in session.execute(done).scalars()]


def _trial(storage: Storage, trial: Trial) -> dict[str, Any]:
    return {
        "position": trial.position,
        "state": trial.state,
        "metrics": trial.metrics,
        "error": trial.error,
        "arrays": _arrays(storage, trial.prefix) if trial.state == DONE and trial.prefix else {},
    }


def dataset_job(storage: Storage, dataset: Dataset) -> dict[str, Any]:
    """The data set as a job names it: local files and what they hold. Raises FileNotFoundError."""
    present = {PurePosixPath(key).name for key in storage.list(dataset.prefix)}
    files = {
        name: str(storage.open_local(f"{dataset.prefix}/{name}.npy")) if f"{name}.npy" in present else None
        for name in ("x", "y", "groups", "split")
    }
    for name in ("x", "y"):
        if files[name] is None:
            raise FileNotFoundError(f"{dataset.prefix}/{name}.npy")
    return {
        **files,
        "domain": dataset.domain,
        "task": dataset.task,
        "n": dataset.n,
        "x_shape": dataset.x_shape,
        "classes": len(dataset.classes) if dataset.classes is not None else None,
        "target_dim": dataset.target_dim,
    }


def _arrays(storage: Storage, prefix: str) -> dict[str, str]:
    keys = [key for key in storage.list(prefix) if key.endswith(".npy")]
    return {PurePosixPath(key).name: str(storage.open_local(key)) for key in keys}


def _held(lease: RankLease) -> tuple[Any, ...]:
    return Search.id == lease.search_id, Search.rank_token == lease.token
