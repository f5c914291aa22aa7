"""What the client does when the service fails first: a real server on a socket, both clients."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from erlangen_client import (
    AsyncClient,
    Client,
    InputError,
    SearchFailed,
    ServiceError,
    UnexpectedAnswer,
    Unreachable,
)
from tests.client.failing import BUSY, DATASET, LOST, Answer, Ask, Asked, search, serving


def test_reading_is_tried_again_until_it_works(ask: Ask) -> None:
    with serving(
        BUSY, LOST, Answer(200, b"{", {"Content-Type": "application/json"}, cut=True), Answer.json(DATASET)
    ) as server:
        assert ask(server, "dataset", "ds_1").name == "points"
    assert server.paths == ["/v1/datasets/ds_1"] * 4


def test_pauses_grow(ask: Ask) -> None:
    with serving(BUSY, BUSY, BUSY, Answer.json(DATASET)) as server:
        ask(server, "dataset", "ds_1")
    times = [asked.at for asked in server.asked]
    assert times[1] - times[0] >= 0.18
    assert times[2] - times[1] >= 0.37
    assert times[3] - times[2] >= 0.75


def test_the_service_says_when_to_come_back(ask: Ask) -> None:
    later = Answer.json({"title": "Too many", "status": 429}, 429, **{"Retry-After": "1"})
    with serving(later, Answer.json(DATASET)) as server:
        ask(server, "dataset", "ds_1")
    assert server.asked[1].at - server.asked[0].at >= 1.0


def test_a_wait_beyond_patience_is_not_begun(ask: Ask) -> None:
    later = Answer.json({"title": "Too many", "status": 429}, 429, **{"Retry-After": "3600"})
    with serving(later) as server, pytest.raises(ServiceError, match="Too many"):
        ask(server, "dataset", "ds_1")
    assert len(server.asked) == 1


def test_patience_ends(ask: Ask) -> None:
    with serving(BUSY) as server, pytest.raises(ServiceError, match="later"):
        ask(server, "dataset", "ds_1", patience=0.6)
    assert 2 <= len(server.asked) <= 4


@pytest.mark.parametrize("method", ["cancel", "retry"])
@pytest.mark.parametrize("answer", [BUSY, LOST])
def test_what_may_not_be_repeated_is_sent_once(ask: Ask, method: str, answer: Answer) -> None:
    with serving(answer) as server, pytest.raises((ServiceError, Unreachable)):
        ask(server, method, "sr_1")
    assert [asked.method for asked in server.asked] == ["POST"]


def test_a_search_is_started_again_under_the_same_key(ask: Ask) -> None:
    in_flight = Answer.json({"title": "In flight", "status": 409}, 409, **{"Retry-After": "0"})
    with serving(LOST, in_flight, Answer.json(search("queued"), 202)) as server:
        assert ask(server, "start", "ds_1", "auto").id == "sr_1"
    keys = {asked.headers["idempotency-key"] for asked in server.asked}
    assert len(server.asked) == 3
    assert len(keys) == 1
    with (
        serving(Answer.json({"title": "Not in this state", "status": 409}, 409)) as server,
        pytest.raises(ServiceError),
    ):
        ask(server, "start", "ds_1")
    assert server.asked[0].headers["idempotency-key"] not in keys
    assert len(server.asked) == 1


def test_a_deletion_whose_answer_was_lost_is_done(ask: Ask) -> None:
    gone = Answer.json({"title": "No such data set", "status": 404}, 404)
    with serving(LOST, gone) as server:
        assert ask(server, "delete", "ds_1") is None
    assert len(server.asked) == 2
    with serving(gone) as server, pytest.raises(ServiceError, match="No such"):
        ask(server, "delete", "ds_1")


def test_nobody_there_is_told_with_the_address(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match=url):
        ask(url, "dataset", "ds_1", patience=0.3)
    assert ask(url, "alive") is False


def test_somebody_else_there_is_told(ask: Ask) -> None:
    with serving(Answer(200, b"<html>hello</html>", {"Content-Type": "text/html"})) as server:
        assert ask(server, "alive") is False
        with pytest.raises(UnexpectedAnswer, match="hello"):
            ask(server, "dataset", "ds_1")
    with serving(Answer.json({"id": "ds_1"})) as server, pytest.raises(UnexpectedAnswer, match="x_shape"):
        ask(server, "dataset", "ds_1")
    with serving(Answer(502, b"<h1>Bad gateway</h1>", {"Content-Type": "text/html"})) as server:
        with pytest.raises(ServiceError, match="Bad gateway"):
            ask(server, "dataset", "ds_1", patience=0)


def test_fields_of_a_later_version_are_kept(ask: Ask) -> None:
    with serving(Answer.json(DATASET)) as server:
        dataset = ask(server, "dataset", "ds_1")
    assert dataset.extra == {"colour": "blue"}
    assert dataset["colour"] == "blue"
    assert dataset.x_shape == (2,)
    assert (dataset.created_at.year, dataset.created_at.utcoffset().total_seconds()) == (2026, 0)


def test_lists_go_on_from_page_to_page(ask: Ask) -> None:
    pages = {
        "/v1/datasets": {"items": [DATASET, DATASET], "next_cursor": "a b"},
        "/v1/datasets?cursor=a+b": {"items": [DATASET], "next_cursor": None},
    }
    with serving(BUSY, lambda asked, _: Answer.json(pages[asked.path.replace("%20", "+")])) as server:
        assert [item.id for item in ask(server, "datasets")] == ["ds_1"] * 3
    assert len(server.asked) == 3


def _search_with(
    events: Callable[[Asked, int], Answer], states: list[dict[str, Any]]
) -> Callable[[Asked, int], Answer]:
    """A service with one search, which is further along every time it is asked for."""
    left = list(states)
    streams = 0

    def script(asked: Asked, _: int) -> Answer:
        nonlocal streams
        if asked.path.endswith("/events"):
            streams += 1
            return events(asked, streams)
        return Answer.json(left.pop(0) if len(left) > 1 else left[0])

    return script


def test_a_broken_event_stream_is_taken_up_where_it_broke(ask: Ask) -> None:
    def events(asked: Asked, number: int) -> Answer:
        if number == 1:
            return Answer.events((3, "search", {"state": "queued"}), (4, "search", {"state": "running"}), cut=True)
        if number == 2:
            assert asked.headers["last-event-id"] == "4"
            return Answer.events((9, "search", {"state": "done"}))
        assert asked.headers["last-event-id"] == "9"
        return Answer.events()

    with serving(_search_with(events, [search("done", 2)])) as server:
        assert [event.id for event in ask(server, "events", "sr_1")] == ["3", "4", "9"]


def test_following_survives_broken_streams(ask: Ask) -> None:
    def events(asked: Asked, number: int) -> Answer:
        return Answer.events((number, "search", {}), cut=True)

    states = [search("queued"), search("running"), search("running", 1), search("running", 1), search("done", 2)]
    with serving(_search_with(events, states)) as server:
        seen = [state.progress.done for state in ask(server, "follow", "sr_1")]
    assert seen == sorted(seen)
    assert seen[-1] == 2


@pytest.mark.parametrize(
    "refusal",
    [
        Answer.json({"title": "Not here", "status": 404}, 404),
        Answer(200, b"<html></html>", {"Content-Type": "text/html"}),
        Answer(200, b"", {"Content-Type": "text/event-stream"}),
    ],
    ids=["refused", "not a stream", "silent"],
)
def test_without_events_the_search_is_asked_for(ask: Ask, refusal: Answer) -> None:
    states = [search("queued"), search("running"), search("running", 1), search("failed", 2)]
    with serving(_search_with(lambda *_: refusal, states)) as server:
        assert [state.state for state in ask(server, "follow", "sr_1")][-1] == "failed"
        with pytest.raises(SearchFailed, match="failed"):
            ask(server, "wait", "sr_1", progress=False)


def test_a_download_is_there_when_it_is_complete(ask: Ask, tmp_path: Path) -> None:
    cut = Answer(200, b"half", {"Content-Type": "application/octet-stream"}, cut=True)
    with serving(BUSY, cut) as server, pytest.raises(Unreachable):
        ask(server, "download", "tr_1", tmp_path)
    assert list(tmp_path.iterdir()) == []
    with serving(Answer(200, b"whole")) as server:
        assert ask(server, "download", "tr_1", tmp_path).read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["tr_1.onnx"]


def test_a_proxy_in_a_subfolder_is_reached(ask: Ask) -> None:
    with serving(Answer.json(DATASET)) as server:
        ask(server.url + "/erlangen/", "dataset", "ds_1")
    assert server.paths == ["/erlangen/v1/datasets/ds_1"]


@pytest.mark.parametrize("url", ["ftp://here", "http://", "http://here/?a=b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Client(url)


def test_the_key_is_sent(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERLANGEN_API_KEY", "secret")
    with serving(Answer.json(DATASET)) as server:
        ask(server, "dataset", "ds_1")
    assert server.asked[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("method", ["dataset", "delete", "download"])
def test_an_address_that_sends_on_is_told(ask: Ask, method: str, tmp_path: Path) -> None:
    there = Answer(307, b"", {"Location": "https://elsewhere/login"})
    with serving(there) as server, pytest.raises(UnexpectedAnswer, match="https://elsewhere/login"):
        ask(server, method, "tr_1", *([tmp_path] if method == "download" else []))
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_key_is_in_no_message(ask: Ask, kind: type[Client | AsyncClient]) -> None:
    for key in ("sec\nret", "s\u00e9cret"):
        with pytest.raises(ValueError, match="API key") as refused:
            kind("http://127.0.0.1:9", key)
        assert key not in str(refused.value)
        assert refused.value.__context__ is None
    with serving(Answer.json(DATASET)) as server, Client(server.url, " secret\n") as client:  # as files of keys end
        client.dataset("ds_1")
    assert server.asked[0].headers["authorization"] == "Bearer secret"


def test_options_may_be_of_numpy(ask: Ask) -> None:
    turn = {"group": "custom", "name": "turn", "generators": np.array([[1, 2, 0]])}
    with serving(Answer.json(search("queued"), 202)) as server:
        ask(server, "start", "ds_1", (turn, "C2"), folds=np.int64(3), tolerance=np.float32(0.5))
    body = json.loads(server.asked[0].body)
    assert body["candidates"] == [{**turn, "generators": [[1, 2, 0]]}, "C2"]
    assert (body["folds"], body["tolerance"]) == (3, 0.5)


@pytest.mark.parametrize("options", [{"tolerance": float("nan")}, {"seed": object()}, {"key": "two words"}])
def test_options_that_cannot_be_sent_ask_nothing(ask: Ask, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ask("http://127.0.0.1:9", "start", "ds_1", **options)


def test_a_list_or_time_of_somebody_else_is_told(ask: Ask) -> None:
    with serving(Answer.json({"datasets": []})) as server, pytest.raises(UnexpectedAnswer, match="list of items"):
        ask(server, "datasets")
    odd = DATASET | {"created_at": "yesterday"}
    with serving(Answer.json(odd)) as server, pytest.raises(UnexpectedAnswer, match="yesterday"):
        ask(server, "dataset", "ds_1")
