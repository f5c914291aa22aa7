"""Rows and objects of a small search, as the API would have written them."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.db.states import QUEUED, add_event
from app.db.tables import Dataset, Search, Trial, new_id, utc_now
from app.storage import Storage

GROUPS = ("T", "C2", "C4", "D4")


def add_dataset(writer: sessionmaker[Session], storage: Storage | None = None, *, n: int = 16) -> str:
    """A data set of `n` vectors with two classes; its arrays are stored if `storage` is given."""
    dataset_id = new_id("ds")
    prefix = f"datasets/{dataset_id}"
    if storage is not None:
        rng = np.random.default_rng(0)
        arrays = {"x": rng.normal(size=(n, 2)).astype(np.float32), "y": np.arange(n, dtype=np.int64) % 2}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            storage.put_bytes(f"{prefix}/{name}.npy", buffer.getvalue())
    with writer.begin() as session:
        session.add(
            Dataset(
                id=dataset_id,
                owner="local",
                content_key=dataset_id,
                name="rings",
                domain="vector",
                task="classification",
                n=n,
                x_shape=[2],
                classes=["a", "b"],
                target_dim=None,
                sha256="0" * 64,
                bytes=0,
                prefix=prefix,
                manifest={},
                warnings=[],
            )
        )
    return dataset_id


def add_search(
    writer: sessionmaker[Session],
    dataset_id: str,
    *,
    groups: tuple[str, ...] = GROUPS,
    specs: dict[str, dict[str, Any]] | None = None,
    max_seconds: float = 60.0,
    rung_ago: float = 0.0,
) -> tuple[str, list[str]]:
    """A queued search with one trial a group; returns its id and the trials' ids. `rung_ago` in seconds.

    specs: by group, what the stand-in for training is told to do.
    """
    search_id, trial_ids = new_id("sr"), [new_id("tr") for _ in groups]
    nodes = [{"name": g, "group": g, "labels": "trivial", "spec": (specs or {}).get(g, {})} for g in groups]
    rung_at = utc_now() - timedelta(seconds=rung_ago)
    with writer.begin() as session:
        session.add(
            Search(
                id=search_id,
                owner="local",
                dataset_id=dataset_id,
                name="rings",
                request={"budget": {"max_seconds": max_seconds}, "device": "auto", "seed": 0},
                plan={"nodes": nodes, "covers": [], "classes": [], "warnings": []},
            )
        )
        session.flush()
        session.add_all(
            Trial(
                id=trial_id, search_id=search_id, position=position, group=group, spec={}, state=QUEUED, rung_at=rung_at
            )
            for position, (trial_id, group) in enumerate(zip(trial_ids, groups, strict=True))
        )
        add_event(session, search_id, "search", {"state": QUEUED})
    return search_id, trial_ids


def get_trial(reader: sessionmaker[Session], trial_id: str) -> Trial:
    with reader() as session:
        return session.execute(select(Trial).where(Trial.id == trial_id)).scalar_one()


def get_search(reader: sessionmaker[Session], search_id: str) -> Search:
    with reader() as session:
        return session.execute(select(Search).where(Search.id == search_id)).scalar_one()


def expire(writer: sessionmaker[Session], trial_id: str) -> None:
    """Let the lease of a running trial have ended a minute ago."""
    with writer.begin() as session:
        trial = session.execute(select(Trial).where(Trial.id == trial_id)).scalar_one()
        trial.lease_until = utc_now() - timedelta(minutes=1)
