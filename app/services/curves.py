"""The learning curves of a search, from what training measured and what the ranking compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.db.repositories import AnyRow, searches, trials
from app.errors import Problem
from app.services.evidence import named

_MEASURED = ("sizes", "loss_bits", "accuracy", "r2", "seeds", "code_length_bits", "cut")
_COMPARED = ("bits_saved_against_trivial", "labels_saved", "imposing_costs_bits")
_PRICED = ("parameters", "flops", "training_seconds", "inference_seconds")


def curves(session: Session, owner: str, search_id: str) -> dict[str, Any]:
    """One curve for each candidate of a search, in plan order; compared once the search is done."""
    found = searches.plan(session, owner, search_id)
    if found is None:
        raise Problem.not_found("search", search_id)
    rows = {row.position: row for row in trials.ranked(session, search_id)}
    worth = {w["position"]: w for w in (searches.evidence(session, search_id) or {}).get("worth", [])}
    asked = found.request.get("utility", "off") != "off"
    nodes = found.plan["nodes"]
    items = [named(nodes[p]) | _item(rows, p, worth.get(p, {}), asked) for p in sorted(rows)]
    return {"items": items, "state": found.state}


def _item(rows: dict[int, AnyRow], position: int, worth: dict[str, Any], asked: bool) -> dict[str, Any]:
    row = rows[position]
    curve = (row.metrics or {}).get("curve", {})
    base = rows.get(worth.get("against", -1))
    cut = None
    if not curve and not asked:
        cut = "not asked for: the search has utility off"
    elif not curve and row.metrics is not None:
        cut = row.metrics.get("spared") or "not measured"
    return {
        "cut": cut,
        **{name: curve[name] for name in _MEASURED if name in curve},
        **{name: worth[name] for name in _COMPARED if name in worth},
        "candidate_id": row.id,
        "group": row.group,
        "labels": row.labels,
        "against": base.id if base is not None else None,
        "price": _price(row) | {"relative": _relative(row, base) if base is not None else None},
    }


def _price(row: AnyRow) -> dict[str, float]:
    metrics = row.metrics or {}
    known = {**metrics, **metrics.get("curve", {})}
    return {name: known[name] for name in _PRICED if known.get(name) is not None}


def _relative(row: AnyRow, base: AnyRow) -> dict[str, float]:
    own, other = _price(row), _price(base)
    return {name: own[name] / other[name] for name in _PRICED if name in own and other.get(name)}
