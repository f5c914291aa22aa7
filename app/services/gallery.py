"""The gallery of a search: the samples that its worker kept to be looked at."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy.orm import Session

from app.db.repositories import searches, trials
from app.errors import Problem
from app.storage import Storage

GALLERY = "gallery.json"
_NONE = "no samples were kept: they come from the network of the group that moves nothing"
_GONE = "the samples that were kept are gone from storage"


def gallery(session: Session, storage: Storage, owner: str, search_id: str) -> dict[str, Any]:
    """Elements with samples, pictures and an orbit; a reason where there are none."""
    if searches.plan(session, owner, search_id) is None:
        raise Problem.not_found("search", search_id)
    trained = [(row.prefix.rstrip("/"), row.metrics or {}) for row in trials.trained(session, search_id)]
    left = next((prefix for prefix, metrics in trained if GALLERY in (metrics.get("files") or [])), None)
    if left is None:
        reasons = (metrics.get("missing", {}).get(GALLERY) for _, metrics in trained)
        return {"reason": next((reason for reason in reasons if reason), _NONE)}
    key = f"{left}/{GALLERY}"
    if key not in storage.list(left):
        return {"reason": _GONE}
    found = json.loads(storage.get_bytes(key))
    names = searches.dataset_of(session, search_id).classes
    return found if names is None else _named(found, [str(name) for name in names])


def _named(found: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Classes by their names."""

    def said(guesses: list[Any]) -> list[dict[str, Any]]:
        return [{"label": names[k], "probability": chance} for k, chance in guesses]

    for sample in [s for item in found["items"] for s in item["samples"]]:
        sample["label"], sample["moved_label"] = names[sample["label"]], names[sample["moved_label"]]
        sample["said"], sample["moved_said"] = said(sample["said"]), said(sample["moved_said"])
    orbit = found["orbit"]
    for picture in [orbit, *orbit["elements"]]:
        picture["label"], picture["said"] = names[picture["label"]], said(picture["said"])
    return found
