"""Whatever the order of claims, renewals, deaths and results, on every database: the lease machine's invariants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, select

from app.db.session import reader_factory, session_factory
from app.db.tables import Event, Trial
from tests.seeding import add_dataset, add_search, expire, get_search, get_trial
from workers.leases import Lease, Leases, Standing
from workers.reaper import Reaper

MAX_ATTEMPTS = 3


class NoBell:
    def ring_trial(self, trial_id: str) -> None: ...
    def ring_rank(self, search_id: str) -> None: ...


class LeaseMachine(RuleBasedStateMachine):
    """A search of three trials and workers that hold leases, dead or alive.

    The model: `holder` is the lease that may write for each trial; `deaths` counts the attempts that count.
    """

    engine: Engine
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        writer = session_factory(self.engine)
        self.reader = reader_factory(self.engine)
        self.writer = writer
        self.leases = Leases(writer, worker="w", lease_seconds=60, max_attempts=MAX_ATTEMPTS)
        bell = NoBell()
        self.reaper = Reaper(
            writer, self.reader, bell, max_attempts=MAX_ATTEMPTS, ring_again_seconds=60, outage_grace_seconds=0
        )
        self.search_id, self.trial_ids = add_search(writer, add_dataset(writer), groups=("T", "C2", "C4"))
        self.holder: dict[str, Lease | None] = dict.fromkeys(self.trial_ids)
        self.state = dict.fromkeys(self.trial_ids, "queued")
        self.attempts = dict.fromkeys(self.trial_ids, 0)
        self.results: dict[str, str] = {}

    @rule(target=held, index=st.integers(0, 2))
    def claim(self, index: int) -> Lease | None:
        trial_id = self.trial_ids[index]
        lease = self.leases.claim(trial_id)
        assert (lease is not None) == (self.state[trial_id] == "queued")
        if lease is not None:
            self.attempts[trial_id] += 1
            self.state[trial_id] = "running"
            self.holder[trial_id] = lease
        return lease

    @rule(lease=held, progress=st.none() | st.floats(0, 1))
    def renew(self, lease: Lease | None, progress: float | None) -> None:
        if lease is not None:
            standing = self.leases.renew(lease, progress)
            assert standing is (Standing.HELD if self.holds(lease) else Standing.LOST)

    @rule(lease=held)
    def finish(self, lease: Lease | None) -> None:
        if lease is None:
            return
        verdict = self.leases.finish(lease, metrics={"by": lease.token}, prefix=lease.token, seconds=1.0)
        assert verdict.accepted == (self.holds(lease) or self.results.get(lease.trial_id) == lease.token)
        if self.holds(lease):
            self.results[lease.trial_id] = lease.token
            self.end(lease, "done", verdict)

    @rule(lease=held, how=st.sampled_from(["fail", "crash", "release"]))
    def stop(self, lease: Lease | None, how: str) -> None:
        if lease is None:
            return
        end: Any = getattr(self.leases, how)
        verdict = end(lease) if how == "release" else end(lease, how)
        assert verdict.accepted == self.holds(lease)
        if verdict.accepted:
            worn_out = lease.attempt >= MAX_ATTEMPTS
            state = {"fail": "failed", "release": "queued", "crash": "crashed" if worn_out else "queued"}[how]
            self.attempts[lease.trial_id] -= how == "release"
            self.end(lease, state, verdict)

    @rule(index=st.integers(0, 2))
    def worker_disappears(self, index: int) -> None:
        trial_id = self.trial_ids[index]
        lease = self.holder[trial_id]
        if lease is None:
            return
        expire(self.writer, trial_id)
        self.reaper.sweep()
        self.state[trial_id] = "crashed" if lease.attempt >= MAX_ATTEMPTS else "queued"
        self.holder[trial_id] = None

    @rule()
    def sweep(self) -> None:
        self.reaper.sweep()

    def holds(self, lease: Lease) -> bool:
        return self.holder[lease.trial_id] == lease

    def end(self, lease: Lease, state: str, verdict: Any) -> None:
        self.state[lease.trial_id] = state
        self.holder[lease.trial_id] = None
        assert verdict.state == state
        assert verdict.rank_due == (not {"queued", "running"} & set(self.state.values()))

    @invariant()
    def rows_follow_the_model(self) -> None:
        for trial_id in self.trial_ids:
            trial = get_trial(self.reader, trial_id)
            assert trial.state == self.state[trial_id]
            assert trial.attempt == self.attempts[trial_id] <= MAX_ATTEMPTS
            holder = self.holder[trial_id]
            assert trial.token == (holder.token if holder else None)
            assert (trial.metrics or {}).get("by") == self.results.get(trial_id)

    def teardown(self) -> None:
        """No trial was recorded twice, and the search is still waiting for its ranking or its trials."""
        with self.reader() as session:
            data = session.execute(select(Event.data).where(Event.search_id == self.search_id, Event.kind == "trial"))
            done = [row["candidate_id"] for row in data.scalars() if row["state"] == "done"]
            states = session.execute(select(Trial.state).where(Trial.search_id == self.search_id)).scalars().all()
        assert sorted(done) == sorted(self.results)
        assert get_search(self.reader, self.search_id).state in ("queued", "running")
        assert len(states) == 3


@pytest.mark.timeout(240)
def test_lease_machine(engine: Engine) -> None:
    machine = type("Machine", (LeaseMachine,), {"engine": engine})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
