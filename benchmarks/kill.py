"""kill -9 of the trainer child, the worker and the API at random moments of small searches.

For each pair of backends: one undisturbed search, then N searches for each victim. Checked: every search ends done,
with the ranking and the evidence of the undisturbed one, no trial recorded twice, and work on the interrupted
candidate goes on within the lease time plus 10 s after the kill. Writes `benchmarks/results/kill.json`.

    python -m benchmarks.kill [--kills 10] [--backends embedded,services]
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import redis
from sqlalchemy import create_engine, make_url, text

from app.settings import Settings
from benchmarks.service import Service

VICTIMS = ("trainer", "worker", "api")
VOLATILE = ("candidate_id", "seconds", "attempt")
RESULTS = Path(__file__).parent / "results" / "kill.json"
POSTGRES = os.environ.get("ERLANGEN_TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("ERLANGEN_TEST_REDIS_URL", "redis://127.0.0.1:6379/9")


@dataclass(frozen=True)
class Run:
    """One search with a kill in it. `recovery_seconds` is None when the search had ended before the kill."""

    victim: str
    killed_after_seconds: float
    state: str
    ranking: list[Any]
    recorded_twice: int
    attempts: int
    recovery_seconds: float | None
    seconds: float


def undisturbed(service: Service, request: dict[str, Any]) -> tuple[list[Any], float]:
    """The ranking of a search that nothing disturbs, and how long it takes from its first claim on."""
    search_id = service.client.start(**request)["id"]
    *_, ended = service.client.follow(search_id)
    if ended["state"] != "done":
        raise RuntimeError(f"the undisturbed search ended {ended['state']}: {ended['error']}")
    took = _moment(ended["finished_at"]) - _moment(ended["started_at"])
    return answer(service, search_id), took


def disturbed(service: Service, request: dict[str, Any], victim: str, delay: float) -> Run:
    """A search during which `victim` is killed, `delay` seconds after the first candidate was claimed."""
    began = time.time()
    client = service.client
    search_id = client.start(**request)["id"]
    while client.status(search_id).state == "queued":
        time.sleep(0.05)
    time.sleep(delay)
    killed_at = _kill(service, victim)
    service.mend()
    answered_at = time.time()
    *_, ended = client.follow(search_id)
    log = events(service, search_id)
    recorded = Counter(e["candidate_id"] for kind, e in log if kind == "trial" and e["state"] == "done")
    twice = sum(count - 1 for count in recorded.values()) + sum(kind == "ranked" for kind, _ in log) - 1
    api_alone = victim == "api" and not service.embedded
    recovery = answered_at - killed_at if api_alone else recovery_seconds(log, killed_at)
    return Run(
        victim=victim,
        killed_after_seconds=round(delay, 2),
        state=ended["state"],
        ranking=answer(service, search_id),
        recorded_twice=twice,
        attempts=sum(item["attempt"] for item in client.ranking(search_id)["items"]),
        recovery_seconds=None if recovery is None else round(recovery, 2),
        seconds=round(time.time() - began, 2),
    )


def _kill(service: Service, victim: str) -> float:
    deadline = time.monotonic() + 20
    while not service.kill(victim):
        if time.monotonic() > deadline:
            raise RuntimeError(f"there is no {victim} to kill")
        time.sleep(0.02)
    return time.time()


def recovery_seconds(log: list[tuple[str, dict[str, Any]]], killed_at: float) -> float | None:
    """From the kill until work went on: on the candidates that ran then, or, if none did, on anything."""
    last: dict[str, str] = {}
    again: dict[str, float] = {}
    anything: float | None = None
    for kind, data in log:
        at = _moment(data["at"])
        after = at > killed_at
        if after and anything is None:
            anything = at
        if kind != "trial":
            continue
        candidate = data["candidate_id"]
        if not after:
            last[candidate] = data["state"]
        elif data["state"] != "queued":
            again.setdefault(candidate, at)
    interrupted = [again[candidate] for candidate, state in last.items() if state == "running"]
    moment = max(interrupted) if interrupted else anything
    return None if moment is None else moment - killed_at


def answer(service: Service, search_id: str) -> list[Any]:
    """Ranking and evidence of a search, without what may differ from run to run."""
    items = service.client.ranking(search_id)["items"]
    elements = service.client.elements(search_id)["items"]
    rows = [{key: value for key, value in item.items() if key not in VOLATILE} for item in items]
    return [*rows, *elements]


def events(service: Service, search_id: str) -> list[tuple[str, dict[str, Any]]]:
    """The event log of a finished search."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", f"/v1/searches/{search_id}/events")
    found = []
    for block in connection.getresponse().read().decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    connection.close()
    return found


