"""The client against a real service with a real worker: data goes in, an answer comes out."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from benchmarks.service import Service
from erlangen_client import AsyncClient, Client, Guess, Result, Search, SearchFailed, ServiceError
from tests.live import CANDIDATES, LONG, QUICK, points
from tests.waiting import wait_for

SECONDS = 120.0


def test_arrays_get_their_ranked_groups(client: Client, found: Result) -> None:
    search = found.search
    assert (search.state, search.name, search.finished) == ("done", "sixty points", True)
    assert search.created_at is not None
    assert search.created_at.utcoffset() is not None
    assert [item.rank for item in found.ranking] == [1, 2, 3]
    assert {item.group for item in found.ranking} == set(CANDIDATES)
    assert abs(sum(item.posterior or 0 for item in found.ranking) - 1) < 1e-6
    assert found.best is not None
    assert found.best.group == found.ranking.items[0].group
    assert str(found) == found.summary == client.status(search).summary != ""
    assert client.result(search.id) == found


def test_what_was_found_can_be_read_in_every_part(client: Client, found: Result) -> None:
    search = found.search
    elements = client.elements(search)
    assert len(elements) == len(elements.to_frame()) > 0
    assert all(element.in_groups for element in elements)
    lattice = client.lattice(search)
    assert {node.group for node in lattice.nodes} == set(CANDIDATES)
    assert all(len(cover) == 2 for cover in lattice.covers)
    assert {node.row for node in lattice.nodes} == {0, 1}
    assert client.evidence(search).tolerance_sweep
    curves = client.curves(search)
    assert {curve.candidate_id for curve in curves} == {item.candidate_id for item in found.ranking}
    gallery = client.gallery(search)
    assert {item.element for item in gallery} <= {element.element for element in elements}
    sample = gallery.items[0].samples[0]
    assert isinstance(sample.said[0], Guess)
    assert len(gallery.pictures[sample.original]) == 2
    assert gallery.orbit is not None
    assert gallery.orbit.said
    assert client.ready().checks["worker"] == "ok"
    page = client.report(search)
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert found.best is not None
    assert found.best.group in page
    first = client.candidate(found.ranking.items[0])
    assert first.has_model
    measured = client.equivariance(first)
    assert all(row.error is not None and row.element for row in measured)
    assert len(measured) == len(measured.to_frame()) > 0


def test_the_ranking_is_a_frame(found: Result) -> None:
    frame = found.to_frame()
    assert list(frame["rank"]) == [1, 2, 3]
    assert (frame["accuracy_low"] <= frame["accuracy"]).all()
    assert (frame["accuracy"] <= frame["accuracy_high"]).all()


def test_a_trained_network_comes_home(client: Client, found: Result, tmp_path: Path) -> None:
    best = found.ranking.items[0]
    path = client.download(best, tmp_path)
    assert path == tmp_path / f"{best.group}-{best.candidate_id}.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"x": points()[0]})
    assert scores.shape == (60, 2)
    weights = client.download(best.candidate_id, tmp_path / "weights", format="safetensors")
    assert weights.stat().st_size > 1000
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, "weights"])


def test_progress_is_told_from_the_start_to_the_end(client: Client) -> None:
    x, y = points(seed=8)
    seen: list[Search] = []
    client.search(x, y, CANDIDATES, progress=seen.append, **QUICK)
    assert seen[0].state in ("queued", "running")
    assert seen[-1].state == "done"
    fractions = [search.progress.fraction for search in seen]
    assert fractions == sorted(fractions)


def test_events_are_resumed_after_any_of_them(client: Client, found: Result) -> None:
    events = list(client.events(found.search))
    assert [event.data["state"] for event in events if event.kind == "search"] == ["queued", "running", "done"]
    middle = len(events) // 2
    assert list(client.events(found.search, after=events[middle].id)) == events[middle + 1 :]


def test_lists_are_iterators(client: Client, found: Result) -> None:
    assert found.search.id in {search.id for search in client.searches()}
    assert found.search.id not in {search.id for search in client.searches(state="failed")}
    assert found.search.dataset_id in {dataset.id for dataset in client.datasets()}
    assert {"E", "C2"} <= {group.name for group in client.groups("vector")}
    tops = [row for row in client.rankings(max_rank=1) if row.search_id == found.search.id]
    assert [row.group for row in tops] == [found.ranking.items[0].group]


def test_a_search_is_estimated_before_it_is_started(client: Client, found: Result) -> None:
    dataset = found.search.dataset_id
    offered = client.offered(dataset)
    assert {"C2", "D1"} <= {group.name for group in offered}
    assert len(client.offered(dataset, usual=True)) < len(offered)
    estimate = client.estimate(dataset, CANDIDATES, **QUICK)
    assert {candidate["group"] for candidate in estimate.candidates} == set(CANDIDATES)


def test_the_same_key_starts_one_search(client: Client, found: Result) -> None:
    dataset = found.search.dataset_id
    first = client.start(dataset, CANDIDATES, key="points-1", **QUICK)
    assert client.start(dataset, CANDIDATES, key="points-1", **QUICK).id == first.id
    assert client.start(dataset, CANDIDATES, **QUICK).id != first.id
    with pytest.raises(ServiceError, match="another request") as refused:
        client.start(dataset, ["E"], key="points-1", **QUICK)
    assert refused.value.status == 422


def test_a_refusal_carries_the_problem_document(client: Client, found: Result) -> None:
    with pytest.raises(ServiceError) as refused:
        client.start(found.search.dataset_id, ["E", "Monster"])
    error = refused.value
    assert error.status == 422
    assert [part.pointer for part in error.errors] == ["/candidates/1"]
    assert "Monster" in error.errors[0].detail
    assert error.problem["type"].startswith("urn:")
    assert "/candidates/1" in str(error)
    with pytest.raises(ServiceError, match="No such search"):
        client.status("sr_nothing")
    with pytest.raises(ServiceError, match="/flods"):
        client.start(found.search.dataset_id, flods=3)  # type: ignore[call-arg]


def test_a_search_is_cancelled_and_taken_up_again(client: Client) -> None:
    x, y = points(seed=9)
    dataset = client.upload(x, y)
    search = client.start(dataset, CANDIDATES, **LONG)
    wait_for(lambda: client.status(search).state == "running", SECONDS, "a running search")
    with pytest.raises(ServiceError) as refused:
        client.delete(dataset)
    assert refused.value.status == 409
    assert client.cancel(search).state in ("cancelling", "cancelled")
    with pytest.raises(SearchFailed, match="cancelled") as ended:
        client.wait(search)
    assert ended.value.search.id == search.id
    assert client.retry(search).state == "queued"
    client.cancel(search)
    assert [state.state for state in client.follow(search)][-1] == "cancelled"
    client.delete(dataset)
    assert dataset.id not in {item.id for item in client.datasets()}


async def _journey(url: str, folder: Path) -> None:
    x, y = points(seed=10)
    seen: list[Search] = []
    async with AsyncClient(url) as client:
        assert await client.alive()
        result = await client.search(x, y, CANDIDATES, progress=seen.append, **QUICK)
        assert seen[-1].state == result.search.state == "done"
        elements, curves, report = await asyncio.gather(
            client.elements(result.search), client.curves(result.search), client.report(result.search)
        )
        assert len(elements) > 0
        assert len(curves) == 3
        assert "<html" in report
        newest = [item.id async for item in client.datasets()]
        assert newest[0] == result.search.dataset_id
        kinds = [event.kind async for event in client.events(result.search)]
        assert kinds.count("ranked") == 1
        path = await client.download(result.ranking.items[0], folder)
        assert path.stat().st_size > 1000
        search = await client.start(result.search.dataset_id, CANDIDATES, **LONG)
        async for now in client.follow(search):
            if now.state == "running":
                await client.cancel(search)
        with pytest.raises(SearchFailed):
            await client.wait(search)
        with pytest.raises(ServiceError, match="Monster"):
            await client.start(result.search.dataset_id, ["Monster"])


def test_the_twin_makes_the_same_journey(service: Service, tmp_path: Path) -> None:
    asyncio.run(_journey(service.url, tmp_path))


def test_a_service_with_keys_wants_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Service(tmp_path, embedded_worker=False, api_keys="alice=secret-key") as guarded:
        with Client(guarded.url) as nobody, pytest.raises(ServiceError) as refused:
            list(nobody.datasets())
        assert refused.value.status == 401
        monkeypatch.setenv("ERLANGEN_URL", guarded.url)
        monkeypatch.setenv("ERLANGEN_API_KEY", "secret-key")
        with Client() as alice:
            assert list(alice.datasets()) == []
            assert re.fullmatch(r"ds_\w+", alice.upload(np.eye(20), np.arange(20) % 2).id)
