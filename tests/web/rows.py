"""Finished searches as rows: images whose labels are symmetric under D2 and under nothing more."""

from __future__ import annotations

import base64
import io
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db.tables import Dataset, Element, Search, Trial, new_id
from app.storage import Storage
from models.groups.plan import plan_search

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TRUE_ELEMENTS = {"r180", "mx", "my"}
POSTERIOR = {"D2": 0.931, "C2": 0.021, "D1": 0.019, "D1y": 0.024, "T": 0.005}
TOLERANCE = 0.05


def dataset(owner: str, name: str) -> Dataset:
    """Two classes of 14 x 14 images."""
    identifier = new_id("ds")
    return Dataset(
        id=identifier,
        owner=owner,
        content_key=identifier,
        name=name,
        domain="image2d",
        task="classification",
        n=2000,
        x_shape=[1, 14, 14],
        classes=["even", "odd"],
        target_dim=None,
        sha256="0" * 64,
        bytes=2000 * 14 * 14 * 4,
        prefix=f"datasets/{identifier}",
        manifest={},
        warnings=[],
        created_at=NOW,
    )


def _defect(element: str) -> dict[str, Any]:
    if element in TRUE_ELEMENTS:
        value = {"r180": -0.004, "mx": 0.006, "my": 0.011}[element]
        return {"value": value, "low": value - 0.021, "high": value + 0.024, "bound": value + 0.031}
    value = {"ma": 0.61, "md": 0.68, "r90": 0.83}.get(element, 0.74)
    return {"value": value, "low": value - 0.11, "high": value + 0.12, "bound": value + 0.19}


def _evidence(node: dict[str, Any], classes: list[dict[str, Any]], verdict: str) -> dict[str, Any]:
    worst = max((classes[i]["element"] for i in node["classes"]), key=lambda e: _defect(e)["value"], default=None)
    defect = _defect(worst) if worst else {"value": 0.0, "low": 0.0, "high": 0.0}
    accuracy = 0.62 if verdict == "refuted" else 0.91 + 0.008 * math.log2(node["order"])
    return {
        "accuracy": {"mean": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02},
        "loss_bits": {"mean": 1.2 - accuracy, "low": 1.16 - accuracy, "high": 1.24 - accuracy},
        "gain_bits": accuracy - 0.2,
        "accuracy_term": accuracy - 0.2,
        "consistency_term": 1 - max(defect["value"], 0),
        "complexity_term": 0.031 - 0.003 * math.log2(node["order"]),
        "defect": {**defect, "element": worst},
        "equivariance_error": 3.1e-7,
        "parameters": 5210 + 37 * node["order"],
        "flops": 480_000 * node["order"],
    }


def _curve(verdict: str) -> dict[str, Any]:
    losses = [0.9, 0.8, 0.7] if verdict == "refuted" else [0.7, 0.5, 0.3]
    loss = [{"mean": m, "low": m - 0.04, "high": m + 0.04} for m in losses]
    return {"sizes": [333, 666, 1333], "loss_bits": loss, "accuracy": loss, "seeds": 1, "cut": None}


def _worth(position: int) -> dict[str, Any]:
    saved = {"factor": 2.6, "low": 2.2, "high": None, "bound": None, "reason": None}
    gain = {"mean": -0.2, "low": -0.25, "high": -0.15}
    return {
        "position": position,
        "against": 0,
        "labels_saved": saved if position else None,
        "bits_saved_against_trivial": {"mean": 120.0, "low": 80.0, "high": 160.0} if position else None,
        "imposing_costs_bits": gain if position else None,
    }


def _plan(candidates: str | list[str | dict[str, Any]] = "auto") -> dict[str, Any]:
    return plan_search(
        candidates,
        domain="image2d",
        x_shape=(1, 14, 14),
        task="classification",
        target_dim=None,
        classes=2,
        include_subgroups=True,
        max_candidates=64,
    )


