"""Rows as the workers and the upload would write them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.db import states
from app.db.tables import Dataset, Element, Search, Trial, Worker, new_id, utc_now
from models.groups.plan import plan_search

MEASURED = {"mean": 0.7, "low": 0.6, "high": 0.8}
CURVE = {
    "sizes": [33, 66], "loss_bits": [MEASURED, MEASURED], "accuracy": [MEASURED, MEASURED], "seeds": 1,
    "code_length_bits": {"total": 56.1, "per_sample": 0.85}, "cut": None, "training_seconds": 2.0,
    "inference_seconds": 5e-5,
}  # fmt: skip
VERDICTS = {"C4": ("certified", 1, 0.9), "C2": ("certified", 2, 0.06), "T": ("certified", 3, 0.03)}


def _worth(position: int) -> dict[str, Any]:
    saved = {"factor": 2.6, "low": 2.2, "high": None, "bound": None, "reason": None}
    itself = {"factor": None, "low": None, "high": None, "bound": None, "reason": "it is the reference itself"}
    return {
        "position": position,
        "against": 0,
        "labels_saved": saved if position else itself,
        "bits_saved_against_trivial": MEASURED if position else None,
        "imposing_costs_bits": MEASURED if position else None,
    }


@dataclass
class Rows:
    """Puts rows into the database as the workers and the upload would."""

    writer: sessionmaker[Session]
    owner: str = "local"

    def dataset(self, owner: str | None = None, **columns: Any) -> str:
        """A data set of square images with two classes."""
        dataset_id = new_id("ds")
        values: dict[str, Any] = {
            "id": dataset_id,
            "owner": owner or self.owner,
            "content_key": secrets.token_hex(32),
            "name": "digits",
            "domain": "image2d",
            "task": "classification",
            "n": 100,
            "x_shape": [1, 14, 14],
            "classes": ["a", "b"],
            "target_dim": None,
            "sha256": "0" * 64,
            "bytes": 1000,
            "prefix": f"datasets/{dataset_id}",
            "manifest": {},
            "warnings": [],
        } | columns
        with self.writer.begin() as session:
            session.add(Dataset(**values))
        return dataset_id

    def search(
        self,
        dataset_id: str | None = None,
        *,
        owner: str | None = None,
        state: str = states.QUEUED,
        trial_state: str | None = None,
        candidates: tuple[Any, ...] = ("T", "C4"),
        **columns: Any,
    ) -> str:
        """A search with its candidates, in any state; one that is done has a ranking."""
        dataset_id = dataset_id or self.dataset(owner)
        plan = plan_search(
            list(candidates), domain="image2d", x_shape=(1, 14, 14), task="classification", target_dim=None,
            classes=2, include_subgroups=True, max_candidates=64,
        )  # fmt: skip
        now = utc_now()
        done = state == states.DONE
        search_id = new_id("sr")
        best = {"group": "C4", "labels": "trivial", "translations": True, "posterior": 0.9, "confidence": 0.87,
                "verdict": "certified"}  # fmt: skip
        values: dict[str, Any] = {
            "id": search_id,
            "owner": owner or self.owner,
            "dataset_id": dataset_id,
            "name": "a search",
            "state": state,
            "request": {
                "dataset_id": dataset_id,
                "candidates": list(candidates),
                "tolerance": 0.05,
                "utility": "fast",
            },
            "plan": plan,
            "best": best if done else None,
            "confidence": 0.87 if done else None,
            "summary": "Quarter turns." if done else "",
            "warnings": [],
            "evidence": {"worth": [_worth(position) for position in range(len(plan["nodes"]))]} if done else None,
            "started_at": None if state == states.QUEUED else now - timedelta(seconds=10),
            "finished_at": now if state in states.SEARCH_TERMINAL else None,
        } | columns
        trial_state = trial_state or (state if state in states.TRIAL_STATES else states.RUNNING)
        with self.writer.begin() as session:
            session.add(Search(**values))
            for position, node in enumerate(plan["nodes"]):
                session.add(self._trial(search_id, position, node, trial_state, ranked=done))
            session.flush()
            states.add_event(session, search_id, "search", {"state": states.QUEUED})
            if done:
                for position, found in enumerate(plan["classes"]):
                    evidence = {
                        **found,
                        "defect": {"value": 0.01, "low": -0.01, "high": 0.03, "bound": 0.04},
                        "p_value": 0.4,
                    }
                    session.add(Element(search_id=search_id, position=position, evidence=evidence))
            if state != states.QUEUED:
                states.add_event(session, search_id, "search", {"state": state})
        return search_id

    def _trial(self, search_id: str, position: int, node: dict[str, Any], state: str, *, ranked: bool) -> Trial:
        trial_id = new_id("tr")
        trial = Trial(
            id=trial_id,
            search_id=search_id,
            position=position,
            group=node["group"],
            labels=node["labels"],
            order=node["order"],
            spec=node["spec"],
            state=state,
            attempt=0 if state == states.QUEUED else 1,
            progress=0.5 if state == states.RUNNING else 0.0,
        )
        if state == states.DONE:
            trial.metrics = {"parameters": 1234, "flops": 5e6, "accuracy": {"mean": 0.9, "low": 0.85, "high": 0.95},
                             "curve": CURVE}  # fmt: skip
            trial.prefix = f"trials/{trial_id}/token"
            trial.seconds = 3.5
        if state in (states.FAILED, states.CRASHED):
            trial.error = "the loss is not finite"
        if ranked and state == states.DONE:
            trial.verdict, trial.rank, trial.posterior = VERDICTS.get(node["group"], ("refuted", position + 4, 0.0))
            trial.score = 1.0 / trial.rank
            trial.evidence = {
                "accuracy_term": 0.5, "consistency_term": 0.4, "complexity_term": 0.1,
                "loss_bits": {"mean": 0.4, "low": 0.3, "high": 0.5}, "gain_bits": 0.6,
                "defect": {"value": 0.01, "low": -0.01, "high": 0.03, "bound": 0.04, "element": "r90"},
                "equivariance_error": 1e-7,
            }  # fmt: skip
        return trial

    def trials(self, search_id: str) -> list[Trial]:
        with self.writer() as session:
            return list(session.query(Trial).where(Trial.search_id == search_id).order_by(Trial.position))

    def event(self, search_id: str, kind: str, data: dict[str, Any]) -> None:
        with self.writer.begin() as session:
            states.add_event(session, search_id, kind, data)

    def worker(self, seen_seconds_ago: float = 0.0) -> None:
        with self.writer.begin() as session:
            seen = utc_now() - timedelta(seconds=seen_seconds_ago)
            session.add(Worker(id=secrets.token_hex(4), device="cpu", state="idle", seen_at=seen))
