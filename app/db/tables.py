"""ORM tables: what the service must not lose.

Times are UTC. A search, its trials (one per candidate) and its element evidence are rows here;
arrays and networks are objects in storage, named by the `prefix` columns.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


def new_id(prefix: str) -> str:
    """A new identifier, e.g. `ds_019ac1f0d3b27f…`: a prefix, the time in milliseconds, 56 random bits; sorts by age."""
    return f"{prefix}_{int(time.time() * 1000):012x}{secrets.token_hex(7)}"


def utc_now() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A time zone aware UTC time; SQLite, which has no such type, stores it naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: times are UTC and say so")
        value = value.astimezone(UTC)
        return value if dialect.name != "sqlite" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        str: String(255),
    }


class Dataset(Base):
    """An accepted data set; its canonical arrays lie in storage under `prefix`."""

    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("owner", "content_key"), Index("ix_datasets_owner_created", "owner", "id"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str]
    content_key: Mapped[str]  # sha256 over the bytes' sha256 and the reading options
    name: Mapped[str]
    domain: Mapped[str] = mapped_column(String(32))
    task: Mapped[str] = mapped_column(String(32))
    n: Mapped[int] = mapped_column(BigInteger)
    x_shape: Mapped[list[Any]]  # shape of one sample
    classes: Mapped[list[Any] | None]
    target_dim: Mapped[int | None]
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    prefix: Mapped[str]
    manifest: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]  # set: objects are gone, the row stays for the searches that name it


class Search(Base):
    """One question: which of these groups is the symmetry of this data set?"""

    __tablename__ = "searches"
    __table_args__ = (
        Index("ix_searches_owner_id", "owner", "id"),
        Index("ix_searches_state", "state"),
        Index("ix_searches_dataset_id", "dataset_id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str]
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    name: Mapped[str]
    state: Mapped[str] = mapped_column(String(16), default="queued")
    request: Mapped[dict[str, Any]]  # as normalised on arrival
    plan: Mapped[dict[str, Any]]  # models.groups.plan.SearchPlan as JSON
    best: Mapped[dict[str, Any] | None]
    confidence: Mapped[float | None] = mapped_column(Float)
    summary: Mapped[str] = mapped_column(Text, default="")
    warnings: Mapped[list[Any]] = mapped_column(default=list)
    error: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[dict[str, Any] | None]  # what was found about the data as a whole, not about one candidate
    rank_attempts: Mapped[int] = mapped_column(Integer, default=0)
    rank_rung_at: Mapped[datetime | None]
    rank_token: Mapped[str | None] = mapped_column(String(64))  # of the ranking that holds the lease
    rank_lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    dataset: Mapped[Dataset] = relationship(lazy="raise")
    trials: Mapped[list[Trial]] = relationship(lazy="raise", order_by="Trial.position", back_populates="search")


class Trial(Base):
    """One candidate of a search: the job row that workers claim, and its result."""

    __tablename__ = "trials"
    __table_args__ = (
        UniqueConstraint("search_id", "position"),
        Index("ix_trials_state_lease", "state", "lease_until"),
        Index("ix_trials_group_verdict", "group", "verdict"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    search_id: Mapped[str] = mapped_column(ForeignKey("searches.id", ondelete="CASCADE"))
    position: Mapped[int]  # index of the candidate's node in the plan
    group: Mapped[str]
    labels: Mapped[str] = mapped_column(String(32), default="trivial")
    order: Mapped[int | None]
    spec: Mapped[dict[str, Any]]

    state: Mapped[str] = mapped_column(String(16), default="queued")
    attempt: Mapped[int] = mapped_column(default=0)
    token: Mapped[str | None] = mapped_column(String(64))  # fencing token of the attempt that holds the lease
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    rung_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    seconds: Mapped[float | None] = mapped_column(Float)
    error: Mapped[str | None] = mapped_column(Text)
    prefix: Mapped[str | None]  # of the arrays and the network in storage
    metrics: Mapped[dict[str, Any] | None]  # what training measured

    rank: Mapped[int | None]
    verdict: Mapped[str | None] = mapped_column(String(16))
    posterior: Mapped[float | None] = mapped_column(Float)
    score: Mapped[float | None] = mapped_column(Float)
    evidence: Mapped[dict[str, Any] | None]  # the rest of the ranking row

    search: Mapped[Search] = relationship(lazy="raise", back_populates="trials")


class Element(Base):
    """The evidence on one element class of a search."""

    __tablename__ = "elements"
    __table_args__ = (UniqueConstraint("search_id", "position"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    search_id: Mapped[str] = mapped_column(ForeignKey("searches.id", ondelete="CASCADE"))
    position: Mapped[int]
    evidence: Mapped[dict[str, Any]]  # the API's element item


class Event(Base):
    """The log of a search; server-sent events read it, `id` is the event id."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_search_id_id", "search_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    search_id: Mapped[str] = mapped_column(ForeignKey("searches.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class IdempotencyKey(Base):
    """What was answered to a request that carried an Idempotency-Key."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # sha256 of method, path and body
    status: Mapped[int | None]  # None while the first request is in flight
    response: Mapped[dict[str, Any] | None]
    location: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Worker(Base):
    """Heartbeat of a worker process."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    device: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))  # idle | busy
    trial_id: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