def waiting_search(
    session: Session, *, owner: str = "local", candidates: str | list[str | dict[str, Any]] = "auto"
) -> str:
    """Insert one search that no worker has begun; returns its id."""
    source = dataset(owner, "waiting")
    search = Search(
        id=new_id("sr"),
        owner=owner,
        dataset_id=source.id,
        name="Waiting",
        request={"candidates": "auto", "tolerance": TOLERANCE},
        plan=_plan(candidates),
    )
    session.add_all([source, search])
    session.flush()
    for position, node in enumerate(search.plan["nodes"]):
        session.add(
            Trial(
                id=new_id("tr"),
                search_id=search.id,
                position=position,
                group=node["group"],
                labels=node["labels"],
                order=node["order"],
                spec=node["spec"],
            )
        )
    return search.id


def _spectrum() -> dict[str, Any]:
    """Half turns are harmless, all others are not."""
    at = [15.0 * k for k in range(1, 13)]
    value = [0.004 if a == 180 else 0.02 + 0.9 * math.sin(math.radians(a)) ** 2 for a in at]
    return {
        "kind": "turns",
        "coordinates": [0, 1],
        "labels": "trivial",
        "at": at,
        "shown": [0.97] * len(at),
        "defect": [{"value": v, "low": v - 0.02, "high": v + 0.02} for v in value],
        "state": ["within" if a == 180 else "unseen" if a == 45 else "refuted" for a in at],
        "groups_supported": ["C2"],
        "not_told_apart": [],
        "reach": None,
        "between": [],
        "sentence": "turns by multiples of 180° cost at most 2.4%, a turn by 90° costs 92%: C2",
    }


def _laws(element: str) -> dict[str, Any]:
    broken = "symmetric" if element in TRUE_ELEMENTS else "broken"
    marginal = {"status": "symmetric", "statistic": 0.001, "p_value": 0.4, "p_holm": 1.0, "rows": 900}
    joint = {"status": broken, "p_value": 0.02, "p_holm": 0.12, "defect_p_adjusted": 0.4}
    pose = {"bits": 0.01, "p_value": 0.6}
    return {"marginal": marginal, "joint": joint, "conditional": broken, "reason": "", "pose_predicts_label": pose}


def leave_files(session: Session, storage: Storage, search_id: str) -> None:
    """What training would have left of every candidate: weights, and errors that grow away from right angles."""
    angles = range(0, 181, 15)
    items = [
        {"element": f"r{angle}", "angle_degrees": angle, "where": where, "band": "pi/4", "antialiased": smooth,
         "error": 2e-7 if angle % 90 == 0 else size * (1 + angle % 45) * (1 if smooth else 3)}
        for where, size in (("centre", 1e-3), ("boundary", 4e-3), ("clutter", 8e-3))
        for angle in angles
        for smooth in (True, False)
    ]  # fmt: skip
    items += [{**item, "element": "mx", "angle_degrees": None} for item in items if item["angle_degrees"] == 90]
    prefixes = session.scalars(select(Trial.prefix).where(Trial.search_id == search_id)).all()
    for prefix in prefixes:
        storage.put_bytes(f"{prefix}/equivariance.json", json.dumps({"items": items, "seconds": 0.2}).encode())
        storage.put_bytes(f"{prefix}/network.safetensors", b"weights")


