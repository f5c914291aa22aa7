"""In a search that may stop early workers take the trial that may settle most, and each trial goes to one of them."""

from __future__ import annotations

import io
import threading
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Search
from app.storage import Storage
from tests.seeding import add_dataset, add_search, get_search, get_trial
from workers.leases import Lease, Leases
from workers.order import claim_for

Sessions = sessionmaker[Session]

# Element classes: 0 the mirror, 1 the half turn, 2 the other mirror.
GROUPS = {"T": [], "D1": [0], "C2": [1], "D1y": [2], "D2": [0, 1, 2]}
ROWS = 400


@pytest.fixture
def search(writer: Sessions) -> tuple[str, dict[str, str]]:
    search_id, trial_ids = add_search(writer, add_dataset(writer), groups=tuple(GROUPS))
    with writer.begin() as session:
        row = session.execute(select(Search).where(Search.id == search_id)).scalar_one()
        nodes = [
            {
                **node,
                "classes": classes,
                "bits": float(len(classes)),
                "spec": {"kind": "finite", "x": classes},
            }
            for node, classes in zip(row.plan["nodes"], GROUPS.values(), strict=True)
        ]
        row.plan = {**row.plan, "nodes": nodes, "classes": [{"title": f"element {c}"} for c in range(3)]}
        row.request = {**row.request, "stopping": "settled", "tolerance": 0.05}
    return search_id, dict(zip(GROUPS, trial_ids, strict=True))


def leases_of(writer: Sessions, worker: str = "w1") -> Leases:
    return Leases(writer, worker=worker, lease_seconds=30, max_attempts=3)


def say(leases: Leases, storage: Storage, lease: Lease, costs: list[float | None]) -> None:
    """Finish a trial whose network gained half a bit and loses `costs` on the moved samples; None where it is blind."""
    excess = np.stack([np.full(ROWS, np.nan if cost is None else cost) for cost in costs])
    arrays = {
        "base": np.full((1, ROWS), 0.5),
        "constant": np.full((1, ROWS), 1.0),
        "bounded": excess[None],
        "fold": np.arange(ROWS) % 2,
        "cluster": np.arange(ROWS),
    }
    prefix = f"trials/{lease.trial_id}/{lease.token}"
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        storage.put_bytes(f"{prefix}/{name}.npy", buffer.getvalue())
    support = [{"status": "shown"}] * len(costs)
    metrics: dict[str, Any] = {"loss_bounds": [2.0], "support": support}
    assert leases.finish(lease, metrics=metrics, prefix=prefix, seconds=1.0).accepted


def must_claim(bell: str, writer: Sessions, reader: Sessions, storage: Storage) -> Lease:
    lease = claim_for(bell, leases_of(writer), reader, storage)
    assert lease is not None
    return lease


def test_whichever_bell_rings_first_the_group_without_symmetry_is_trained_first(
    writer: Sessions, reader: Sessions, storage: Storage, search: tuple[str, dict[str, str]]
) -> None:
    _, trials = search
    assert must_claim(trials["D2"], writer, reader, storage).group == "T"
    assert must_claim(trials["D2"], writer, reader, storage).group == "D1"  # nothing is known yet: plan order


def test_a_likely_group_that_leaves_open_elements_to_see_comes_before_settled_ones(
    writer: Sessions, reader: Sessions, storage: Storage, search: tuple[str, dict[str, str]]
) -> None:
    _, trials = search
    # The mirror is broken beyond doubt; the half turn seems to hold and the other mirror not, neither is settled.
    say(leases_of(writer), storage, must_claim(trials["T"], writer, reader, storage), [1.5, 0.0, 0.12])
    order = [must_claim(trials["T"], writer, reader, storage).group for _ in range(4)]
    assert order == ["C2", "D1y", "D1", "D2"]
    assert claim_for(trials["T"], leases_of(writer), reader, storage) is None


def test_workers_at_once_share_the_trials_out(
    writer: Sessions, reader: Sessions, storage: Storage, search: tuple[str, dict[str, str]]
) -> None:
    search_id, trials = search
    say(leases_of(writer), storage, must_claim(trials["T"], writer, reader, storage), [1.5, 0.0, 0.12])
    barrier = threading.Barrier(4)
    won: list[Lease | None] = []

    def claim(worker: str, bell: str) -> None:
        barrier.wait()
        won.append(claim_for(bell, leases_of(writer, worker), reader, storage))

    threads = [
        threading.Thread(target=claim, args=(f"w{i}", bell)) for i, (g, bell) in enumerate(trials.items()) if g != "T"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lease.group for lease in won if lease is not None) == ["C2", "D1", "D1y", "D2"]
    assert get_search(reader, search_id).state == "running"
    assert all(get_trial(reader, trial_id).attempt == 1 for trial_id in trials.values())


def test_arrays_that_are_gone_leave_plan_order(
    writer: Sessions, reader: Sessions, storage: Storage, search: tuple[str, dict[str, str]]
) -> None:
    _, trials = search
    lease = must_claim(trials["T"], writer, reader, storage)
    say(leases_of(writer), storage, lease, [1.5, 0.0, 0.12])
    for key in storage.list(f"trials/{lease.trial_id}"):
        if key.endswith(("bounded.npy", "base.npy")):
            storage.put_bytes(key, b"no array")
    assert must_claim(trials["D2"], writer, reader, storage).group == "D1"


def test_other_searches_answer_each_bell_with_its_own_trial(
    writer: Sessions, reader: Sessions, storage: Storage
) -> None:
    _, trial_ids = add_search(writer, add_dataset(writer), groups=("T", "C2"))
    assert must_claim(trial_ids[1], writer, reader, storage).group == "C2"
    assert claim_for(trial_ids[1], leases_of(writer), reader, storage) is None
