"""Status polling: how many `GET /v1/searches/{id}` a second, against a bare FastAPI route with the same JSON.

Both run under uvicorn with the same number of processes, in rounds that take turns, on PostgreSQL:

    python -m benchmarks.polling [--server postgresql://...] [--rounds 5] [--seconds 5]

Also reports how many searches a second are accepted. Writes `benchmarks/results/polling.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from benchmarks.load import best_tool, read_rate, write_rate

RESULTS = Path(__file__).parent / "results" / "polling.json"
PAYLOAD = "ERLANGEN_BENCHMARK_PAYLOAD"


def bare_app() -> FastAPI:
    """What FastAPI does at the least: one route that returns a dictionary it already has."""
    body = json.loads(Path(os.environ[PAYLOAD]).read_text())
    app = FastAPI()

    @app.get("/v1/searches/{search_id}")
    async def read(search_id: str) -> dict[str, Any]:
        return body

    @app.get("/threaded/{search_id}")
    def read_in_thread(search_id: str) -> dict[str, Any]:
        return body

    return app


@contextmanager
def database(server: str) -> Iterator[str]:
    """A migrated throw-away database on `server`."""
    from sqlalchemy import create_engine, make_url, text

    from app.db.migrate import upgrade

    name = f"erlangen_polling_{secrets.token_hex(4)}"
    admin = create_engine(make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
        upgrade(url)
        yield url
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def insert_dataset(url: str) -> str:
    """A data set row, enough to plan searches on."""
    from app.db.session import make_engine, session_factory
    from app.db.tables import Dataset, new_id

    engine = make_engine(url)
    dataset_id = new_id("ds")
    with session_factory(engine).begin() as session:
        session.add(
            Dataset(
                id=dataset_id,
                owner="local",
                content_key=dataset_id,
                name="polling",
                domain="image2d",
                task="classification",
                n=100,
                x_shape=[1, 14, 14],
                classes=["a", "b"],
                target_dim=None,
                sha256="0" * 64,
                bytes=1,
                prefix=f"datasets/{dataset_id}",
                manifest={},
                warnings=[],
            )
        )
    engine.dispose()
    return dataset_id


@contextmanager
def uvicorn(target: str, processes: int, environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    """A uvicorn server for the factory `target`; yields its address and process id once it answers."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", target, "--port", str(port)]
    command += ["--workers", str(processes), "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=5).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(30)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have taken, where /proc tells."""
    try:
        tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_seconds(int(child)) for child in tasks)


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def measure(options: argparse.Namespace) -> dict[str, Any]:
    tool = options.client or best_tool()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(database(options.server))
        dataset_id = insert_dataset(url)
        environment = {
            "ERLANGEN_DATA_DIR": str(folder / "data"),
            "ERLANGEN_DATABASE_URL": url,
            "ERLANGEN_BROKER_URL": options.broker,
            "ERLANGEN_EMBEDDED_WORKER": "false",
            "ERLANGEN_LOG_LEVEL": "WARNING",
            "ERLANGEN_MAX_ACTIVE_SEARCHES": "1000000",
            PAYLOAD: str(folder / "payload.json"),
        }
        service, service_pid = stack.enter_context(uvicorn("app.main:create_app", options.processes, environment))
        question = {"dataset_id": dataset_id, "candidates": ["D4"]}
        ids = [post(f"{service}/v1/searches", question)["id"] for _ in range(options.searches)]
        with urllib.request.urlopen(f"{service}/v1/searches/{ids[0]}") as response:
            search = json.load(response)
        (folder / "payload.json").write_text(json.dumps(search))
        bare, bare_pid = stack.enter_context(uvicorn("benchmarks.polling:bare_app", options.processes, environment))
        targets = {
            "service": [f"{service}/v1/searches/{search_id}" for search_id in ids],
            "bare": [f"{bare}/v1/searches/{search_id}" for search_id in ids],
            "bare_threaded": [f"{bare}/threaded/{search_id}" for search_id in ids],
        }
        pids = {"service": service_pid, "bare": bare_pid, "bare_threaded": bare_pid}
        rates: dict[str, list[float]] = {name: [] for name in targets}
        costs: dict[str, list[float]] = {name: [] for name in targets}
        for urls in targets.values():
            read_rate(urls, 1, options.connections, tool=tool)
        for turn in range(options.rounds):
            order = list(targets) if turn % 2 == 0 else list(targets)[::-1]
            for name in order:
                before = cpu_seconds(pids[name])
                rates[name].append(read_rate(targets[name], options.seconds, options.connections, tool=tool))
                used = cpu_seconds(pids[name]) - before
                costs[name].append(1e6 * used / (rates[name][-1] * options.seconds))
        body = {"dataset_id": dataset_id, "candidates": ["C2"]}
        accepted = write_rate(f"{service}/v1/searches", body, options.seconds, options.connections)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "client": tool,
        "connections": options.connections,
        "processes": options.processes,
        "searches": options.searches,
        "seconds": options.seconds,
        "bytes": len(json.dumps(search)),
        "requests_per_second": rates,
        "median": medians,
        "cpu_microseconds_per_request": {name: statistics.median(values) for name, values in costs.items()},
        "ratio": medians["service"] / medians["bare"],
        "ratio_of_rounds": [a / b for a, b in zip(rates["service"], rates["bare"], strict=True)],
        "ratio_to_threaded": medians["service"] / medians["bare_threaded"],
        "searches_accepted": accepted,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--broker", default="", help="by default a folder")
    parser.add_argument("--client", choices=("wrk", "asyncio"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--searches", type=int, default=50, help="searches that are polled in turn")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = measure(options)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{'route':<16}{'requests/s, median':>20}{'CPU, us':>12}   rounds")
    for name, values in result["requests_per_second"].items():
        rounds = ", ".join(f"{value:.0f}" for value in values)
        cost = result["cpu_microseconds_per_request"][name]
        print(f"{name:<16}{result['median'][name]:>20.0f}{cost:>12.0f}   {rounds}")
    print(f"ratio {result['ratio']:.3f}, to a bare route in a thread {result['ratio_to_threaded']:.3f}")
    accepted = result["searches_accepted"]
    print(f"searches accepted: {accepted['rate']:.0f} a second, p50 {accepted['p50_ms']:.1f} ms")


if __name__ == "__main__":
    main()
