"""The migrated schema is the one the code expects, on both databases, however often and by however many it is made."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from app.db.migrate import alembic_config, is_current, upgrade
from app.db.session import make_engine
from app.db.tables import Base


def test_the_migrated_schema_equals_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    upgrade(engine.url.render_as_string(hide_password=False))
    assert is_current(engine)


def test_the_migrations_can_be_undone(engine: Engine) -> None:
    with engine.connect() as connection:
        command.downgrade(alembic_config(connection), "base")
        connection.commit()
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    assert not is_current(engine)


def test_a_database_of_a_newer_version_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RuntimeError, match="9999"):
        upgrade(engine.url.render_as_string(hide_password=False))


def _upgrade_by_four_processes(url: str) -> None:
    script = "import sys; from app.db.migrate import upgrade; upgrade(sys.argv[1])"
    root = Path(__file__).parents[2]
    processes = [subprocess.Popen([sys.executable, "-c", script, url], cwd=root) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    engine = make_engine(url)
    assert is_current(engine)
    engine.dispose()


def test_several_processes_migrate_sqlite_at_once(data_dir: Path) -> None:
    _upgrade_by_four_processes(f"sqlite:///{data_dir}/new.db")


@pytest.mark.services
def test_several_processes_migrate_postgres_at_once(postgres_url: str) -> None:
    _upgrade_by_four_processes(postgres_url)
