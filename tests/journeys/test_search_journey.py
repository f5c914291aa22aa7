"""A data set goes in, its ranked groups come out: real processes, a real worker, both pairs of backends."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from benchmarks.service import Service, processes
from erlangen_client import ServiceError
from tests.waiting import wait_for

Start = Callable[..., Service]
SECONDS = 120.0


def events_of(service: Service, search_id: str, last_event_id: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    """The whole event stream of a search until the service ends it: (id, kind, data)."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SECONDS)
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    connection.request("GET", f"/v1/searches/{search_id}/events", headers=headers)
    response = connection.getresponse()
    assert response.status == 200
    found = []
    for block in response.read().decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    connection.close()
    return found


def started_search(service: Service, file: Path, question: dict[str, Any]) -> tuple[str, str]:
    """Upload, search, and wait until a candidate trains; returns the search and that candidate."""
    dataset = service.client.upload(file)
    search_id = service.client.start(**question, dataset=dataset)["id"]

    def running() -> str | None:
        items = service.client.ranking(search_id)["items"]
        return next((item["candidate_id"] for item in items if item["state"] == "running"), None)

    return search_id, wait_for(running, SECONDS, "a running candidate")


def test_a_data_set_gets_its_ranked_groups(start: Start, file: Path, question: dict[str, Any]) -> None:
    service = start()
    client = service.client
    dataset = client.upload(file, name="points")
    assert (dataset["domain"], dataset["task"], dataset["n"]) == ("vector", "classification", 60)
    search = client.start(**question, dataset=dataset)
    assert search["state"] == "queued"

    stream = events_of(service, search["id"])
    kinds = [kind for _, kind, _ in stream]
    assert [data["state"] for _, kind, data in stream if kind == "search"] == ["queued", "running", "done"]
    assert kinds.count("ranked") == 1
    done = [data["candidate_id"] for _, kind, data in stream if kind == "trial" and data["state"] == "done"]
    assert len(done) == len(set(done)) == 3
    middle = len(stream) // 2
    assert events_of(service, search["id"], stream[middle][0]) == stream[middle + 1 :]

    (ended,) = client.follow(search)
    assert ended["progress"] == {"done": 3, "total": 3, "fraction": 1.0, "eta_seconds": None}
    assert ended["summary"]
    ranking = client.ranking(search["id"])["items"]
    assert [item["rank"] for item in ranking] == [1, 2, 3]
    assert {item["group"] for item in ranking} == {"E", "C2", "D1"}
    assert ended["best"]["group"] == ranking[0]["group"]
    assert abs(sum(item["posterior"] for item in ranking) - 1) < 1e-6
    assert client.elements(search)["items"]
    assert len(client.lattice(search)["nodes"]) == 3
    assert client.request("GET", "/readyz")["status"] == "ok"


@pytest.mark.slow
def test_a_label_action_is_found_and_the_pair_is_ranked(start: Start, balance: Path, question: dict[str, Any]) -> None:
    service = start()
    client = service.client
    dataset = client.upload(balance)
    backwards = {"group": "custom", "name": "backwards", "generators": [[3, 2, 1, 0]], "labels": "permutation"}
    asked = question | {"dataset": dataset, "candidates": [backwards], "budget": {"max_epochs": 20}}
    search = client.start(**asked)
    assert search["progress"]["total"] == 1

    stream = events_of(service, search["id"])
    kinds = [kind for _, kind, _ in stream]
    assert (kinds.count("planned"), kinds.count("ranked")) == (1, 1)
    assert [data["state"] for _, kind, data in stream if kind == "search"] == ["queued", "running", "done"]
    (ended,) = client.follow(search["id"])
    assert ended["progress"]["total"] == ended["progress"]["done"] == 3
    assert (ended["best"]["group"], ended["best"]["labels"]) == ("backwards", "permutation")
    pairs = {(item["group"], item["labels"]): item for item in client.ranking(search["id"])["items"]}
    assert set(pairs) == {("E", "trivial"), ("backwards", "trivial"), ("backwards", "permutation")}
    assert pairs["backwards", "permutation"]["label_action"] == [[["left", "right"]]]
    assert pairs["backwards", "trivial"]["label_action"] is None
    (found,) = client.evidence(search)["label_actions"]
    assert (found["labels"], found["samples"]) == ("permutation", 30)
    assert found["generators"][0]["cycles"] == [["left", "right"]]


