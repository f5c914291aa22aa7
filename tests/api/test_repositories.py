"""What queries and state changes promise, on every database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import InvalidRequestError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app.db import states
from app.db.repositories import searches, trials
from app.db.session import reader_engine, session_factory
from app.db.tables import Event, Search
from app.services import evidence
from app.services.polling import SearchPoller
from tests.api.rows import Rows


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The statements that run inside, without those that begin and end transactions."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.split()[0] in ("SELECT", "UPDATE", "INSERT", "DELETE"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_statements_does_not_grow(reader: sessionmaker[Session], engine: Engine, rows: Rows) -> None:
    dataset = rows.dataset()
    counts = []
    for more in (1, 6):
        for _ in range(more):
            search = rows.search(dataset, state="done", candidates=("D1", "C4"))
        with statements(engine) as seen, reader() as session:
            searches.page(session, "local", searches.Filters(), newest=True, after=None, limit=50)
            searches.rankings(
                session, "local", group=None, domain=None, verdict=None, min_posterior=None, max_rank=None,
                after=None, limit=50,
            )  # fmt: skip
            searches.find(session, "local", search)
            evidence.ranking(session, "local", search)
            evidence.lattice(session, "local", search)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 9


def test_relationships_are_never_loaded_by_accident(reader: sessionmaker[Session], rows: Rows) -> None:
    search = rows.search()
    with reader() as session:
        row = session.get(Search, search)
        assert row is not None
        with pytest.raises(InvalidRequestError):
            _ = row.trials


def test_find_many_agrees_with_find(reader: sessionmaker[Session], rows: Rows) -> None:
    mine = [rows.search(state=state) for state in ("done", "running", "queued")]
    theirs = rows.search(owner="other")
    keys = [("local", search) for search in mine] + [("local", theirs), ("other", theirs), ("other", mine[0])]
    with reader() as session:
        found = searches.find_many(session.connection(), keys)
        assert set(found) == {("local", search) for search in mine} | {("other", theirs)}
        for owner, search in found:
            assert dict(found[owner, search]) == dict(searches.find(session, owner, search) or {})
        assert searches.find(session, "local", theirs) is None


def test_a_search_without_candidates_is_found(reader: sessionmaker[Session], rows: Rows) -> None:
    search = rows.search()
    with rows.writer.begin() as session:
        for trial in rows.trials(search):
            session.delete(session.merge(trial))
    with reader() as session:
        row = searches.find(session, "local", search)
        assert row is not None
        assert (row["total"], row["done"], row["fraction"]) == (0, 0, None)


def test_requests_share_queries(engine: Engine, rows: Rows) -> None:
    mine, theirs = rows.search(state="done"), rows.search(owner="other")

    async def ask() -> list[Any]:
        poller = SearchPoller(reader_engine(engine))
        keys = [("local", mine), ("other", theirs), ("local", theirs)] * 40
        try:
            return await asyncio.gather(*(poller.find(*key) for key in keys))
        finally:
            await poller.close()

    with statements(engine) as seen:
        found = asyncio.run(ask())
    assert [row and row["id"] for row in found] == [mine, theirs, None] * 40
    assert len(seen) <= 4


def test_a_cancelled_request_leaves_the_others_their_answer(engine: Engine, rows: Rows) -> None:
    search = rows.search()

    async def ask() -> Any:
        poller = SearchPoller(reader_engine(engine))
        leaving = asyncio.create_task(poller.find("local", search))
        staying = asyncio.create_task(poller.find("local", search))
        await asyncio.sleep(0)
        leaving.cancel()
        row = await asyncio.wait_for(staying, 10)
        again = await asyncio.wait_for(poller.find("local", search), 10)
        await poller.close()
        return row, again

    row, again = asyncio.run(ask())
    assert row["id"] == again["id"] == search


def test_a_failing_database_fails_every_request_and_recovers(engine: Engine, rows: Rows) -> None:
    search = rows.search()

    def break_once(*_: Any) -> None:
        if broken.pop("now", False):
            raise OperationalError("SELECT", {}, Exception("gone"))

    async def ask() -> tuple[list[Any], Any]:
        poller = SearchPoller(reader_engine(engine))
        failed = await asyncio.gather(*(poller.find("local", search) for _ in range(3)), return_exceptions=True)
        row = await poller.find("local", search)
        await poller.close()
        return failed, row

    broken = {"now": True}
    event.listen(engine, "before_cursor_execute", break_once)
    try:
        failed, row = asyncio.run(ask())
    finally:
        event.remove(engine, "before_cursor_execute", break_once)
    assert [type(error) for error in failed] == [OperationalError] * 3
    assert row["id"] == search


@pytest.mark.services
def test_polling_survives_a_restart_of_the_database(postgres_engine: Engine) -> None:
    rows = Rows(session_factory(postgres_engine))
    search = rows.search()

    async def ask() -> tuple[Any, Any]:
        poller = SearchPoller(reader_engine(postgres_engine))
        first = await poller.find("local", search)
        with postgres_engine.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(text(f"{others} AND datname = current_database()"))
        second = await poller.find("local", search)
        await poller.close()
        return first, second

    assert [row["id"] for row in asyncio.run(ask())] == [search, search]


def kinds(session: Session, search: str) -> list[tuple[str, str]]:
    rows = session.execute(select(Event.kind, Event.data).where(Event.search_id == search).order_by(Event.id))
    return [(kind, data["state"]) for kind, data in rows]


def test_states_change_only_from_where_they_are_expected(writer: sessionmaker[Session], rows: Rows) -> None:
    search = rows.search()
    with writer.begin() as session:
        assert not states.set_search_state(session, search, states.DONE, expect={states.RUNNING})
        assert states.set_search_state(session, search, states.RUNNING, expect={states.QUEUED})
        assert states.set_search_state(session, search, states.DONE, expect={states.RUNNING}, summary="so")
        assert not states.set_search_state(session, "sr_none", states.DONE, expect={states.RUNNING})
    with writer() as session:
        assert kinds(session, search) == [("search", "queued"), ("search", "running"), ("search", "done")]
        row = session.get(Search, search)
        assert row is not None
        assert (row.state, row.summary) == ("done", "so")


@pytest.mark.parametrize(("to", "expected"), [("queued", "running"), ("running", "done"), ("done", "cancelling")])
def test_impossible_moves_of_searches(writer: sessionmaker[Session], rows: Rows, to: str, expected: str) -> None:
    with writer.begin() as session, pytest.raises(ValueError, match="cannot go"):
        states.set_search_state(session, rows.search(), to, expect={expected})


def test_trials_move_together_with_an_event_each(writer: sessionmaker[Session], rows: Rows) -> None:
    search = rows.search()
    with writer.begin() as session:
        moved = states.set_trial_states(session, search, states.CANCELLED, expect={states.QUEUED}, error="stop")
        assert states.set_trial_states(session, search, states.CANCELLED, expect={states.QUEUED}) == []
        with pytest.raises(ValueError, match="cannot go"):
            states.set_trial_states(session, search, states.QUEUED, expect={states.DONE})
    assert moved == [trial.id for trial in rows.trials(search)]
    assert {(trial.state, trial.error) for trial in rows.trials(search)} == {("cancelled", "stop")}
    with writer() as session:
        assert kinds(session, search)[1:] == [("trial", "cancelled")] * 3


def test_only_one_of_many_makes_a_move(writer: sessionmaker[Session], rows: Rows) -> None:
    search = rows.search(state="running")
    start = threading.Barrier(6)

    def finish(_: int) -> bool:
        start.wait(10)
        with writer.begin() as session:
            return states.set_search_state(session, search, states.DONE, expect={states.RUNNING})

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(finish, range(6))) == [False] * 5 + [True]


def test_event_ids_of_a_search_become_visible_in_order(writer: sessionmaker[Session], rows: Rows) -> None:
    """A follower that has seen event n must never be shown a smaller id later."""
    search = rows.search(state="running")
    writing = threading.Event()
    seen: list[int] = []

    def write(worker: int) -> None:
        for number in range(15):
            rows.event(search, "progress", {"worker": worker, "number": number, "state": ""})

    def follow() -> None:
        while True:
            over = writing.is_set()
            with writer() as session:
                ids = session.scalars(select(Event.id).where(Event.search_id == search).order_by(Event.id)).all()
            new = [found for found in ids if found not in seen]
            assert not seen or all(found > seen[-1] for found in new)
            seen.extend(new)
            if over:
                return

    with ThreadPoolExecutor(5) as pool:
        follower = pool.submit(follow)
        writers = [pool.submit(write, number) for number in range(4)]
        for done in writers:
            done.result(60)
        writing.set()
        follower.result(60)
    assert len(seen) == 62


def test_cancel_and_claim_do_not_deadlock(writer: sessionmaker[Session], rows: Rows) -> None:
    search = rows.search(candidates=("D4", "T"), trial_state="queued")
    start = threading.Barrier(2)

    def act(cancel: bool) -> None:
        start.wait(10)
        for trial in rows.trials(search):
            with writer.begin() as session:
                if cancel:
                    states.set_trial_states(session, search, states.CANCELLED, expect={states.QUEUED})
                else:
                    states.add_event(session, search, "trial", {"candidate_id": trial.id})

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(act, True), pool.submit(act, False)]:
            done.result(30)
    with writer() as session:
        assert trials.count_running(session, search) == 0