def leave_gallery(session: Session, storage: Storage, search_id: str) -> str:
    """What the network of T would have left to be looked at: the quarter turn breaks a sample, the others do not.

    Returns the prefix under which it lies.
    """
    rng = np.random.default_rng(0)
    square = rng.integers(0, 256, (14, 14), dtype=np.uint8)
    turned = {"r90": np.rot90(square, -1), "r180": square[::-1, ::-1], "mx": square[:, ::-1], "my": square[::-1]}
    pictures = {"": square, **turned}
    places = {name: k for k, name in enumerate(pictures)}

    def sample(element: str, chosen: str, moved_said: int) -> dict[str, Any]:
        return {
            "chosen": chosen, "row": 17, "label": 0, "moved_label": 0, "original": 0, "moved": places[element],
            "said": [[0, 0.98], [1, 0.02]], "moved_said": [[moved_said, 0.91], [1 - moved_said, 0.09]],
            "excess": 3.2 if moved_said else 0.1,
        }  # fmt: skip

    def item(element: str, title: str, breaks: int) -> dict[str, Any]:
        samples = [sample(element, "worst", breaks), sample(element, "ordinary", 0)]
        hurt = 0.42 if breaks else 0.01
        return {"element": element, "title": title, "interpolated": False, "hurt": hurt, "samples": samples}

    kept = {
        "kind": "image",
        "witness": "T",
        "pictures": [_png(picture) for picture in pictures.values()],
        "items": [
            item("r90", "rotation by 90°", 1),
            item("r180", "rotation by 180°", 0),
            item("mx", "mirror x → -x", 0),
            item("my", "mirror y → -y", 0),
        ],
        "orbit": {
            "row": 17, "label": 0, "original": 0, "said": [[0, 0.98], [1, 0.02]],
            "elements": [
                {"element": name, "title": name, "groups": ["D4"] if name == "r90" else ["D2", "D4"], "label": 0,
                 "picture": places[name], "said": [[0, 0.97], [1, 0.03]]}
                for name in turned
            ],
        },
        "left_out": 0,
    }  # fmt: skip
    trial = session.scalars(select(Trial).where(Trial.search_id == search_id, Trial.group == "T")).one()
    storage.put_bytes(f"{trial.prefix}/gallery.json", json.dumps(kept).encode())
    return str(trial.prefix)


def _png(picture: np.ndarray[Any, Any]) -> str:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(out, "png")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def many_candidates(session: Session, count: int) -> str:
    """Insert a finished search over the cyclic groups C1 ... of orders up to `count`: its lattice is divisibility."""
    search_id = finished_search(session, name=f"{count} cyclic groups")
    search = session.get_one(Search, search_id)
    orders = range(1, count + 1)
    primes = [p for p in orders if p > 1 and all(p % q for q in range(2, math.isqrt(p) + 1))]
    node = search.plan["nodes"][0]
    nodes = [{**node, "name": f"C{n}", "group": f"C{n}", "title": f"turns by 360°/{n}", "order": n} for n in orders]
    covers = [[n - 1, n * p - 1] for n in orders for p in primes if n * p <= count]
    search.plan = {**search.plan, "nodes": nodes, "covers": covers}
    session.execute(delete(Trial).where(Trial.search_id == search_id))
    verdicts = {n: "certified" if 60 % n == 0 else ("refuted", "untested", "undetermined")[n % 3] for n in orders}
    for rank, n in enumerate(sorted(orders, key=lambda n: (60 % n != 0, -n if 60 % n == 0 else n)), start=1):
        session.add(
            Trial(
                id=new_id("tr"), search_id=search_id, position=n - 1, group=f"C{n}", labels="trivial", order=n,
                spec=node["spec"], state="done", attempt=1, progress=1.0, metrics={}, rank=rank, verdict=verdicts[n],
                posterior=0.9 if n == 60 else 0.1 / count, score=float(count - rank),
                evidence={"accuracy_term": 1.0, "consistency_term": float(count - rank), "complexity_term": 1.0},
            )
        )  # fmt: skip
    session.flush()
    best = session.scalars(select(Trial).where(Trial.search_id == search_id, Trial.rank == 1)).one()
    search.best = {**(search.best or {}), "candidate_id": best.id, "group": best.group}
    return search_id


