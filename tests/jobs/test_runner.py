"""The runner with a real trainer child: results, failures, deaths, time limits, cancelling, stopping."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

import workers.rank
import workers.runner
from app.db import states
from app.db.tables import Event, Search, Trial, utc_now
from app.services import searches
from app.settings import Settings
from app.storage import Storage
from models.groups.scout import plan_or_scout
from tests.seeding import add_dataset, add_search, expire, get_search, get_trial
from tests.waiting import wait_for
from workers.epochs import Epochs
from workers.leases import Leases
from workers.rank import Rankings
from workers.reaper import Reaper
from workers.runner import Runner
from workers.trainer_handle import TrainerHandle

Sessions = sessionmaker[Session]
TRAIN = "tests.jobs.standin:run_trial"
RANK = "tests.jobs.standin:rank_search"


@pytest.fixture(scope="module")
def trainer() -> Iterator[TrainerHandle]:
    handle = TrainerHandle(train=TRAIN, rank=RANK, threads=1)
    yield handle
    handle.close()


class Bench:
    """A runner on a database, and what a test asks of it."""

    def __init__(
        self, settings: Settings, writer: Sessions, reader: Sessions, storage: Storage, trainer: TrainerHandle
    ) -> None:
        self.writer, self.reader, self.storage, self.trainer = writer, reader, storage, trainer
        self.rung: list[str] = []
        self.scratch = settings.data_dir / "scratch"
        self.scratch.mkdir(parents=True)
        self.leases = Leases(writer, worker="w1", lease_seconds=3, max_attempts=3)
        self.rankings = Rankings(writer, lease_seconds=3, max_attempts=5)
        self.dataset_id = add_dataset(writer, storage)
        self.runner = self.make_runner()

    def make_runner(self) -> Runner:
        return Runner(
            leases=self.leases,
            rankings=self.rankings,
            reader=self.reader,
            storage=self.storage,
            trainer=self.trainer,
            ring_trial=self.rung.append,
            scratch=self.scratch,
            cancel_grace_seconds=0.5,
        )

    def search(self, *groups: str, max_seconds: float = 60.0, **specs: dict[str, Any]) -> tuple[str, list[str]]:
        return add_search(self.writer, self.dataset_id, groups=groups, specs=specs, max_seconds=max_seconds)

    @contextmanager
    def running(self, trial_id: str) -> Iterator[threading.Thread]:
        """Run a trial in a thread, from its first sign of progress on; the thread has ended afterwards."""
        thread = threading.Thread(target=self.runner.run, args=(trial_id,))
        thread.start()
        try:
            wait_for(lambda: get_trial(self.reader, trial_id).progress > 0, what="progress")
            yield thread
        finally:
            thread.join(20)
            assert not thread.is_alive()

    def objects(self) -> list[str]:
        return self.storage.list("trials")

    def events(self, search_id: str, kind: str) -> int:
        with self.reader() as session:
            query = select(func.count()).where(Event.search_id == search_id, Event.kind == kind)
            return session.execute(query).scalar_one()

    def scout(self, **spec: dict[str, Any]) -> tuple[str, str]:
        """A search whose scout will say that a half turn exchanges the two classes."""
        found = {"candidate": 0, "labels": "permutation", "maps": {"label_generators": [[1, 0]]}}
        search_id, (trial_id,) = self.search("E", E={"says": {"label_actions": [found]}, **spec})
        data = {"domain": "vector", "x_shape": [2], "task": "classification", "target_dim": None, "classes": 2}
        planned = plan_or_scout(
            [{"group": "C2", "labels": "permutation"}], **data, include_subgroups=True, max_candidates=9
        )
        with self.writer.begin() as session:
            search = session.execute(select(Search).where(Search.id == search_id)).scalar_one()
            search.plan = {**search.plan, "scout": planned["scout"]}
        return search_id, trial_id

    def trials(self, search_id: str) -> list[tuple[str, str, str]]:
        """(group, labels, state) of every candidate, in plan order."""
        with self.reader() as session:
            query = select(Trial.group, Trial.labels, Trial.state).where(Trial.search_id == search_id)
            return [tuple(row) for row in session.execute(query.order_by(Trial.position))]

    def expire(self, trial_id: str) -> None:
        expire(self.writer, trial_id)
        bells = Bells()
        Reaper(self.writer, self.reader, bells, max_attempts=3, ring_again_seconds=60, outage_grace_seconds=0).sweep()


class Bells:
    def ring_trial(self, trial_id: str) -> None: ...
    def ring_rank(self, search_id: str) -> None: ...


@pytest.fixture
def bench(settings: Settings, writer: Sessions, reader: Sessions, storage: Storage, trainer: TrainerHandle) -> Bench:
    return Bench(settings, writer, reader, storage, trainer)


SLOW = {"steps": 600, "seconds": 0.05}


def test_a_search_is_trained_and_ranked(bench: Bench) -> None:
    search_id, trial_ids = bench.search("C4", "T", "C2", C4={"do": "print"})
    for trial_id in trial_ids:
        bench.runner.run(trial_id)
    search = get_search(bench.reader, search_id)
    assert (search.state, search.best, search.summary) == ("done", {"group": "T"}, "T it is.")
    trials = [get_trial(bench.reader, trial_id) for trial_id in trial_ids]
    assert [(trial.state, trial.rank, trial.attempt) for trial in trials] == [("done", r, 1) for r in (2, 1, 3)]
    assert all(trial.metrics is not None and trial.metrics["bad"] is None for trial in trials)
    assert bench.objects() == sorted(f"{trial.prefix}/losses.npy" for trial in trials)
    assert list(bench.scratch.iterdir()) == []
    assert bench.events(search_id, "ranked") == 1


def test_the_child_stays_warm_between_trials(bench: Bench) -> None:
    _, trial_ids = bench.search("T", "C2")
    for trial_id in trial_ids:
        bench.runner.run(trial_id)
    pids = {(get_trial(bench.reader, trial_id).metrics or {})["pid"] for trial_id in trial_ids}
    assert pids == {bench.trainer.pid}


def test_a_bell_for_a_finished_trial_is_ignored(bench: Bench) -> None:
    _, (trial_id, _) = bench.search("T", "C2")
    bench.runner.run(trial_id)
    before = get_trial(bench.reader, trial_id)
    bench.runner.run(trial_id)
    bench.runner.run("tr_of_nobody")
    bench.runner.rank("sr_of_nobody")
    after = get_trial(bench.reader, trial_id)
    assert (after.attempt, after.prefix, after.finished_at) == (before.attempt, before.prefix, before.finished_at)


def test_a_wrong_candidate_fails_at_once_and_the_others_are_ranked(bench: Bench) -> None:
    search_id, trial_ids = bench.search("T", "C2", C2={"do": "fail"})
    for trial_id in trial_ids:
        bench.runner.run(trial_id)
    failed = get_trial(bench.reader, trial_ids[1])
    assert (failed.state, failed.attempt, failed.error) == ("failed", 1, "every label is the same")
    assert get_search(bench.reader, search_id).state == "done"


def test_a_child_that_dies_is_replaced_at_once(bench: Bench, tmp_path: Path) -> None:
    search_id, (trial_id,) = bench.search("T", T={"do": "die", "until": str(tmp_path / "died")})
    bench.runner.run(trial_id)
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.attempt) == ("done", 2)
    assert get_search(bench.reader, search_id).state == "done"


def test_a_child_that_lost_its_device_is_replaced(bench: Bench, tmp_path: Path) -> None:
    search_id, (trial_id,) = bench.search("T", T={"do": "device", "until": str(tmp_path / "lost")})
    bench.runner.run(trial_id)
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.attempt) == ("done", 2)
    assert get_search(bench.reader, search_id).state == "done"


def test_a_child_killed_in_the_middle_is_replaced_at_once(bench: Bench) -> None:
    search_id, (trial_id,) = bench.search("T", T={"steps": 30, "seconds": 0.05})
    with bench.running(trial_id):
        pid = bench.trainer.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.attempt, trial.error) == ("done", 2, None)
    assert (trial.metrics or {})["pid"] != pid
    assert get_search(bench.reader, search_id).state == "done"


def test_a_candidate_without_memory_crashes_after_its_last_attempt(bench: Bench) -> None:
    search_id, (trial_id,) = bench.search("T", T={"do": "memory"})
    bench.runner.run(trial_id)
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.attempt) == ("crashed", 3)
    search = get_search(bench.reader, search_id)
    assert search.state == "failed"
    assert "no room for the batch" in str(search.error)


@pytest.mark.parametrize("do", [None, "deaf"])
def test_the_time_limit_is_enforced(bench: Bench, do: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.runner, "HARD_LIMIT_EXTRA_SECONDS", 0.5)
    search_id, (trial_id,) = bench.search("T", max_seconds=0.1, T={"do": do, **SLOW})
    bench.runner.run(trial_id)
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.attempt) == ("failed", 1)
    assert "time limit" in str(trial.error)
    assert get_search(bench.reader, search_id).state == "failed"
    assert bench.trainer.pid is None


@pytest.mark.parametrize("do", [None, "deaf"])
def test_a_running_trial_is_cancelled(bench: Bench, do: str | None) -> None:
    search_id, (trial_id, other) = bench.search("T", "C2", T={"do": do, **SLOW})
    with bench.running(trial_id), bench.writer.begin() as session:
        states.set_trial_states(session, search_id, states.CANCELLED, expect={states.QUEUED})
        states.set_search_state(session, search_id, states.CANCELLING, expect={states.RUNNING})
    assert {get_trial(bench.reader, t).state for t in (trial_id, other)} == {"cancelled"}
    assert get_search(bench.reader, search_id).state == "cancelled"
    assert bench.objects() == []


def test_a_stopping_worker_hands_its_trial_back(bench: Bench) -> None:
    _, (trial_id,) = bench.search("T", T=SLOW)
    with bench.running(trial_id):
        bench.runner.stop()
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.attempt, trial.token) == ("queued", 0, None)
    bench.runner.run(trial_id)
    assert get_trial(bench.reader, trial_id).state == "queued"


def test_an_attempt_that_lost_its_lease_leaves_nothing_behind(bench: Bench) -> None:
    _, (trial_id,) = bench.search("T", T=SLOW)
    with bench.running(trial_id):
        bench.expire(trial_id)
        thief = bench.leases.claim(trial_id)
    assert thief is not None
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.token, trial.attempt) == ("running", thief.token, 2)
    assert bench.objects() == []


def test_a_long_trial_keeps_its_lease(bench: Bench) -> None:
    """One step longer than the lease, without any progress to report."""
    _, (trial_id,) = bench.search("T", T={"steps": 1, "seconds": 4.0})
    bench.runner.run(trial_id)
    trial = get_trial(bench.reader, trial_id)
    assert (trial.state, trial.attempt) == ("done", 1)


def test_objects_of_earlier_attempts_are_deleted(bench: Bench) -> None:
    _, (trial_id,) = bench.search("T")
    bench.storage.put_bytes(f"trials/{trial_id}/deadbeef/losses.npy", b"half")
    bench.runner.run(trial_id)
    assert bench.objects() == [f"{get_trial(bench.reader, trial_id).prefix}/losses.npy"]


def test_a_trial_that_is_queued_again_may_be_another_workers_whose_files_stay(bench: Bench) -> None:
    _, (trial_id,) = bench.search("T", T=SLOW)
    others = f"trials/{trial_id}/deadbeef/losses.npy"
    with bench.running(trial_id):
        bench.storage.put_bytes(others, b"whole")
        bench.runner.stop()
    assert get_trial(bench.reader, trial_id).state == "queued"
    assert bench.objects() == [others]


def test_a_data_set_whose_arrays_are_gone_does_not_stop_the_worker(bench: Bench) -> None:
    search_id, (trial_id,) = bench.search("T")
    bench.storage.delete_prefix(f"datasets/{bench.dataset_id}")
    bench.runner.run(trial_id)
    assert get_trial(bench.reader, trial_id).state == "crashed"
    assert get_search(bench.reader, search_id).state == "failed"


def test_a_ranking_that_raises_fails_the_search_in_the_end(bench: Bench) -> None:
    search_id, (trial_id,) = bench.search("T")
    set_request(bench, search_id, rank="fail")
    bench.runner.run(trial_id)
    search = get_search(bench.reader, search_id)
    assert (search.state, search.error) == ("failed", "The ranking failed. RuntimeError: no ranking today")


def test_a_child_killed_while_it_ranks_is_replaced(bench: Bench) -> None:
    search_id, (trial_id,) = bench.search("T")
    set_request(bench, search_id, rank_seconds=1.0)
    thread = threading.Thread(target=bench.runner.run, args=(trial_id,))
    thread.start()
    wait_for(lambda: bench.runner.busy_with == search_id, what="the ranking")
    pid = bench.trainer.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    thread.join(20)
    assert get_search(bench.reader, search_id).state == "done"
    assert bench.events(search_id, "ranked") == 1


def test_two_runners_share_a_search(bench: Bench, settings: Settings) -> None:
    search_id, trial_ids = bench.search("T", "C2", "C4", "D4")
    other = Bench.make_runner(bench)
    second = TrainerHandle(train=TRAIN, rank=RANK, threads=1)
    other._trainer = second
    try:
        threads = [
            threading.Thread(target=lambda runner=runner: [runner.run(t) for t in trial_ids])
            for runner in (bench.runner, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        second.close()
    assert get_search(bench.reader, search_id).state == "done"
    assert [get_trial(bench.reader, t).attempt for t in trial_ids] == [1, 1, 1, 1]
    assert bench.events(search_id, "ranked") == 1


def set_request(bench: Bench, search_id: str, **values: Any) -> None:
    request = get_search(bench.reader, search_id).request | values
    with bench.writer.begin() as session:
        session.execute(update(Search).where(Search.id == search_id).values(request=request))


ANCIENT = timedelta(hours=1)
PAIRS = [("E", "trivial", "queued"), ("C2", "permutation", "queued"), ("C2", "trivial", "queued")]


def test_a_scouted_search_is_planned_anew_and_then_ranked(bench: Bench) -> None:
    search_id, trial_id = bench.scout()
    bench.runner.run(trial_id)
    search = get_search(bench.reader, search_id)
    assert sorted(bench.trials(search_id)) == sorted(PAIRS)
    assert (search.state, "scout" in search.plan, search.rank_token, search.rank_attempts) == (
        "running",
        False,
        None,
        0,
    )
    assert len(bench.rung) == 3
    for found in bench.rung:
        bench.runner.run(found)
    assert get_search(bench.reader, search_id).state == "done"
    assert bench.events(search_id, "planned") == bench.events(search_id, "ranked") == 1


def test_a_plan_made_anew_by_one_that_lost_its_lease_is_thrown_away(bench: Bench) -> None:
    search_id, trial_id = bench.scout()
    rankings = bench.rankings
    lease = bench.leases.claim(trial_id)
    assert lease is not None
    found = bench.leases.finish(lease, metrics={"label_actions": []}, prefix="trials/none", seconds=1.0)
    assert found.rank_due
    dead = rankings.claim(search_id)
    assert dead is not None
    job = workers.rank.ranking_job(bench.reader, bench.storage, search_id)
    plan = workers.rank.planned_anew(job)
    with bench.writer.begin() as session:
        session.execute(update(Search).values(rank_lease_until=Search.created_at))
    alive = rankings.claim(search_id)
    assert alive is not None
    assert rankings.replan(dead, plan) == []
    assert [group for group, _, _ in bench.trials(search_id)] == ["E"]
    assert len(rankings.replan(alive, plan)) == 2
    assert rankings.replan(alive, plan) == []
    assert [group for group, _, _ in bench.trials(search_id)] == ["E", "C2"]


def test_a_search_cancelled_before_its_plan_is_made_anew_stays_cancelled(bench: Bench) -> None:
    search_id, trial_id = bench.scout()
    rankings = bench.rankings
    lease = bench.leases.claim(trial_id)
    assert lease is not None
    bench.leases.finish(lease, metrics={"label_actions": []}, prefix="trials/none", seconds=1.0)
    ranking = rankings.claim(search_id)
    assert ranking is not None
    plan = workers.rank.planned_anew(workers.rank.ranking_job(bench.reader, bench.storage, search_id))
    assert searches.cancel(bench.writer, "local", search_id)["state"] == "cancelled"
    assert rankings.replan(ranking, plan) == []
    assert bench.trials(search_id) == [("E", "trivial", "done")]
    assert get_search(bench.reader, search_id).state == "cancelled"


def test_candidates_that_were_never_rung_for_are_rung_for_by_the_reaper(bench: Bench) -> None:
    search_id, trial_id = bench.scout()
    bench.runner.run(trial_id)
    lost, bench.rung = bench.rung, []
    with bench.writer.begin() as session:
        session.execute(update(Trial).where(Trial.search_id == search_id).values(rung_at=utc_now() - ANCIENT))
    bells = Bells()
    bells.ring_trial = bench.rung.append  # type: ignore[method-assign]
    Reaper(bench.writer, bench.reader, bells, max_attempts=3, ring_again_seconds=1, outage_grace_seconds=0).sweep()
    assert sorted(bench.rung) == sorted(lost)


def test_epochs_are_logged_while_training_and_the_last_ones_with_its_result(bench: Bench) -> None:
    search_id, (trial_id,) = bench.search("T", T={"steps": 250, "seconds": 0.01})
    bench.runner.run(trial_id)
    with bench.reader() as session:
        logged = session.execute(
            select(Event.kind, Event.data).where(Event.search_id == search_id).order_by(Event.id)
        ).all()
    curves = [row.data for row in logged if row.kind == "epoch"]
    points = [point for data in curves for point in data["points"]]
    assert [point["epoch"] for point in points] == [1, *range(3, 251, 3)], "a hundred points at most, each once"
    assert points[1]["losses"] == [pytest.approx(1 / 3, rel=1e-3), None]
    assert {(data["candidate_id"], data["group"], data["attempt"], data["epochs"]) for data in curves} == {
        (trial_id, "T", 1, 250)
    }
    assert len(curves) >= 2, "some while it trained, the rest with its result"
    kinds = [(row.kind, row.data.get("state")) for row in logged]
    assert kinds.index(("trial", "done")) == max(i for i, (kind, _) in enumerate(kinds) if kind == "epoch") + 1


def test_epochs_wait_for_a_database_that_does_not_answer() -> None:
    epochs = Epochs()
    for number in (1, 2):
        epochs.tell({"epoch": number, "epochs": 40, "losses": [1.0]})
    with pytest.raises(ConnectionError), epochs.taken():
        raise ConnectionError
    epochs.tell({"epoch": 3, "epochs": 40, "losses": [1.0]})
    with epochs.taken() as told:
        assert [one["epoch"] for one in told] == [1, 2, 3]
    with epochs.taken() as told:
        assert told == []