def _moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


@contextmanager
def backend(name: str, folder: Path) -> Iterator[Service]:
    """A running service: `embedded` (SQLite and a folder) or `services` (PostgreSQL and Redis, both left clean).

    One torch thread: the networks are tiny, and a loaded machine makes several threads wait for each other.
    """
    if name == "embedded":
        with Service(folder / name, worker_threads=1) as service:
            yield service
        return
    database = f"erlangen_kill_{secrets.token_hex(4)}"
    server = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{database}"'))
    url = make_url(POSTGRES).set(database=database).render_as_string(hide_password=False)
    try:
        settings: dict[str, Any] = {"embedded": False, "database_url": url, "broker_url": REDIS, "worker_threads": 1}
        with Service(folder / name, **settings) as service:
            yield service
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'))
        server.dispose()
        with redis.Redis.from_url(REDIS) as client:
            client.delete("erlangen")


def write_data(path: Path) -> None:
    """60 points of the plane, classes by |x| against |y|: small enough to search in seconds."""
    x = np.random.default_rng(7).normal(size=(60, 2)).astype(np.float32)
    np.savez(path, x=x, y=(np.abs(x[:, 0]) > np.abs(x[:, 1])).astype(np.int64))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="kills of each victim")
    parser.add_argument("--backends", default="embedded,services")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the service is stopped too
    rng = random.Random(arguments.seed)
    lease = Settings().lease_seconds
    allowed = lease + 10
    results: list[dict[str, Any]] = []
    print(f"lease {lease:.0f} s, so recovery within {allowed:.0f} s\n")
    print(
        f"{'backend':10}{'victim':10}{'kills':>6}{'done':>6}{'same':>6}{'twice':>6}{'recovery: median':>20}{'worst':>8}"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_data(folder / "points.npz")
        for name in arguments.backends.split(","):
            with backend(name, folder) as service:
                dataset = service.client.upload(folder / "points.npz")
                request = {
                    "dataset": dataset["id"],
                    "candidates": ["E", "C2", "D1", "D2"],
                    "include_subgroups": False,
                    "folds": 2,
                    "budget": {"max_epochs": 5, "max_seconds": 600},
                }
                undisturbed(service, request)  # the first one waits for torch
                expected, seconds = undisturbed(service, request)
                for victim in VICTIMS:
                    runs = [
                        disturbed(service, request, victim, rng.uniform(0, seconds)) for _ in range(arguments.kills)
                    ]
                    results.append(summary(name, victim, runs, expected, allowed))
                    print(line(results[-1]), flush=True)
                    arguments.output.parent.mkdir(exist_ok=True)
                    arguments.output.write_text(
                        json.dumps({"lease_seconds": lease, "results": results}, indent=1) + "\n"
                    )
    return 0 if all(result["passed"] for result in results) else 1


def summary(name: str, victim: str, runs: list[Run], expected: list[Any], allowed: float) -> dict[str, Any]:
    """The figures of one victim on one pair of backends."""
    recoveries = sorted(run.recovery_seconds for run in runs if run.recovery_seconds is not None)
    done = sum(run.state == "done" for run in runs)
    same = sum(run.ranking == expected for run in runs)
    twice = sum(run.recorded_twice for run in runs)
    worst = max(recoveries, default=0.0)
    rows = [{key: value for key, value in asdict(run).items() if key != "ranking"} for run in runs]
    return {
        "backend": name,
        "victim": victim,
        "kills": len(runs),
        "done": done,
        "same_ranking": same,
        "recorded_twice": twice,
        "recovery_median_seconds": float(np.median(recoveries)) if recoveries else None,
        "recovery_worst_seconds": worst,
        "passed": done == same == len(runs) and twice == 0 and worst <= allowed,
        "runs": rows,
    }


def line(result: dict[str, Any]) -> str:
    """One row of the table."""
    median = result["recovery_median_seconds"]
    shown = "" if median is None else f"{median:.1f} s"
    counts = "".join(f"{result[key]:>6}" for key in ("kills", "done", "same_ranking", "recorded_twice"))
    worst = f"{result['recovery_worst_seconds']:.1f} s"
    return f"{result['backend']:10}{result['victim']:10}{counts}{shown:>20}{worst:>8}"


if __name__ == "__main__":
    sys.exit(main())
