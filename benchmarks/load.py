"""A load generator: keep-alive connections that send one request after the other, in a process of its own.

`wrk` is used for reading where it is installed, since it takes the least from the server's share of a small machine.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

LUA = """
local paths = {%s}
local turn = 0
request = function()
  turn = turn %% #paths + 1
  return wrk.format("GET", paths[turn])
end
"""


def read_rate(urls: list[str], seconds: float, connections: int, *, tool: str) -> float:
    """Requests a second that GET the `urls` of one server, in turn, answers with 200; raises RuntimeError otherwise."""
    if tool != "wrk":
        return _in_process("GET", urls, seconds, connections, None)["rate"]
    paths = ", ".join(json.dumps(urlsplit(url).path) for url in urls)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % paths)
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", script.name, urls[0]]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if match is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    return float(match[1])


def write_rate(url: str, body: dict[str, object], seconds: float, connections: int) -> dict[str, float]:
    """`rate` of POST requests a second answered with 202, and their latencies `p50_ms` and `p99_ms`."""
    return _in_process("POST", [url], seconds, connections, json.dumps(body))


def best_tool() -> str:
    """`wrk` if it is there, else this module's own client."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def _in_process(method: str, urls: list[str], seconds: float, connections: int, body: str | None) -> dict[str, float]:
    task = {"method": method, "urls": urls, "seconds": seconds, "connections": connections, "body": body}
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(command, input=json.dumps(task), check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


async def _connection(
    host: str, port: int, requests: list[bytes], expected: bytes, until: float, taken: list[float]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for request in itertools.cycle(requests):
        started = time.perf_counter()
        if started > until:
            break
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 " + expected):
            raise RuntimeError(head.decode())
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        taken.append(time.perf_counter() - started)
    writer.close()


async def _run(method: str, urls: list[str], seconds: float, connections: int, body: str | None) -> dict[str, float]:
    server = urlsplit(urls[0])
    content = (body or "").encode()
    extra = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if body is not None else ""
    requests = [
        f"{method} {urlsplit(url).path} HTTP/1.1\r\nHost: {server.netloc}\r\n{extra}\r\n".encode() + content
        for url in urls
    ]
    expected = b"200" if method == "GET" else b"202"
    taken: list[float] = []
    started = time.perf_counter()
    until = started + seconds
    host, port = server.hostname or "", server.port or 80
    await asyncio.gather(*(_connection(host, port, requests, expected, until, taken) for _ in range(connections)))
    elapsed = time.perf_counter() - started
    taken.sort()
    return {
        "rate": len(taken) / elapsed,
        "p50_ms": 1000 * taken[len(taken) // 2],
        "p99_ms": 1000 * taken[int(len(taken) * 0.99)],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(**json.load(sys.stdin)))))