@pytest.mark.slow
def test_the_same_question_gets_the_same_answer(start: Start, file: Path, question: dict[str, Any]) -> None:
    client = start().client
    dataset = client.upload(file)
    rankings = []
    for _ in range(2):
        search = client.start(**question, dataset=dataset)
        *_, ended = client.follow(search["id"])
        assert ended["state"] == "done"
        items = client.ranking(search["id"])["items"]
        rankings.append([(item["group"], item["posterior"], item["loss_bits"]) for item in items])
    assert rankings[0] == rankings[1]


def test_a_running_search_is_cancelled_and_then_taken_up_again(
    start: Start, file: Path, question: dict[str, Any]
) -> None:
    service = start()
    client = service.client
    search_id, _ = started_search(service, file, question | {"budget": {"max_epochs": 2000, "max_seconds": 300}})
    assert client.cancel(search_id)["state"] in ("cancelling", "cancelled")
    *_, ended = client.follow(search_id)
    assert ended["state"] == "cancelled"
    assert {item["state"] for item in client.ranking(search_id)["items"]} == {"cancelled"}
    assert client.retry(search_id)["state"] == "queued"
    client.cancel(search_id)


@pytest.mark.slow
def test_a_stopped_service_hands_its_work_back_and_goes_on_with_it(
    start: Start, file: Path, question: dict[str, Any]
) -> None:
    service = start()
    search_id, candidate_id = started_search(service, file, question | {"budget": {"max_epochs": 40}})
    left = {pid for pid in (service.worker_pid(), service.trainer_pid()) if pid is not None}
    took = service.stop()
    assert max(took.values()) < 10
    wait_for(lambda: not left & set(processes()), 1, "the end of worker and trainer")
    service.start()
    candidate = service.client.candidate(candidate_id)
    assert candidate.attempt <= 1
    *_, ended = service.client.follow(search_id)
    assert ended["state"] == "done"
    assert {item["attempt"] for item in service.client.ranking(search_id)["items"]} == {1}


@pytest.mark.slow
def test_two_workers_share_the_work(start: Start, file: Path, question: dict[str, Any]) -> None:
    service = start()
    second = service.erlangen("worker")
    try:
        dataset = service.client.upload(file)
        search = service.client.start(**question, dataset=dataset)
        stream = events_of(service, search["id"])
        done = [data["candidate_id"] for _, kind, data in stream if kind == "trial" and data["state"] == "done"]
        assert len(done) == len(set(done)) == 3
        assert {item["attempt"] for item in service.client.ranking(search["id"])["items"]} == {1}
    finally:
        second.terminate()
        assert second.wait(10) == 0


@pytest.mark.services
def test_a_broker_that_forgets_everything_loses_no_search(
    postgres_url: str, redis_url: str, tmp_path: Path, file: Path, question: dict[str, Any]
) -> None:
    with Service(tmp_path / "s", embedded=False, database_url=postgres_url, broker_url=redis_url) as service:
        search_id, _ = started_search(service, file, question)
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        *_, ended = service.client.follow(search_id)
        assert ended["state"] == "done"


def test_a_refusal_names_the_entry(start: Start, file: Path, question: dict[str, Any]) -> None:
    client = start().client
    dataset = client.upload(file)
    with pytest.raises(ServiceError, match="/candidates/1"):
        client.start(dataset, **question | {"candidates": ["E", "Monster"]})
