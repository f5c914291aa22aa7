"""Everything that may be sent, sent to a real service; and what is refused before anything is sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from erlangen_client import Client, Dataset, InputError, ServiceError
from tests.live import points

X, Y = points(n=24)
NAMES = np.where(Y == 1, "wide", "tall")
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "flag": X[:, 0] > 0, "kind": NAMES})
PEOPLE = np.arange(24) // 2


def images(folder: Path) -> Path:
    """Twelve grey pictures in two folders, and what lies about beside them."""
    pixels = np.random.default_rng(0).integers(0, 256, size=(12, 8, 8), dtype=np.uint8)
    for index, picture in enumerate(pixels):
        path = folder / ("cats" if index % 2 else "dogs") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    (folder / "cats" / "notes.txt").write_text("not an image")
    (folder / ".hidden").mkdir()
    return folder


def saved(folder: Path, kind: str) -> Path:
    path = folder / f"table.{kind}"
    if kind == "npz":
        np.savez(path, x=3 * X, y=NAMES)
    elif kind == "csv":
        FRAME.drop(columns="flag").to_csv(path, index=False)
    else:
        FRAME.drop(columns="flag").to_parquet(path, index=False)
    return path


@pytest.mark.parametrize(
    ("x", "y", "shape", "classes"),
    [
        (X, Y, (2,), ("0", "1")),
        (X.tolist(), NAMES.tolist(), (2,), ("tall", "wide")),
        (X, pd.Series(NAMES), (2,), ("tall", "wide")),
        (X, pd.Series(NAMES).astype("category"), (2,), ("tall", "wide")),
        (X, NAMES.astype(object), (2,), ("tall", "wide")),
        (X, X[:, :1] * 2, (2,), None),
        (torch.tensor(X), torch.tensor(Y), (2,), ("0", "1")),
        (torch.tensor(X, requires_grad=True), torch.tensor(Y) > 0, (2,), ("false", "true")),
        (torch.tensor(X).bfloat16(), Y, (2,), ("0", "1")),
        (np.tile(X[:, :, None], (1, 1, 2)).reshape(24, 2, 2), Y, (1, 2, 2), ("0", "1")),
        (FRAME, "kind", (3,), ("tall", "wide")),
        (FRAME[["a", "b"]], FRAME["kind"], (2,), ("tall", "wide")),
        (FRAME[["a", "b"]], NAMES, (2,), ("tall", "wide")),
        (FRAME[["a", "b"]], 2.0 * X, (2,), None),
        (FRAME[["a", "b", "flag"]], ["a", "b"], (1,), None),
        (FRAME[["a", "b"]].rename(columns={"a": 0, "b": 1}), pd.Series(Y, name="0"), (2,), ("0", "1")),
    ],
    ids=[
        "arrays", "lists", "series", "category", "objects", "targets", "tensors", "a graph and flags", "bfloat16",
        "pictures", "column", "series beside", "array beside", "targets beside", "columns", "numbered columns",
    ],
)  # fmt: skip
def test_it_is_accepted(
    client: Client, x: Any, y: Any, shape: tuple[int, ...], classes: tuple[str, str] | None
) -> None:
    dataset = client.upload(x, y)
    assert (dataset.n, dataset.x_shape, dataset.classes) == (24, shape, classes)


@pytest.mark.parametrize(
    ("x", "y", "width"), [(X, X[:, :1], 1), (FRAME[["a", "b"]], 2.0 * X, 2), (FRAME[["a", "b", "flag"]], ["a", "b"], 2)]
)
def test_targets_keep_their_width(client: Client, x: Any, y: Any, width: int) -> None:
    assert client.upload(x, y).target_dim == width


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet"])
def test_files_are_accepted(client: Client, tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path, kind)
    for given in (path, str(path)):
        dataset = client.upload(given, None if kind == "npz" else "kind")
        assert (dataset.name, dataset.n, dataset.classes) == ("table", 24, ("tall", "wide"))


def test_a_folder_of_images_is_accepted(client: Client, tmp_path: Path) -> None:
    folder = images(tmp_path / "pets")
    dataset = client.upload(folder)
    assert (dataset.name, dataset.n, dataset.domain, dataset.classes) == ("pets", 12, "image2d", ("cats", "dogs"))
    assert client.upload(folder).id == dataset.id, "the same images are the same data set"


def preview_of(client: Client, dataset: Dataset) -> tuple[list[float], list[str]]:
    samples = client.preview(dataset).samples
    return [value for sample in samples for value in sample.values or ()], [str(sample.label) for sample in samples]


def test_values_and_labels_stay_together(client: Client) -> None:
    """Each kind of input arrives as the same samples with the same labels."""
    expected = preview_of(client, client.upload(X, NAMES, name="arrays"))
    shuffled = FRAME.sample(frac=1, random_state=1).sort_index()
    for x, y in (
        (torch.tensor(X), NAMES),
        (FRAME[["a", "b"]], "kind"),
        (shuffled[["a", "b"]], shuffled["kind"]),
        (FRAME[["a", "b"]].set_axis(range(100, 124)), pd.Series(NAMES)),
    ):
        frame = x.assign(kind=FRAME["kind"]) if isinstance(y, str) else x
        values, labels = preview_of(client, client.upload(frame, y))
        assert labels == expected[1]
        np.testing.assert_allclose(values, expected[0], rtol=1e-6)


def test_samples_that_belong_together_are_named(client: Client) -> None:
    marks = np.where(PEOPLE < 9, "train", "test")
    sent = [
        client.upload(X, Y, groups=PEOPLE, split=marks),
        client.upload(FRAME[["a", "b", "kind"]], "kind", groups=PEOPLE, split=pd.Series(marks)),
        client.upload(FRAME[["a", "b", "kind"]].assign(person=PEOPLE), "kind", groups="person"),
    ]
    assert {dataset.x_shape for dataset in sent} == {(2,)}
    with pytest.raises(ServiceError, match="split"):
        client.upload(X, Y, split=np.zeros(24))


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, None, {}, "y is needed"),
        (X, Y[:-1], {}, "y has 23 rows, x has 24"),
        (X, 3, {}, "y has no rows"),
        (3, Y, {}, "x has no rows"),
        (X[:0], Y[:0], {}, "x has no rows"),
        (FRAME[:0], Y[:0], {}, "x has no rows"),
        (FRAME, 3, {}, "y has no rows"),
        (FRAME, "kind", {"groups": X}, "groups is one column, not 2"),
        ("nothing.npz", 3, {}, "name of a column"),
        ([[1, 2], [3]], [0, 1], {}, "x is no array"),
        (np.array([["a"], ["b"]]), [0, 1], {}, "not numbers"),
        (np.array([object(), object()]), [0, 1], {}, "x holds object"),
        (X.astype(complex), Y, {}, "x holds complex"),
        (FRAME, None, {}, "y is needed"),
        (FRAME, "colour", {}, "no column 'colour'; it has a, b, flag, kind"),
        (FRAME, NAMES[:5], {}, "y has 5 rows, x has 24"),
        (FRAME, "kind", {"groups": "person"}, "groups: the frame has no column"),
        ("nothing.npz", None, {}, "There is no file 'nothing.npz'"),
        (X, Y, {"groups": PEOPLE[:3]}, "groups has 3 rows"),
        (np.ma.masked_less(X, 0), Y, {}, "x has masked values"),
        (torch.tensor(X).to(torch.float8_e4m3fn), Y, {}, "x is no array"),
        ([[10**30, 1]] * 24, Y, {}, "x holds object"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), [0, 1], {}, "more than one column 'a'"),
        (FRAME, pd.Series([None, *Y[1:]], dtype="boolean"), {}, "y holds object"),
        ({"x": X}, Y, {}, "x holds object"),
        (None, Y, {}, "x holds object"),
    ],
)
def test_what_cannot_be_sent_is_refused_here(x: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(InputError, match=message):
        nobody.upload(x, y, **options)


def test_a_folder_without_images_is_refused_here(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "loose.png")
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(InputError, match="one folder per class"):
        nobody.upload(tmp_path)
    path = saved(tmp_path, "csv")
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(InputError, match="name of a column"):
        nobody.upload(path, groups=PEOPLE)


def test_a_missing_flag_is_refused_by_the_service(client: Client) -> None:
    frame = FRAME.assign(flag=FRAME["flag"].astype("boolean").where(FRAME["a"] > 0))
    with pytest.raises(ServiceError, match="flag"):
        client.upload(frame, "kind")


def test_names_that_are_no_text_are_sent_as_far_as_they_are(client: Client, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.csv"))
    FRAME.assign(a=7 * FRAME["a"]).to_csv(path, index=False)
    assert client.upload(path, "kind").name == "odd?"
    folder = images(tmp_path / "more pets")
    (folder / "cats").rename(os.fsdecode(os.fsencode(folder) + b"/cats\xff"))
    assert client.upload(folder).classes == ("cats?", "dogs")


def test_frames_are_not_changed(client: Client) -> None:
    frame: pd.DataFrame = FRAME[["a", "b"]].copy()
    before: NDArray[Any] = frame.to_numpy().copy()
    client.upload(frame, NAMES)
    assert list(frame.columns) == ["a", "b"]
    np.testing.assert_array_equal(frame.to_numpy(), before)
