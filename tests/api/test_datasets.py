"""Data sets through HTTP: accepted once, refused without a trace, listed, shown, deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.db.tables import Dataset
from app.settings import Settings
from app.storage import Storage
from tests import ingest_files as files
from tests.api.rows import Rows

X, Y = files.digits()
GOOD = files.npz(x=X, y=Y)


def send(client: TestClient, data: bytes = GOOD, filename: str = "digits.npz", **fields: str) -> httpx2.Response:
    return client.post("/v1/datasets", files={"file": (filename, data)}, data=fields)


def left_behind(app_settings: Settings) -> list[Path]:
    """Files of uploads and of data sets in the data folder."""
    folders = (app_settings.data_dir / "incoming", app_settings.data_dir / "storage")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def count(reader: sessionmaker[Session]) -> int:
    with reader() as session:
        return session.scalar(select(func.count()).select_from(Dataset)) or 0


def test_a_good_file_becomes_a_data_set(client: TestClient, storage: Storage, app_settings: Settings) -> None:
    answer = send(client, name="my digits")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"/v1/datasets/{body['id']}"
    assert body["name"] == "my digits"
    assert (body["domain"], body["task"], body["n"], body["x_shape"]) == ("image2d", "classification", 20, [1, 6, 6])
    assert (body["classes"], body["target_dim"], body["bytes"]) == (["0", "1"], None, len(GOOD))
    assert body["created_at"].endswith(("Z", "+00:00"))
    assert client.get(answer.headers["location"]).json() == body
    x = np.load(storage.open_local(f"datasets/{body['id']}/x.npy"), allow_pickle=False)
    assert np.array_equal(x[:, 0], X)
    assert not list((app_settings.data_dir / "incoming").iterdir())


def test_the_same_bytes_and_options_give_the_same_data_set(client: TestClient, reader: sessionmaker[Session]) -> None:
    first = send(client)
    second = send(client, name="another name", domain="auto")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    other = send(client, domain="vector")
    assert other.status_code == 201
    assert other.json()["id"] != first.json()["id"]
    assert count(reader) == 2


def test_the_file_name_is_the_name_unless_one_is_given(client: TestClient) -> None:
    assert send(client, filename="../../etc/numbers.npz").json()["name"] == "numbers"


def test_a_table_with_all_its_fields(client: TestClient) -> None:
    table = {
        "a": [i / 3 for i in range(12)],
        "label": ["yes", "no"] * 6,
        "who": [i // 2 for i in range(12)],
        "part": ["train"] * 8 + ["test"] * 4,
    }
    answer = send(client, files.csv_table(table), "t.csv", target="label", groups="who", split="part")
    assert answer.status_code == 201, answer.text
    assert answer.json()["classes"] == ["no", "yes"]


REFUSED: list[tuple[str, int, str, bytes, str, dict[str, str]]] = [
    ("pickled", 422, "/file", files.npz(allow_pickle=True, x=np.array([[1], None] * 5, object), y=Y), "a.npz", {}),
    ("nan", 422, "/file", files.npz(x=np.where(np.arange(20) == 4, np.nan, 1.0), y=Y), "a.npz", {}),
    ("one class", 422, "/file", files.npz(x=X, y=np.zeros(20, int)), "a.npz", {}),
    ("constant", 422, "/file", files.npz(x=X, y=np.zeros(20)), "a.npz", {}),
    ("lengths", 422, "/file", files.npz(x=X, y=Y[:-1]), "a.npz", {}),
    ("too few", 422, "/file", files.npz(x=X[:7], y=Y[:7]), "a.npz", {}),
    ("bomb", 413, "/file", files.npz(x=np.zeros((20, 2 * files.MIB), np.uint8), y=Y, compressed=True), "a.npz", {}),
    ("traversal", 422, "/file", files.archive({"../x.npy": b"", "y.npy": b""}), "a.npz", {}),
    ("format", 415, "/file", b"hello", "a.txt", {}),
    ("empty", 422, "/file", b"", "a.npz", {}),
    ("truncated", 422, "/file", GOOD[:-50], "a.npz", {}),
    ("no target", 422, "/target", b"a,b\n1,2\n", "a.csv", {}),
    ("no such target", 422, "/target", b"a,b\n1,2\n", "a.csv", {"target": "c"}),
    ("domain", 422, "/domain", GOOD, "a.npz", {"domain": "sensors"}),
    ("unknown domain", 422, "/domain", GOOD, "a.npz", {"domain": "cube"}),
    ("unknown task", 422, "/task", GOOD, "a.npz", {"task": "guess"}),
    ("long name", 422, "/name", GOOD, "a.npz", {"name": "n" * 201}),
    ("long field", 422, "/target", GOOD, "a.npz", {"target": "n" * 5000}),
    ("nul", 422, "/target", GOOD, "a.npz", {"target": "a\0b"}),
    ("unknown field", 422, "/colour", GOOD, "a.npz", {"colour": "red"}),
]


@pytest.mark.parametrize(
    ("status", "pointer", "data", "filename", "fields"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_a_refusal_is_a_problem_document_and_leaves_nothing(
    client: TestClient,
    reader: sessionmaker[Session],
    app_settings: Settings,
    status: int,
    pointer: str,
    data: bytes,
    filename: str,
    fields: dict[str, str],
) -> None:
    answer = send(client, data, filename, **fields)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["errors"][0]["pointer"] == pointer
    assert body["detail"]
    assert count(reader) == 0
    assert left_behind(app_settings) == []


def test_a_file_over_the_limit(make_client: Callable[..., TestClient], app_settings: Settings) -> None:
    client = make_client(max_upload_bytes=1000)
    assert send(client, bytes(1001)).status_code == 413
    assert send(client, bytes(400_000)).status_code == 413  # refused by its declared length

    def chunks() -> Any:  # no declared length: refused while it comes
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n'
        for _ in range(100):
            yield bytes(1000)

    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = client.post("/v1/datasets", content=chunks(), headers=kind)
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["pointer"] == "/file"
    assert left_behind(app_settings) == []


FORM = "multipart/form-data; boundary=b"
NAME = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\nhello\r\n'


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (PART, "multipart/form-data", 400),
        (PART, f"multipart/form-data; boundary={'b' * 300}", 400),
        (PART, FORM, 400),
        (b"no form at all", FORM, 400),
        (b"", FORM, 400),
        (PART + PART + b"--b--\r\n", FORM, 422),
        (
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nhello\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            422,
        ),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nhello\r\n--b--\r\n", FORM, 422),
        (b"--b\r\n\r\nhello\r\n--b--\r\n", FORM, 422),
    ],
)
def test_bodies_that_are_no_form(
    client: TestClient, app_settings: Settings, body: bytes, kind: str, status: int
) -> None:
    answer = client.post("/v1/datasets", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert left_behind(app_settings) == []


def test_list_is_newest_first_in_pages(client: TestClient) -> None:
    ids = [send(client, files.npz(x=X, y=Y, groups=np.arange(20) // k)).json()["id"] for k in (2, 3, 4)]
    page = client.get("/v1/datasets", params={"limit": 2}).json()
    assert [item["id"] for item in page["items"]] == [ids[2], ids[1]]
    rest = client.get("/v1/datasets", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [item["id"] for item in rest["items"]] == [ids[0]]
    assert rest["next_cursor"] is None
    assert client.get("/v1/datasets", params={"cursor": "nonsense"}).status_code == 422


def test_preview(client: TestClient) -> None:
    dataset_id = send(client).json()["id"]
    preview = client.get(f"/v1/datasets/{dataset_id}/preview").json()
    assert preview["classes"] == [{"name": "0", "count": 10}, {"name": "1", "count": 10}]
    assert len(preview["samples"]) == 12
    assert preview["samples"][0]["image"].startswith("data:image/png;base64,")


@pytest.mark.parametrize("dataset_id", ["ds_0", "a%00b", "x" * 65])
def test_unknown_data_sets(client: TestClient, dataset_id: str) -> None:
    for answer in (
        client.get(f"/v1/datasets/{dataset_id}"),
        client.get(f"/v1/datasets/{dataset_id}/preview"),
        client.delete(f"/v1/datasets/{dataset_id}"),
    ):
        assert answer.status_code in ((404,) if dataset_id == "ds_0" else (400, 422))


def test_delete_takes_the_objects_and_a_new_upload_brings_it_back(
    client: TestClient, storage: Storage, reader: sessionmaker[Session]
) -> None:
    first = send(client).json()
    assert client.delete(f"/v1/datasets/{first['id']}").status_code == 204
    assert storage.list("datasets") == []
    assert client.get(f"/v1/datasets/{first['id']}").status_code == 404
    assert client.delete(f"/v1/datasets/{first['id']}").status_code == 404
    assert client.get("/v1/datasets").json()["items"] == []
    again = send(client)
    assert again.status_code == 201
    assert again.json()["id"] == first["id"]
    assert client.get(f"/v1/datasets/{first['id']}/preview").status_code == 200
    assert count(reader) == 1


@pytest.mark.parametrize(("state", "status"), [("queued", 409), ("running", 409), ("cancelling", 409), ("done", 204)])
def test_delete_waits_for_searches(client: TestClient, rows: Rows, state: str, status: int) -> None:
    dataset_id = send(client).json()["id"]
    search_id = rows.search(dataset_id, state=state, trial_state="done")
    answer = client.delete(f"/v1/datasets/{dataset_id}")
    assert answer.status_code == status
    if status == 409:
        assert search_id in answer.json()["detail"]
    assert client.get(f"/v1/searches/{search_id}").status_code == 200


def test_a_search_is_retried_only_while_its_data_set_is_there(client: TestClient, rows: Rows) -> None:
    dataset_id = send(client).json()["id"]
    search_id = rows.search(dataset_id, state="failed", trial_state="failed")
    assert client.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    refused = client.post(f"/v1/searches/{search_id}/retry")
    assert refused.status_code == 409
    assert "deleted" in refused.json()["detail"]
    assert send(client).json()["id"] == dataset_id
    assert client.post(f"/v1/searches/{search_id}/retry").status_code == 202


def test_owners_see_only_their_own(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_keys="ann=one-key,bob=two-key,eve:read=three-key")
    ann, bob, eve = ({"Authorization": f"Bearer {key}-key"} for key in ("one", "two", "three"))
    first = client.post("/v1/datasets", files={"file": ("a.npz", GOOD)}, headers=ann).json()
    second = client.post("/v1/datasets", files={"file": ("a.npz", GOOD)}, headers=bob)
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    for answer in (
        client.get(f"/v1/datasets/{first['id']}", headers=bob),
        client.get(f"/v1/datasets/{first['id']}/preview", headers=bob),
        client.delete(f"/v1/datasets/{first['id']}", headers=bob),
    ):
        assert answer.status_code == 404
    assert [item["id"] for item in client.get("/v1/datasets", headers=ann).json()["items"]] == [first["id"]]
    assert client.get("/v1/datasets").status_code == 401
    assert client.post("/v1/datasets", files={"file": ("a.npz", GOOD)}, headers=eve).status_code == 403


def test_the_form_is_described_in_openapi(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/datasets"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["file"]
    assert form["properties"].keys() == {"file", "name", "domain", "task", "target", "groups", "split"}
    assert {"200", "201", "413", "415", "422"} <= operation["responses"].keys()
