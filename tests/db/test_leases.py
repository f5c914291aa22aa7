"""The lease contract, on every database: one holder at a time, attempts counted, nothing written by a loser."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db import states
from app.db.tables import Trial, utc_now
from tests.db.leasing import Bells, Sessions, events, finish, must_claim, set_state
from tests.seeding import add_dataset, add_search, expire, get_search, get_trial
from workers.leases import Lease, Leases, Standing
from workers.reaper import Reaper


def test_a_claim_starts_the_trial_and_its_search(
    leases: Leases, reader: Sessions, search: tuple[str, list[str]]
) -> None:
    search_id, (first, _) = search
    lease = must_claim(leases, first)
    trial = get_trial(reader, first)
    assert (trial.state, trial.attempt, trial.token, trial.worker) == ("running", 1, lease.token, "w1")
    assert trial.lease_until is not None
    assert timedelta(seconds=25) < trial.lease_until - utc_now() < timedelta(seconds=35)
    started = get_search(reader, search_id)
    assert started.state == "running"
    assert started.started_at is not None
    assert events(reader, search_id)[-2:] == [
        ("trial", {"candidate_id": first, "group": "T", "state": "running", "attempt": 1}),
        ("search", {"state": "running"}),
    ]


def test_a_trial_is_claimed_by_one_of_many(writer: Sessions, search: tuple[str, list[str]]) -> None:
    _, (first, _) = search
    barrier = threading.Barrier(8)
    won: list[Lease | None] = []

    def claim(name: str) -> None:
        leases = Leases(writer, worker=name, lease_seconds=30, max_attempts=3)
        barrier.wait()
        won.append(leases.claim(first))

    threads = [threading.Thread(target=claim, args=(f"w{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in won) == 1


def test_the_last_of_two_that_finish_at_once_ranks(writer: Sessions, search: tuple[str, list[str]]) -> None:
    _, trial_ids = search
    leases = Leases(writer, worker="w", lease_seconds=30, max_attempts=3)
    held = [must_claim(leases, trial_id) for trial_id in trial_ids]
    barrier = threading.Barrier(2)
    due: list[bool] = []

    def end(lease: Lease) -> None:
        barrier.wait()
        due.append(finish(leases, lease).rank_due)

    threads = [threading.Thread(target=end, args=(lease,)) for lease in held]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(due) == {True: 1, False: 1}


def test_only_the_holder_renews(leases: Leases, reader: Sessions, search: tuple[str, list[str]]) -> None:
    search_id, (first, _) = search
    lease = must_claim(leases, first)
    assert leases.renew(lease) is Standing.HELD
    assert leases.renew(lease, 0.5) is Standing.HELD
    assert leases.standing(reader, lease) is Standing.HELD
    assert get_trial(reader, first).progress == 0.5
    assert leases.renew(Lease(first, search_id, "T", 1, "another")) is Standing.LOST
    assert leases.release(lease).accepted
    assert leases.renew(lease) is Standing.LOST
    assert leases.standing(reader, lease) is Standing.LOST


def test_progress_is_announced_at_most_once_a_second(
    leases: Leases, reader: Sessions, search: tuple[str, list[str]]
) -> None:
    search_id, (first, _) = search
    lease = must_claim(leases, first)
    for progress in (0.1, 0.2, 0.3):
        leases.renew(lease, progress)
    progress_events = [data for kind, data in events(reader, search_id) if kind == "progress"]
    assert progress_events == [{"done": 0, "total": 2, "fraction": 0.05, "candidate_id": first, "group": "T"}]


def test_the_last_result_makes_the_ranking_due(leases: Leases, reader: Sessions, search: tuple[str, list[str]]) -> None:
    _, (first, second) = search
    assert not finish(leases, must_claim(leases, first)).rank_due
    assert finish(leases, must_claim(leases, second)).rank_due
    trial = get_trial(reader, second)
    assert (trial.state, trial.token, trial.lease_until, trial.progress) == ("done", None, None, 1.0)
    assert trial.metrics == {"loss_bits": 0.5}
    assert leases.claim(first) is None


def test_a_result_whose_lease_was_lost_is_refused(
    leases: Leases, reaper: Reaper, bells: Bells, writer: Sessions, reader: Sessions, search: tuple[str, list[str]]
) -> None:
    _, (first, _) = search
    slow = must_claim(leases, first)
    expire(writer, first)
    reaper.sweep()
    assert bells.trials == [first]
    fast = must_claim(leases, first)
    assert fast.attempt == 2
    for refused in (finish(leases, slow), leases.fail(slow, "no"), leases.crash(slow, "no"), leases.release(slow)):
        assert not refused.accepted
    assert finish(leases, fast).accepted
    assert not finish(leases, slow).accepted
    assert get_trial(reader, first).prefix == f"trials/{fast.token}"


def test_a_result_recorded_twice_is_recorded_once(
    leases: Leases, reader: Sessions, search: tuple[str, list[str]]
) -> None:
    """The answer to a commit may be lost; repeating it must not look like a lost lease."""
    search_id, (first, _) = search
    lease = must_claim(leases, first)
    assert finish(leases, lease).accepted
    assert finish(leases, lease).accepted
    done = [data for kind, data in events(reader, search_id) if kind == "trial" and data["state"] == "done"]
    assert len(done) == 1


def test_attempts_that_die_end_in_crashed(leases: Leases, reader: Sessions, search: tuple[str, list[str]]) -> None:
    _, (first, _) = search
    assert [leases.crash(must_claim(leases, first), "killed").state for _ in range(3)] == [
        "queued",
        "queued",
        "crashed",
    ]
    assert leases.claim(first) is None
    trial = get_trial(reader, first)
    assert (trial.attempt, trial.error) == (3, "killed")


def test_a_lease_that_expires_for_the_last_time_crashes_the_trial(
    leases: Leases, reaper: Reaper, bells: Bells, writer: Sessions, reader: Sessions, search: tuple[str, list[str]]
) -> None:
    search_id, (first, second) = search
    finish(leases, must_claim(leases, second))
    for _ in range(3):
        must_claim(leases, first)
        expire(writer, first)
        reaper.sweep()
    assert get_trial(reader, first).state == "crashed"
    assert bells.trials == [first, first]
    assert bells.rankings[0] == search_id


def test_work_handed_back_is_not_counted(leases: Leases, reader: Sessions, search: tuple[str, list[str]]) -> None:
    _, (first, _) = search
    for _ in range(5):
        assert leases.release(must_claim(leases, first)).state == "queued"
    assert get_trial(reader, first).attempt == 0


def test_a_failed_trial_is_not_tried_again(leases: Leases, reader: Sessions, search: tuple[str, list[str]]) -> None:
    _, (first, _) = search
    leases.fail(must_claim(leases, first), "every label is the same")
    assert leases.claim(first) is None
    trial = get_trial(reader, first)
    assert (trial.state, trial.error) == ("failed", "every label is the same")


def test_a_cancelling_search_ends_with_its_last_running_trial(
    leases: Leases, reader: Sessions, writer: Sessions, search: tuple[str, list[str]]
) -> None:
    search_id, (first, second) = search
    lease = must_claim(leases, first)
    with writer.begin() as session:
        states.set_trial_states(session, search_id, states.CANCELLED, expect={states.QUEUED})
        states.set_search_state(session, search_id, states.CANCELLING, expect={states.RUNNING})
    assert leases.standing(reader, lease) is Standing.CANCELLING
    assert leases.renew(lease) is Standing.CANCELLING
    assert leases.claim(second) is None
    assert not leases.cancel(lease).rank_due
    assert get_search(reader, search_id).state == "cancelled"


@pytest.mark.parametrize("end", ["crash", "release", "expire"])
def test_what_is_interrupted_in_a_cancelling_search_is_cancelled(
    end: str, leases: Leases, reaper: Reaper, reader: Sessions, writer: Sessions, search: tuple[str, list[str]]
) -> None:
    search_id, (first, second) = search
    lease = must_claim(leases, first)
    finish(leases, must_claim(leases, second))
    set_state(writer, search_id, "cancelling")
    if end == "crash":
        leases.crash(lease, "killed")
    elif end == "release":
        leases.release(lease)
    else:
        expire(writer, first)
        reaper.sweep()
    assert get_trial(reader, first).state == "cancelled"
    assert get_search(reader, search_id).state == "cancelled"


def test_the_reaper_ends_a_cancellation_nobody_else_ends(
    leases: Leases, reaper: Reaper, reader: Sessions, writer: Sessions, search: tuple[str, list[str]]
) -> None:
    search_id, trial_ids = search
    set_state(writer, search_id, "cancelling")
    assert leases.claim(trial_ids[0]) is None
    assert get_trial(reader, trial_ids[0]).attempt == 0
    reaper.sweep()
    assert get_search(reader, search_id).state == "cancelled"
    assert {get_trial(reader, trial_id).state for trial_id in trial_ids} == {"cancelled"}


def test_a_live_lease_is_left_alone(
    leases: Leases, reaper: Reaper, bells: Bells, search: tuple[str, list[str]]
) -> None:
    lease = must_claim(leases, search[1][0])
    reaper.sweep()
    assert leases.renew(lease) is Standing.HELD
    assert bells.trials == []


def test_a_row_nobody_came_for_is_rung_again_once_a_while(reaper: Reaper, bells: Bells, writer: Sessions) -> None:
    dataset_id = add_dataset(writer)
    _, old = add_search(writer, dataset_id, groups=("T", "C2"), rung_ago=11)
    add_search(writer, dataset_id, groups=("T",), rung_ago=9)
    reaper.sweep()
    assert sorted(bells.trials) == sorted(old)
    reaper.sweep()
    assert len(bells.trials) == 2


def test_a_busy_worker_does_not_ring_again(writer: Sessions, reader: Sessions, bells: Bells) -> None:
    add_search(writer, add_dataset(writer), rung_ago=100)
    settings = {"max_attempts": 3, "ring_again_seconds": 10, "outage_grace_seconds": 5}
    Reaper(writer, reader, bells, **settings, idle=lambda: False).sweep()
    assert bells.trials == []


def test_trials_without_attempts_left_do_not_wait_for_ever(
    reaper: Reaper, bells: Bells, writer: Sessions, reader: Sessions, search: tuple[str, list[str]]
) -> None:
    search_id, trial_ids = search
    with writer.begin() as session:
        session.execute(update(Trial).values(attempt=3))
    reaper.sweep()
    assert {get_trial(reader, trial_id).state for trial_id in trial_ids} == {"crashed"}
    assert bells.rankings == [search_id]
