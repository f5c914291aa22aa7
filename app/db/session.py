"""Engines and sessions for SQLite and PostgreSQL by the same code."""

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker


def make_engine(url: str) -> Engine:
    """An engine for `url`; SQLite runs in WAL mode and every transaction that writes begins IMMEDIATE.

    `postgresql://` and `postgres://` are read as psycopg 3 addresses.
    """
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        # The driver must not open transactions by itself: `_begin` below does, and says which kind.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # A reader that upgrades to a writer gets SQLITE_BUSY at once, whatever the timeout; IMMEDIATE queues.
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions that write. Objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)


def reader_engine(engine: Engine) -> Engine:
    """`engine` for reading: on SQLite it never waits for a writer, on PostgreSQL it opens no transaction."""
    options = {"read_only": True} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
    return engine.execution_options(**options)


def reader_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions that only read, on `reader_engine`."""
    return sessionmaker(reader_engine(engine), expire_on_commit=False)
