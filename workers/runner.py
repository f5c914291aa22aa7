"""Runs one trial or one ranking: from the doorbell to the recorded result.

Plain Python that knows no broker: `Runner.run(trial_id)` and `Runner.rank(search_id)` may be called by a task, a test
or the command line. No transaction is open while the trainer child works.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Dataset, Search, Trial
from app.storage import Storage
from workers.epochs import Epochs
from workers.keeper import Keeper
from workers.leases import Lease, Leases, Standing, Verdict
from workers.order import claim_for
from workers.rank import Rankings, RankLease, dataset_job, finished_trials, planned_anew, ranking_job
from workers.stopping import stops
from workers.trainer_handle import TrainerDied, TrainerHandle

POLL_SECONDS = 0.1
HARD_LIMIT_EXTRA_SECONDS = 60.0  # training stops itself at its budget; this is for training that does not
RANK_SECONDS = 1800.0
DATABASE_AWAY = (OperationalError, InterfaceError)

log = structlog.get_logger("erlangen.runner")
T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """How a call to the trainer ended: result, failed, crashed, cancelled, stopped (worker stops), or lost (lease)."""

    kind: str
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""


class Runner:
    """Works on one trial or ranking at a time, through one trainer child."""

    def __init__(
        self,
        *,
        leases: Leases,
        rankings: Rankings,
        reader: sessionmaker[Session],
        storage: Storage,
        trainer: TrainerHandle,
        ring_trial: Callable[[str], None],
        scratch: Path,
        device: str = "auto",
        cancel_grace_seconds: float = 5.0,
    ) -> None:
        self._leases = leases
        self._rankings = rankings
        self._reader = reader
        self._storage = storage
        self._trainer = trainer
        self._ring_trial = ring_trial
        self._scratch = scratch
        self._device = device
        self._grace = cancel_grace_seconds
        self._stopping = threading.Event()
        self.busy_with: str | None = None
        self._idle_since = time.monotonic()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def idle_seconds(self) -> float:
        """How long there has been nothing to do; 0 while busy."""
        return 0.0 if self.busy_with else time.monotonic() - self._idle_since

    def stop(self) -> None:
        """Interrupt the current work, hand it back, and take no more. Returns at once."""
        self._stopping.set()

    def run(self, trial_id: str) -> None:
        """Serve a doorbell for a trial: claim it or a more telling one of its search, train, record, maybe rank.

        Nothing if none can be claimed.
        """
        while not self.stopping:
            lease = claim_for(trial_id, self._leases, self._reader, self._storage)
            if lease is None:
                return
            log.info("trial claimed", trial_id=lease.trial_id, group=lease.group, attempt=lease.attempt)
            with self._busy(lease.trial_id):
                verdict = self._attempt(lease)
            log.info("trial ended", trial_id=lease.trial_id, state=verdict.state, accepted=verdict.accepted)
            if verdict.rank_due:
                self.rank(lease.search_id)
            if verdict.state != "queued":
                return
            # The attempt died and another is allowed: no need to wait for a doorbell, only to be a little patient.
            self._stopping.wait(min(0.25 * lease.attempt, 5.0))

    def rank(self, search_id: str) -> None:
        """Serve a doorbell for a ranking; nothing if it is not due or somebody else makes it."""
        while not self.stopping:
            lease = self._rankings.claim(search_id)
            if lease is None:
                return
            log.info("ranking", search_id=search_id, attempt=lease.attempt)
            with self._busy(search_id):
                again = self._rank(lease)
            if not again:
                return

    @contextmanager
    def _busy(self, what: str) -> Iterator[None]:
        self.busy_with = what
        try:
            yield
        finally:
            self._idle_since = time.monotonic()
            self.busy_with = None

    def _attempt(self, lease: Lease) -> Verdict:
        started = time.monotonic()
        prefix = f"trials/{lease.trial_id}/{lease.token}"
        out_dir = Path(tempfile.mkdtemp(prefix="trial-", dir=self._scratch))
        epochs = Epochs()

        def renew(progress: float | None) -> Standing:
            with epochs.taken() as told:
                return self._leases.renew(lease, progress, told)

        try:
            with Keeper(
                renew,
                lambda: self._leases.standing(self._reader, lease),
                self._leases.lease_seconds,
            ) as keeper:
                try:
                    job = self._insist(lambda: self._trial_job(lease))
                    limit = 3.0 * float(job["request"]["budget"]["max_seconds"]) + HARD_LIMIT_EXTRA_SECONDS
                    request = {"call": "train", "job": job, "out_dir": str(out_dir)}
                    outcome = self._call(request, keeper, limit, epochs)
                    if outcome.kind == "result":
                        self._upload(out_dir, prefix)
                except DATABASE_AWAY:
                    raise
                except Exception as error:
                    log.exception("the attempt could not be made", trial_id=lease.trial_id)
                    outcome = Outcome("crashed", error=f"{type(error).__name__}: {error}")
                seconds = time.monotonic() - started
                verdict = self._insist(lambda: self._end(lease, outcome, prefix, seconds, epochs))
            self._sweep(lease, verdict, prefix)
            return verdict
        finally:
            shutil.rmtree(out_dir, ignore_errors=True)

    def _end(self, lease: Lease, outcome: Outcome, prefix: str, seconds: float, epochs: Epochs) -> Verdict:
        leases = self._leases
        if outcome.kind == "result":
            with epochs.taken() as told:
                return leases.finish(lease, metrics=outcome.result, prefix=prefix, seconds=seconds, epochs=told)
        if outcome.kind == "failed":
            return leases.fail(lease, outcome.error)
        if outcome.kind == "crashed":
            return leases.crash(lease, outcome.error)
        if outcome.kind == "cancelled":
            return leases.cancel(lease)
        return leases.release(lease)

    def _sweep(self, lease: Lease, verdict: Verdict, prefix: str) -> None:
        """Delete what this attempt stored in vain and, once the trial is over, what earlier attempts left.

        A trial that is queued again may be somebody else's by now, whose files must not be touched.
        """
        keep = prefix if verdict.state == "done" else None
        try:
            if not verdict.accepted or verdict.state == "queued":
                self._storage.delete_prefix(prefix)
                return
            folders = {key.rsplit("/", 1)[0] for key in self._storage.list(f"trials/{lease.trial_id}")}
            for folder in sorted(folders - {keep}):
                self._storage.delete_prefix(folder)
        except Exception:
            log.exception("objects of old attempts could not be deleted", trial_id=lease.trial_id)

    def _upload(self, out_dir: Path, prefix: str) -> None:
        for path in sorted(out_dir.iterdir()):
            if path.is_file():
                self._storage.put_file(f"{prefix}/{path.name}", path, move=True)

    def _trial_job(self, lease: Lease) -> dict[str, Any]:
        with self._reader() as session:
            position = session.execute(select(Trial.position).where(Trial.id == lease.trial_id)).scalar_one()
            search = session.execute(select(Search).where(Search.id == lease.search_id)).scalar_one()
            dataset = session.execute(select(Dataset).where(Dataset.id == search.dataset_id)).scalar_one()
            done = finished_trials(session, self._storage, lease.search_id) if stops(search.request) else []
        device = search.request.get("device") or "auto"
        return {
            "trial_id": lease.trial_id,
            "search_id": lease.search_id,
            "dataset": dataset_job(self._storage, dataset),
            "plan": search.plan,
            "position": position,
            "done": done,
            "request": search.request,
            "threads": self._trainer.threads,
            "device": device if device != "auto" else self._device,
        }

    def _rank(self, lease: RankLease) -> bool:
        """Make one attempt at a ranking; returns whether to try again."""
        rankings = self._rankings
        with Keeper(
            lambda _progress: rankings.renew(lease), lambda: rankings.renew(lease), rankings.lease_seconds
        ) as keeper:
            try:
                job = self._insist(lambda: ranking_job(self._reader, self._storage, lease.search_id))
                if "scout" in job["plan"]:
                    self._replan(lease, job)
                    return False
                outcome = self._call({"call": "rank", "job": job}, keeper, RANK_SECONDS)
            except DATABASE_AWAY:
                raise
            except Exception as error:
                log.exception("the ranking could not be made", search_id=lease.search_id)
                outcome = Outcome("failed", error=f"{type(error).__name__}: {error}")
            if outcome.kind == "result":
                try:
                    self._insist(lambda: rankings.record(lease, outcome.result))
                    return False
                except DATABASE_AWAY:
                    raise
                except Exception as error:
                    log.exception("the ranking could not be recorded", search_id=lease.search_id)
                    outcome = Outcome("failed", error=f"{type(error).__name__}: {error}")
            if outcome.kind == "failed":
                error_text = outcome.error
                return self._insist(lambda: rankings.error(lease, error_text))
            if outcome.kind == "crashed":
                return self._insist(lambda: rankings.crash(lease))
            self._insist(lambda: rankings.release(lease))
            return False

    def _replan(self, lease: RankLease, job: dict[str, Any]) -> None:
        """After the scout: plan the search itself, and ring for its candidates once they are stored."""
        plan = planned_anew(job)
        for trial_id in self._insist(lambda: self._rankings.replan(lease, plan)):
            self._ring_trial(trial_id)
        log.info("planned after scouting", search_id=lease.search_id, candidates=len(plan["nodes"]))

    def _call(
        self, request: dict[str, Any], keeper: Keeper, limit_seconds: float, epochs: Epochs | None = None
    ) -> Outcome:
        """Have the trainer answer, unless the lease is lost, the search cancelled, time is up or the worker stops."""
        trainer = self._trainer
        deadline = time.monotonic() + limit_seconds
        try:
            trainer.call(request)
            while True:
                message = trainer.receive(POLL_SECONDS)
                if message is not None:
                    if "result" in message:
                        return Outcome("result", result=message["result"])
                    if "error" in message:
                        if message["kind"] == "crashed":
                            trainer.stop(self._grace)  # a child that ran out of memory starts afresh
                        return Outcome(message["kind"], error=message["error"])
                    if "epoch" in message and epochs is not None:
                        epochs.tell(message["epoch"])
                    if "progress" in message:
                        keeper.progress = message["progress"]
                if interruption := self._interruption(keeper, deadline, limit_seconds):
                    trainer.stop(self._grace)
                    return interruption
        except TrainerDied as death:
            log.warning("the trainer died", reason=str(death))
            return Outcome("crashed", error=str(death))

    def _interruption(self, keeper: Keeper, deadline: float, limit_seconds: float) -> Outcome | None:
        if self.stopping:
            return Outcome("stopped")
        if keeper.standing is Standing.CANCELLING:
            return Outcome("cancelled")
        if keeper.standing is Standing.LOST:
            return Outcome("lost")
        if time.monotonic() > deadline:
            return Outcome("failed", error=f"Stopped at the time limit of {limit_seconds:.0f} seconds.")
        return None

    def _insist(self, call: Callable[[], T]) -> T:
        """Call until the database answers. A worker that stops insists for a few seconds only."""
        patience = None
        while True:
            try:
                return call()
            except DATABASE_AWAY as error:
                log.warning("the database did not answer", error=repr(error))
                if self.stopping:
                    patience = patience or time.monotonic() + 3.0
                    if time.monotonic() > patience:
                        raise
                time.sleep(0.5)
