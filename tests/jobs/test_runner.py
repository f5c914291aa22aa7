"""The runner with a real trainer child: results, failures, deaths, time limits, cancelling, stopping."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

import workers.runner
from app.db import states
from app.db.tables import Event, Search
from app.settings import Settings
from tests.jobs.bench import RANK, TRAIN, Bench
from tests.seeding import get_search, get_trial
from tests.waiting import wait_for
from workers.epochs import Epochs
from workers.trainer_handle import TrainerHandle

SLOW = {"steps": 600, "seconds": 0.05}


def set_request(bench: Bench, search_id: str, **values: Any) -> None:
    request = get_search(bench.reader, search_id).request | values
    with bench.writer.begin() as session:
        session.execute(update(Search).where(Search.id == search_id).values(request=request))


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
