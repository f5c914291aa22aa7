"""The commands as somebody at a terminal uses them, against a real service with a real worker."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.service import Service, processes
from tests.cli.conftest import QUICK, SECONDS, asked, command, environment, run
from tests.waiting import wait_for


def test_a_search_answers_in_json_alone(found: dict[str, Any]) -> None:
    assert found["search"]["state"] == "done"
    assert [item["rank"] for item in found["ranking"]["items"]] == [1, 2, 3]
    assert len(found["lattice"]["nodes"]) == 3


def test_a_search_prints_its_table(service: Service, file: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    shown = run("search", file, "-c", "E,C2", *QUICK, "--name", "two [b]groups[/b]", "--report", page, url=service.url)
    for head in ("verdict", "posterior", "accuracy term", "consistency", "complexity", "defect"):
        assert head in shown.stdout
    assert "two [b]groups[/b]" in shown.stdout
    assert re.search(r"│\s+1 │ (C2|E) ", shown.stdout)
    assert f"{service.url}/searches/sr_" in shown.stdout
    assert "MB, the service reads it" in shown.stderr
    assert "2 of 2 candidates" in shown.stderr
    assert "<html" in page.read_text()


def test_a_search_is_shown_and_listed(service: Service, found: dict[str, Any]) -> None:
    search = found["search"]["id"]
    assert asked("status", search, url=service.url) == found["search"]
    shown = run("status", search, "--wait", url=service.url).stdout
    assert "done: 3 of 3 candidates" in shown
    assert found["search"]["summary"].split()[0] in shown
    listed = asked("status", "--limit", "200", "--state", "done", url=service.url)["items"]
    assert found["search"] in listed
    assert search in run("status", url=service.url).stdout


def test_a_ranking_is_shown(service: Service, found: dict[str, Any]) -> None:
    search = found["search"]["id"]
    assert asked("ranking", search, url=service.url) == found["ranking"]
    shown = run("ranking", search, url=service.url).stdout
    assert all(item["verdict"] in shown for item in found["ranking"]["items"])


def test_verdicts_have_colours_in_a_terminal(service: Service, found: dict[str, Any]) -> None:
    shown = subprocess.run(
        command("ranking", found["search"]["id"]),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env=environment(service.url) | {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )
    verdicts = {item["verdict"] for item in found["ranking"]["items"]}
    colours = {"certified": "1;32m", "approximate": "33m", "refuted": "31m", "untested": "2m"}
    for verdict in verdicts & set(colours):
        assert f"\x1b[{colours[verdict]}{verdict}" in shown.stdout


def test_report_and_networks_are_saved(service: Service, found: dict[str, Any], tmp_path: Path) -> None:
    search = found["search"]["id"]
    run("report", search, url=service.url, cwd=tmp_path)
    assert "<html" in (tmp_path / f"{search}.html").read_text()
    assert "<html" in run("report", search, "-o", "-", url=service.url).stdout
    saved = asked("report", search, "-o", tmp_path / "r.html", url=service.url)
    assert saved == {"path": str(tmp_path / "r.html"), "bytes": (tmp_path / "r.html").stat().st_size}
    best = found["ranking"]["items"][0]
    network = asked("download", search, "-o", tmp_path, url=service.url)
    assert Path(network["path"]).name == f"{best['group']}-{best['candidate_id']}.onnx"
    run("download", best["candidate_id"], "-f", "safetensors", "-o", tmp_path / "w", url=service.url)
    assert (tmp_path / "w").stat().st_size > 1000
    other = asked("download", search, "--group", "E", "-o", tmp_path, url=service.url)
    assert Path(other["path"]).name.startswith("E-tr_")
    assert "no candidate" in run("download", search, "--group", "C9", url=service.url, status=2).stderr
    nowhere = run("report", search, "-o", tmp_path / "no" / "r.html", url=service.url, status=1)
    assert "Cannot write" in nowhere.stderr


def test_data_sets_are_sent_shown_and_deleted(service: Service, tmp_path: Path) -> None:
    table = tmp_path / "weights.csv"
    rng = np.random.default_rng(3)
    rows = "\n".join(f"{a:.4f},{b:.4f},{'left' if a > b else 'right'}" for a, b in rng.normal(size=(20, 2)))
    table.write_text(f"a,b,side\n{rows}\n")
    assert "target" in run("datasets", "send", table, url=service.url, status=3).stderr
    shown = run("datasets", "send", table, "-y", "side", url=service.url)
    assert "sent 0.0 MB, the service reads it" in shown.stderr
    sent = asked("datasets", "send", table, "-y", "side", url=service.url)
    assert (sent["n"], sent["classes"]) == (20, ["left", "right"])
    assert asked("datasets", "show", sent["id"], url=service.url) == sent
    assert sent in asked("datasets", "list", url=service.url)["items"]
    assert "weights" in run("datasets", "list", url=service.url).stdout
    assert asked("datasets", "delete", sent["id"], url=service.url) == {"deleted": sent["id"]}
    assert "No such" in run("datasets", "show", sent["id"], url=service.url, status=3).stderr
    odd = asked("datasets", "send", table, "-y", "side", "--name", "\x1b[2J[red]x", url=service.url)
    shown = run("datasets", "show", odd["id"], url=service.url).stdout
    assert "\x1b" not in shown
    assert "[2J[red]x" in shown


def test_a_folder_of_images_is_searched(service: Service, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(24, 6, 6), dtype=np.uint8)
    for index, picture in enumerate(pixels):
        path = tmp_path / "pets" / ("cats" if index % 2 else "dogs") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    found = asked("search", tmp_path / "pets", "-c", "T", *QUICK, url=service.url)
    assert (found["search"]["name"], found["search"]["state"]) == ("pets", "done")


def test_groups_are_listed(service: Service) -> None:
    names = {item["name"] for item in asked("groups", "--domain", "vector", url=service.url)["items"]}
    assert {"E", "C2"} <= names
    assert "continuous" in run("groups", url=service.url).stdout


def test_candidates_may_be_json(service: Service, file: Path) -> None:
    chosen = json.dumps([{"group": "D1", "on": [0, 1]}, "C2"])
    found = asked("search", file, "-c", chosen, *QUICK, url=service.url)
    assert found["search"]["request"]["candidates"][0]["on"] == [0, 1]
    assert "JSON" in run("search", file, "-c", "[oops", *QUICK, url=service.url, status=2).stderr


def test_a_report_that_cannot_be_written_is_told(service: Service, file: Path, tmp_path: Path) -> None:
    before = {search.id for search in service.client.searches()}
    early = run("search", file, "--report", tmp_path / "no" / "r.html", url=service.url, status=2)
    assert "no folder" in early.stderr
    assert {search.id for search in service.client.searches()} == before
    late = run("search", file, "-c", "E", *QUICK, "--json", "--report", tmp_path, url=service.url, status=1)
    assert "Cannot write" in late.stderr
    assert json.loads(late.stdout)["search"]["state"] == "done", "what was found is not lost"


def test_a_refusal_names_what_is_wrong(service: Service, file: Path) -> None:
    refused = run("search", file, "-c", "E,Monster", *QUICK, "--json", url=service.url, status=3)
    assert "/candidates/1" in refused.stderr
    assert refused.stdout == ""


def _started(service: Service, file: Path) -> tuple[subprocess.Popen[str], str]:
    """A search that goes on for long, followed in a process group of its own, and its id once a candidate trains."""
    before = {search.id for search in service.client.searches()}
    process = subprocess.Popen(
        command("search", file, "-c", "E,C2", "--no-subgroups", "--folds", "2", "--epochs", "9000", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(service.url),
        start_new_session=True,
    )

    def running() -> str | None:
        searches = list(service.client.searches(state="running"))
        return next((search.id for search in searches if search.id not in before), None)

    return process, wait_for(running, SECONDS, "a running search")


def test_ctrl_c_cancels_the_search(service: Service, file: Path) -> None:
    process, search = _started(service, file)
    os.killpg(process.pid, signal.SIGINT)
    shown, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
    assert "Cancelling" in said
    assert json.loads(shown)["search"]["state"] == "cancelled"
    assert service.client.status(search).state == "cancelled"
    run("status", search, "--wait", url=service.url, status=1)
    assert asked("retry", search, url=service.url)["state"] == "queued"
    assert asked("cancel", search, url=service.url)["id"] == search


def test_a_second_ctrl_c_leaves_the_search(service: Service, file: Path) -> None:
    process, search = _started(service, file)
    assert process.stderr is not None
    worker = service.worker_pid()
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)  # a worker that does not stop its candidate
    try:
        os.killpg(process.pid, signal.SIGINT)
        assert "Cancelling" in process.stderr.readline()
        wait_for(lambda: service.client.status(search).state == "cancelling", SECONDS, "a search that is cancelled")
        os.killpg(process.pid, signal.SIGINT)
        shown, said = process.communicate(timeout=SECONDS)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert process.returncode == 130, said
    assert f"Left the search {search}" in said
    assert shown == ""
    wait_for(lambda: service.client.status(search).state == "cancelled", SECONDS, "a cancelled search")


def test_ctrl_c_in_another_command_ends_it(service: Service, file: Path) -> None:
    process, search = _started(service, file)
    waiting = subprocess.Popen(
        command("status", search, "--wait"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(service.url) | {"FORCE_COLOR": "1"},
        start_new_session=True,
    )
    assert waiting.stderr is not None
    while "candidates" not in waiting.stderr.readline():
        pass
    os.killpg(waiting.pid, signal.SIGINT)
    waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == 130
    assert service.client.status(search).state == "running"
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 1


@pytest.mark.parametrize(
    "commands",
    [
        (("search", "FILE"), ("ranking", "sr_1"), ("datasets", "list")),
        pytest.param((("status",), ("groups",)), marks=pytest.mark.slow),
    ],
)
def test_nobody_there_is_told(file: Path, commands: tuple[tuple[str, ...], ...]) -> None:
    url = "http://127.0.0.1:9"
    for words in commands:
        arguments = [file if word == "FILE" else word for word in words]
        shown = run(*arguments, "--json", url=url, status=4)
        assert url in shown.stderr
        assert "erlangen serve" in shown.stderr
        assert shown.stdout == ""
    assert "address" in run("status", "--url", "ftp://here", url=None, status=2).stderr


def test_a_file_is_searched_without_a_service(file: Path, tmp_path: Path) -> None:
    page, own = tmp_path / "report.html", {"TMPDIR": str(tmp_path)}

    def served() -> list[str]:
        """Its own services among those that run on this machine."""
        return [line for pid, (_, line) in processes().items() if "serve" in line and _holds(pid, str(tmp_path))]

    process = subprocess.Popen(
        command("search", file, "--local", "-c", "E,C2", *QUICK, "--json", "--report", page),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(None) | own,
    )
    wait_for(served, SECONDS, "a service of its own")
    answer = json.loads(process.communicate(timeout=SECONDS)[0])
    assert answer["search"]["state"] == "done"
    assert "<html" in page.read_text()
    assert served() == []


def _holds(pid: int, text: str) -> bool:
    """Whether a process that still runs has `text` in its environment."""
    try:
        return text.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_ids(service: Service, found: dict[str, Any], shell: str) -> None:
    words = {"COMP_WORDS": "erlangen ranking sr_", "COMP_CWORD": "2", "_TYPER_COMPLETE_ARGS": "erlangen ranking sr_"}
    given = {"_ERLANGEN_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"} | words
    program = [*command()[:-2], "-c", "import sys; sys.argv[0] = 'erlangen'; from app.cli import main; main()"]
    shown = subprocess.run(
        program, capture_output=True, text=True, timeout=SECONDS, env=environment(service.url) | given
    )
    assert found["search"]["id"] in shown.stdout, shown.stderr


def test_progress_is_live_in_a_terminal(service: Service, file: Path) -> None:
    """On a pseudo-terminal the line is rewritten while the search goes on."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        command("search", file, "-c", "E,D1", *QUICK),
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env=environment(service.url) | {"TERM": "xterm-256color"},
    ) as live:
        os.close(follower)
        written = b""
        with contextlib.suppress(OSError):  # its end, once nobody holds the other side
            while piece := os.read(leader, 4096):
                written += piece
        assert live.wait(SECONDS) == 0
    os.close(leader)
    assert b"0 of 2 candidates" in written
    assert b"2 of 2 candidates" in written
