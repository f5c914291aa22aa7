"""The groups that can be named for a data set, as a diagram."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from app.db.tables import Dataset
from app.services.hasse import arrange
from models.groups.entries import Samples
from models.groups.offered import offered_groups


def for_dataset(dataset: Dataset, *, usual: bool) -> dict[str, Any]:
    """What `offered_groups` gives, or the usual part of it, with covers and places in a Hasse diagram."""
    outputs = len(dataset.classes) if dataset.classes else dataset.target_dim or 1
    return _drawn(Samples(dataset.domain, tuple(dataset.x_shape), dataset.task, outputs), usual)


@lru_cache(maxsize=64)
def _drawn(samples: Samples, usual: bool) -> dict[str, Any]:
    found = offered_groups(samples)
    items = [item for item in found["items"] if item["usual"] or not usual]
    covers = _covers(items)
    places = arrange(len(items), covers)
    placed = [{**item, "place": place, "row": row} for item, (place, row) in zip(items, places, strict=True)]
    return {"items": placed, "covers": covers, "auto": found["auto"]}


def _covers(items: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """Pairs (lower, upper) of which one contains the other and no third lies between."""
    below = {item["name"]: set(item["contains"]) for item in items}
    names = list(below)
    return [
        (lower, upper)
        for upper, one in enumerate(names)
        for lower, other in enumerate(names)
        if other in below[one] and not any(other in below[between] for between in below[one] & below.keys())
    ]