def finished_search(
    session: Session,
    *,
    owner: str = "local",
    name: str = "Planted D2",
    data: str = "planted D2",
    candidates: str | list[str | dict[str, Any]] = "auto",
    files: bool = False,
    failed: tuple[str, ...] = (),
    first: str | None = None,
    unseen: bool = False,
) -> str:
    """Insert one search that is done, with its ranking and evidence; returns its id.

    files: whether training left files, which a test then stores. failed: groups whose training failed.
    first: the verdict on the first candidate, if not what the evidence says. unseen: the data shows no moved sample.
    """
    source = dataset(owner, data)
    plan = _plan(candidates)
    search = Search(
        id=new_id("sr"),
        owner=owner,
        dataset_id=source.id,
        name=name,
        state="done",
        request={"candidates": "auto", "tolerance": TOLERANCE, "folds": 3, "seeds": 1, "seed": 0},
        plan=plan,
        confidence=0.921,
        evidence={
            "worth": [_worth(position) for position in range(len(plan["nodes"]))],
            "spectrum": [_spectrum()],
        },
        summary="The data is symmetric under D2 (half turn and both axis mirrors), and under no larger candidate.",
        warnings=["The defect of the quarter turn rests on one witness."],
        created_at=NOW,
        started_at=NOW + timedelta(seconds=1),
        finished_at=NOW + timedelta(seconds=64),
    )
    session.add_all([source, search])
    session.flush()
    left = ["network.safetensors", "network.json", "equivariance.json", "gallery.json"] if files else []
    missing = {"network.onnx": "the expanded kernels take 80 MiB"}
    trials = []
    for position, node in enumerate(plan["nodes"]):
        false = {plan["classes"][i]["element"] for i in node["classes"]} - TRUE_ELEMENTS
        verdict = "refuted" if false else "certified"
        trials.append(
            Trial(
                id=new_id("tr"),
                search_id=search.id,
                position=position,
                group=node["group"],
                labels=node["labels"],
                order=node["order"],
                spec=node["spec"],
                state="done",
                attempt=1,
                progress=1.0,
                created_at=NOW,
                started_at=NOW,
                finished_at=NOW + timedelta(seconds=6),
                seconds=5.7,
                metrics={
                    "parameters": 5210,
                    "seconds": 5.7,
                    "files": left,
                    "missing": missing,
                    "curve": _curve(verdict),
                },
                prefix=f"trials/{search.id}/{position}",
                verdict=verdict,
                posterior=POSTERIOR.get(node["group"], 1e-9),
                evidence=_evidence(node, plan["classes"], verdict),
            )
        )
        evidence = trials[-1].evidence or {}
        trials[-1].score = evidence["accuracy_term"] + evidence["consistency_term"] - evidence["complexity_term"]
    for trial in trials:
        if trial.group in failed:
            trial.state, trial.error = "failed", "the loss is not finite"
            trial.verdict = trial.posterior = trial.score = trial.evidence = trial.metrics = trial.prefix = None
    if unseen:
        for trial in trials:
            trial.verdict = "certified" if trial.group == "T" else "untested"
            trial.posterior = 0.61 if trial.group == "T" else 0.04
    trials.sort(key=lambda trial: -(trial.posterior or 0))
    for rank, trial in enumerate((trial for trial in trials if trial.state == "done"), start=1):
        trial.rank = rank
    best = trials[0]
    best.verdict = first or best.verdict
    search.best = {
        "candidate_id": best.id,
        "group": best.group,
        "labels": best.labels,
        "translations": best.spec["translations"],
        "posterior": best.posterior,
        "confidence": search.confidence,
        "verdict": best.verdict,
    }
    session.add_all(trials)
    for position, element in enumerate(plan["classes"]):
        real = element["element"] in TRUE_ELEMENTS
        session.add(
            Element(
                search_id=search.id,
                position=position,
                evidence={
                    **element,
                    "defect": _defect(element["element"]),
                    "p_value": 0.4 if real else 1e-12,
                    "p_holm": 1.0 if real else 6e-12,
                    "log10_bayes_factor": 1.7 if real else -21.4,
                    "witnesses": 10,
                    "refuted": not real,
                    "support": {"status": "shown", "p_value": 0.31},
                    "laws": _laws(element["element"]),
                },
            )
        )
    return search.id
