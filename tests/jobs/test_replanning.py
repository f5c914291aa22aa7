"""Searches whose plan is made anew once the scout has found label actions."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

import workers.rank
from app.db.tables import Search, Trial, utc_now
from app.services import searches
from tests.jobs.bench import Bells, Bench
from tests.seeding import get_search
from workers.reaper import Reaper

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
