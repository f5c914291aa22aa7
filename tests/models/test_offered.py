"""The groups that are offered for a data set can all be searched for, and lie in one another as groups do."""

from __future__ import annotations

from typing import Any

import pytest

from models.groups.entries import Samples
from models.groups.offered import offered_groups
from models.groups.scout import plan_or_scout

DATA = {
    "digits": Samples("image2d", (1, 14, 14), "classification", 2),
    "boards": Samples("image2d", (1, 3, 3), "classification", 2),
    "strips": Samples("image2d", (2, 8, 12), "regression", 2),
    "points": Samples("vector", (2,), "regression", 2),
    "space": Samples("vector", (3,), "classification", 3),
    "sensors": Samples("vector", (9,), "classification", 2),
    "one number": Samples("vector", (1,), "regression", 1),
}


def plan(samples: Samples, candidates: list[Any]) -> dict[str, Any]:
    classes = samples.outputs if samples.task == "classification" else None
    return plan_or_scout(
        candidates,
        include_subgroups=False,
        max_candidates=64,
        domain=samples.domain,
        x_shape=samples.x_shape,
        task=samples.task,
        target_dim=samples.outputs,
        classes=classes,
    )


@pytest.mark.parametrize("samples", DATA.values(), ids=DATA)
def test_whatever_is_offered_can_be_asked_for(samples: Samples) -> None:
    offered = offered_groups(samples)
    assert len(offered["items"]) >= 2
    for item in offered["items"]:
        for labels in item["labels"]:
            assert plan(samples, [{"group": item["name"], "labels": labels}])["nodes"]
        if item["centred"]:
            assert plan(samples, [{"group": item["name"], "translations": False}])["nodes"]
    names = {item["name"] for item in offered["items"]}
    assert len(names) == len(offered["items"])
    assert plan(samples, [*offered["auto"], *names])["nodes"]


def test_containment_is_that_of_the_groups() -> None:
    items = {item["name"]: set(item["contains"]) for item in offered_groups(DATA["digits"])["items"]}
    assert items["T"] == set()
    assert items["D4"] == {"T", "C2", "C4", "D1", "D1y", "D1d", "D1a", "D2", "D2d"}
    assert {"C3", "C16", "SO(2)"} <= items["O(2)"]
    assert "D4" not in items["SO(2)"]


def test_only_squares_have_quarter_turns_and_only_large_images_interpolate() -> None:
    assert "C4" not in {item["name"] for item in offered_groups(DATA["strips"])["items"]}
    boards = offered_groups(DATA["boards"])["items"]
    assert not any(item["interpolated"] for item in boards)
    digits = {item["name"]: item for item in offered_groups(DATA["digits"])["items"]}
    assert digits["C3"]["interpolated"]
    assert not digits["C3"]["centred"]
    assert digits["D4"]["centred"]


def test_nothing_is_offered_by_name_for_very_long_vectors() -> None:
    assert offered_groups(Samples("vector", (5000,), "classification", 2)) == {"items": [], "auto": []}
