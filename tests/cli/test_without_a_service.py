"""The commands that need no running service."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.auth import KeyRing
from app.cli import cli
from app.db.migrate import is_current
from app.db.session import make_engine


def test_a_made_key_opens_the_service_that_has_its_entry() -> None:
    shown = CliRunner().invoke(cli, ["keys", "--owner", "alice"])
    assert shown.exit_code == 0
    (_, key), (_, entry) = (line.split() for line in shown.output.splitlines())
    assert key not in entry
    assert KeyRing(entry).principal(f"Bearer {key}").owner == "alice"


def test_migrate_makes_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERLANGEN_DATA_DIR", str(tmp_path / "new"))
    for _ in range(2):
        shown = CliRunner().invoke(cli, ["migrate"])
        assert shown.exit_code == 0, shown.output
    engine = make_engine(f"sqlite:///{tmp_path}/new/erlangen.db")
    assert is_current(engine)
    engine.dispose()


def test_migrate_says_what_is_wrong_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERLANGEN_DATABASE_URL", "postgresql://nobody:hidden@127.0.0.1:9/nothing")
    shown = CliRunner().invoke(cli, ["migrate"])
    assert shown.exit_code == 1
    assert "hidden" not in shown.output


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
@pytest.mark.parametrize(
    ("settings", "said", "status"),
    [
        ({"ERLANGEN_PORT": "99999"}, "port: Input should be less than or equal to 65535", 2),
        ({"ERLANGEN_DATA_DIR": "{file}"}, "Cannot use {file}", 1),
        ({"ERLANGEN_DATABASE_URL": "nonsense:secret"}, "Could not parse", 1),
    ],
)
def test_what_keeps_the_service_from_starting_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, settings: dict[str, str], said: str, status: int
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("ERLANGEN_DATA_DIR", str(tmp_path / "data"))
    for name, value in settings.items():
        monkeypatch.setenv(name, value.format(file=file))
    if command == "worker" and "DATABASE_URL" in str(settings):
        pytest.skip("a worker leaves databases of servers as they are")
    shown = CliRunner().invoke(cli, [command])
    assert shown.exit_code == status, shown.output
    assert said.format(file=file) in shown.output
    assert "secret" not in shown.output


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = CliRunner().invoke(cli, ["serve", "--port", str(port), "--data-dir", str(tmp_path)])
    assert shown.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in shown.output


def test_searching_a_file_that_is_not_there_is_refused() -> None:
    shown = CliRunner().invoke(cli, ["search", "nothing.npz"])
    assert shown.exit_code == 2
