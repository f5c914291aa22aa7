"""The lease of a ranking, on every database: recorded once, taken over, thrown away, given up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.db.tables import Search, Trial, utc_now
from tests.db.leasing import Bells, Sessions, events, finish, must_claim, set_state
from tests.seeding import get_search
from workers.leases import Leases, Standing
from workers.rank import Rankings
from workers.reaper import Reaper

RESULT: dict[str, Any] = {
    "best": {"group": "C2"},
    "confidence": 0.9,
    "summary": "C2.",
    "warnings": ["small"],
    "rows": [
        {
            "position": 0,
            "rank": 2,
            "verdict": "too_small",
            "posterior": 0.1,
            "score": 0.2,
            "evidence": {"gain_bits": 0},
        },
        {
            "position": 1,
            "rank": 1,
            "verdict": "certified",
            "posterior": 0.9,
            "score": 0.8,
            "evidence": {"gain_bits": 1},
        },
    ],
    "elements": [{"element": "r180"}, {"element": "mx"}],
    "evidence": {},
}


@pytest.fixture
def rankings(writer: Sessions) -> Rankings:
    return Rankings(writer, lease_seconds=30, max_attempts=10)


@pytest.fixture
def ended(leases: Leases, search: tuple[str, list[str]]) -> str:
    """A search whose trials are done."""
    for trial_id in search[1]:
        finish(leases, must_claim(leases, trial_id))
    return search[0]


def test_a_ranking_is_recorded_once(rankings: Rankings, reader: Sessions, ended: str) -> None:
    lease = rankings.claim(ended)
    assert lease is not None
    assert rankings.claim(ended) is None
    assert rankings.record(lease, RESULT)
    assert not rankings.record(lease, RESULT)
    assert rankings.claim(ended) is None
    search = get_search(reader, ended)
    assert (search.state, search.best, search.confidence, search.summary) == ("done", {"group": "C2"}, 0.9, "C2.")
    assert search.finished_at is not None
    with reader() as session:
        ranks = session.execute(select(Trial.rank, Trial.verdict).order_by(Trial.position)).all()
    assert [tuple(row) for row in ranks] == [(2, "too_small"), (1, "certified")]
    assert [kind for kind, _ in events(reader, ended)].count("ranked") == 1


def test_a_ranking_that_was_taken_over_is_thrown_away(
    rankings: Rankings, writer: Sessions, reader: Sessions, reaper: Reaper, bells: Bells, ended: str
) -> None:
    slow = rankings.claim(ended)
    with writer.begin() as session:
        session.execute(
            update(Search).values(
                rank_lease_until=utc_now() - timedelta(seconds=1), rank_rung_at=utc_now() - timedelta(seconds=60)
            )
        )
    reaper.sweep()
    assert bells.rankings == [ended]
    fast = rankings.claim(ended)
    assert slow is not None
    assert fast is not None
    assert rankings.renew(slow) is Standing.LOST
    assert not rankings.record(slow, RESULT | {"summary": "slow"})
    assert rankings.record(fast, RESULT)
    assert get_search(reader, ended).summary == "C2."


def test_a_ranking_of_a_search_cancelled_meanwhile_is_thrown_away(
    rankings: Rankings, writer: Sessions, reader: Sessions, ended: str
) -> None:
    lease = rankings.claim(ended)
    assert lease is not None
    set_state(writer, ended, "cancelled")
    assert rankings.renew(lease) is Standing.CANCELLING
    assert not rankings.record(lease, RESULT)
    search = get_search(reader, ended)
    assert (search.state, search.best, search.rank_lease_until) == ("cancelled", None, None)
    with reader() as session:
        assert set(session.execute(select(Trial.rank)).scalars()) == {None}


def test_a_search_waits_for_its_ranking_only_when_all_trials_ended(
    rankings: Rankings, leases: Leases, search: tuple[str, list[str]]
) -> None:
    finish(leases, must_claim(leases, search[1][0]))
    assert rankings.claim(search[0]) is None


def test_a_search_fails_when_no_candidate_could_be_trained(
    rankings: Rankings, leases: Leases, reader: Sessions, search: tuple[str, list[str]]
) -> None:
    for trial_id in search[1]:
        leases.fail(must_claim(leases, trial_id), "singular")
    assert rankings.claim(search[0]) is None
    failed = get_search(reader, search[0])
    assert failed.state == "failed"
    assert failed.error == "No candidate could be trained. T: singular; C2: singular"


def test_a_ranking_that_fails_three_times_fails_the_search(rankings: Rankings, reader: Sessions, ended: str) -> None:
    again = []
    for _ in range(3):
        lease = rankings.claim(ended)
        assert lease is not None
        again.append(rankings.error(lease, "division by zero"))
    assert again == [True, True, False]
    failed = get_search(reader, ended)
    assert (failed.state, failed.error) == ("failed", "The ranking failed. division by zero")


def test_a_ranking_handed_back_is_not_counted(rankings: Rankings, reader: Sessions, ended: str) -> None:
    for _ in range(5):
        lease = rankings.claim(ended)
        assert lease is not None
        assert rankings.release(lease)
    assert get_search(reader, ended).rank_attempts == 0
