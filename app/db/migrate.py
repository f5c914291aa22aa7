"""Brings a database to the schema of this version. Works from the installed package, without an alembic.ini."""

from __future__ import annotations

import argparse
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text

import migrations
from app.db.session import make_engine

ADVISORY_LOCK = 0x45524C414E47  # "ERLANG"; any number that only migrations of this service take

log = structlog.get_logger("erlangen.migrate")


def upgrade(url: str) -> None:
    """Create the database's schema or bring it up to date; safe when several processes do it at once.

    A database made by a newer version of the service raises RuntimeError.
    """
    engine = make_engine(url)
    try:
        with _only_one(engine), engine.connect() as connection:
            config = alembic_config(connection)
            head = ScriptDirectory.from_config(config).get_current_head()
            current = current_revision(connection)
            if current == head:
                return
            known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
            if current is not None and current not in known:
                raise RuntimeError(
                    f"the database has schema {current}, which this version of the service does not know"
                )
            log.info("migrating the database", current=current, head=head)
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()


def is_current(engine: Engine) -> bool:
    """Whether the database has exactly the schema of this version."""
    with engine.execution_options(read_only=True).connect() as connection:
        head = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
        return current_revision(connection) == head


def current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def alembic_config(connection: Connection) -> Config:
    """An Alembic configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _only_one(engine: Engine) -> Iterator[None]:
    """Hold the migration lock of the database; a dead holder's lock is free."""
    if engine.dialect.name == "sqlite":
        database = engine.url.database
        if not database or database == ":memory:":
            yield
            return
        Path(database).parent.mkdir(parents=True, exist_ok=True)
        with open(f"{database}.migrate-lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as holder:
        holder.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        try:
            yield
        finally:
            holder.rollback()
            holder.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})


def write_revision(message: str, revision: str) -> None:
    """Write a new revision from the difference between the migrated schema and the tables, on an empty SQLite."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        config = alembic_config(connection)
        if ScriptDirectory.from_config(config).get_current_head() is not None:
            command.upgrade(config, "head")
        command.revision(config, message=message, rev_id=revision, autogenerate=True)
    engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a migration for what changed in app/db/tables.py.")
    parser.add_argument("revision", help="number of the revision, e.g. 0002")
    parser.add_argument("message")
    arguments = parser.parse_args()
    write_revision(arguments.message, arguments.revision)
