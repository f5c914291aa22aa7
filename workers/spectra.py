"""Measuring spectra inside a trial: one witness on held-out samples moved by many turns, mirrors, scalings, centres.

What is measured follows from the plan: turns and mirrors of the plane where the search asks for some beyond the pixel
grid or, on vectors, for some of two coordinates; scalings where it asks for scalings; and the centre of every change of
sign; for pictures `workers.frame_centres` looks for other centres. `workers.evidence.spectrum` judges the curves.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.actions.grid import maps_grid_to_itself
from models.actions.interpolation import similarity
from models.actions.samples import sham_samples, transform_labels, transform_samples
from models.actions.scaling import filled, spreads
from models.groups.finite import FloatArray
from models.groups.planar import mirror, rotation
from workers.evidence.questions import Question, questions, starting_grid, turned_labels
from workers.evidence.spectrum import SHOWN
from workers.fitting import Fitted
from workers.folds import Array, IntArray
from workers.frame_centres import frame_centres, frame_element
from workers.intervals import mean_and_error
from workers.samples import Samples, constant_losses
from workers.witnesses import LossFunction, Predictor, bits, fold_predictors, squared

ROWS = 1500
_PROBES, _POOL = 500, 1500
_FIRST_LOOK, _CLEAR = 300, 6.0  # rows on which a point that costs this many standard errors is settled
_REFINED = 8  # local minima of a mirror spectrum that get a finer grid


@dataclass(frozen=True)
class _Part:
    """Held-out rows of one fold that are moved one way, turned left or right, at the first or the second look."""

    predictor: Predictor
    look: int
    way: int
    places: IntArray
    x: Tensor
    y: Tensor
    plain: Array


def write_spectra(
    out_dir: Path, samples: Samples, fitted: Fitted, job: dict[str, Any], device: torch.device, deadline: float
) -> dict[str, Any]:
    """Measure and write `spectrum.npy` (points of all curves, rows) and `spectrum_rows.npy`, places among the rows that
    testify; {curves, warnings, seconds} for the trial's metrics."""
    started = time.monotonic()
    loss = bits if samples.classification else squared
    curves, excess, rows, warnings = measure(samples, fold_predictors(fitted, samples), loss, job, device, deadline)
    if curves:
        np.save(out_dir / "spectrum.npy", excess.astype(np.float32))
        np.save(out_dir / "spectrum_rows.npy", rows)
    return {"curves": curves, "warnings": warnings, "seconds": time.monotonic() - started}


def measure(
    samples: Samples,
    predictors: Sequence[Predictor],
    loss: LossFunction,
    job: dict[str, Any],
    device: torch.device,
    deadline: float,
) -> tuple[list[dict[str, Any]], Array, IntArray, list[str]]:
    """(curves as JSON: kind, coordinates, at, shown, named; excess (points of all curves, rows); rows; warnings).

    `rows` are places among the testimony's rows, at most ROWS of them; every other row is moved by g^-1 instead of g.
    Curves that the deadline (time.monotonic()) leaves no time for are left out, with a warning.
    """
    domain = job["dataset"]["domain"]
    wanted = questions(job["plan"], samples, domain)
    count = sum(len(t) for t in samples.tests)
    rows = np.sort(np.random.default_rng([int(job["request"].get("seed") or 0), 5]).permutation(count)[:ROWS])
    meter = _Meter(samples, predictors, loss, domain, rows, device) if wanted else None
    curves, found, late = [], [], []
    for question in wanted:
        assert meter is not None
        measured = _measure_curve(question, meter, deadline)
        if measured is None:
            late.append(question.kind)
            continue
        at, excess, shown = measured
        curves.append({
            "kind": question.kind, "coordinates": question.coordinates, "at": at.tolist(), "shown": shown,
            "named": question.named, "towards": list(question.towards),
            "labels": "trivial" if question.labels is None else "vector" if question.labels == "vector" else "moved",
        })  # fmt: skip
        found.append(excess)
    planned = frame_element(job["plan"]) if domain == "image2d" else None
    if planned is not None:
        centres = frame_centres(planned, samples, predictors, loss, rows, device, deadline)
        if centres is None:
            late.append("centres")
        elif len(centres.offsets):
            curves.append({
                "kind": "centres", "coordinates": [0, 1], "at": np.hypot(*centres.offsets.T).tolist(),
                "shown": centres.known.tolist(), "named": [], "towards": [1.0], "element": planned["title"],
                "offsets": centres.offsets.tolist(),
                "labels": "trivial" if planned["action"]["labels"] is None else "moved",
            })  # fmt: skip
            found.append(centres.excess)
    warnings = [f"no time was left to test a whole range of {', '.join(late)}"] if late else []
    return curves, np.concatenate(found) if found else np.zeros((0, len(rows))), rows, warnings


class _Meter:
    """Losses of a witness on moved samples, and whether the data shows them."""

    def __init__(
        self,
        samples: Samples,
        predictors: Sequence[Predictor],
        loss: LossFunction,
        domain: str,
        rows: IntArray,
        device: torch.device,
    ) -> None:
        self.samples, self.loss, self.domain, self.count = samples, loss, domain, len(rows)
        every = np.concatenate(samples.tests)[rows]
        self.cluster = samples.cluster[every]
        fold = np.repeat(np.arange(len(samples.tests)), [len(t) for t in samples.tests])[rows]
        first = np.random.default_rng(7).permutation(len(rows)) < _FIRST_LOOK
        self.parts: list[_Part] = []
        for k, predictor in enumerate(predictors):
            for look, way in ((0, 0), (0, 1), (1, 0), (1, 1)):
                places = np.flatnonzero((fold == k) & (first == (look == 0)))[way::2]
                if len(places):
                    x = torch.from_numpy(samples.x[every[places]]).to(device)
                    y = torch.from_numpy(samples.y[every[places]]).to(device)
                    plain = loss(predictor(x), y).double().cpu().numpy()
                    self.parts.append(_Part(predictor, look, way, places, x, y, plain))
        losses = np.concatenate([part.plain for part in self.parts])
        self.gain = float(constant_losses(samples)[rows].mean() - losses.mean())
        self.shams: dict[tuple[int, float, float], Array] = {}
        self.side = (int(samples.x.shape[-2]), int(samples.x.shape[-1]))
        self.lying: dict[int, Array] = {}
        pool = torch.from_numpy(samples.x[np.sort(np.random.default_rng(0).permutation(len(samples.x))[:_POOL])]).to(
            device
        )
        columns = pool if domain == "vector" else pool.reshape(-1, 1)  # pixels have one unit
        self.spread = torch.from_numpy(filled(spreads(columns.cpu().numpy()))).to(pool)
        # Distances are found by products, in which coordinates far from zero would drown all others.
        self.centre = pool.double().mean(0).to(pool)
        self.pool = self._seen(pool)
        self.limit = float(np.quantile(self._nearest(pool[:_PROBES], own=True), 0.95))

    def excess(self, question: Question, at: float) -> tuple[Array, float]:
        """(loss on samples moved by the element at `at`, every other one by its inverse, minus that on the sham, and
        the share of rows that count): (rows,) and a number.

        A row counts where both its sample and the moved one lie among the data, and is then weighted by one over the
        share of those that do: what the data does not show says nothing about labels. Rows after the first look are NaN
        where that settled the matter.
        """
        out, seen = np.full(self.count, np.nan), np.full(self.count, np.nan)
        for look in (0, 1):
            for part in (p for p in self.parts if p.look == look):
                action = self._action(question, at, part.way)
                moved = self._moved(part.x, action, question, at)
                losses = self.loss(part.predictor(moved), transform_labels(part.y, action)).double().cpu().numpy()
                out[part.places] = losses - self._unmoved(part, action)
                seen[part.places] = self._among(part, action) & (self._nearest(moved) <= self.limit)
            known = ~np.isnan(out)
            share = float(seen[known].mean())
            kept = np.where(known, out * seen / max(share, 1e-9), np.nan)
            mean, error, _ = mean_and_error(kept[known], self.cluster[known])
            if share < SHOWN / 2 or (mean > 0.5 * self.gain and mean - 0.1 * self.gain > _CLEAR * error):
                break
        return kept, share

    def _among(self, part: _Part, action: dict[str, Any]) -> Array:
        """Which unmoved samples lie among the data: all but those without near neighbours."""
        if id(part) not in self.lying:
            self.lying[id(part)] = self._nearest(part.x, own=True) <= self.limit
        return self.lying[id(part)]

    def _seen(self, x: Tensor) -> Tensor:
        """Samples as they are compared, (n, d)."""
        return ((x - self.centre) / self.spread).flatten(1)

    def _nearest(self, x: Tensor, *, own: bool = False) -> Array:
        """Distance to the nearest sample of the pool, (n,); `own`: x are samples themselves, another one is meant."""
        table = torch.cdist(self._seen(x), self.pool)
        if own:
            table = torch.where(table < 1e-4 * self.pool.shape[1] ** 0.5, float("inf"), table)
        return np.asarray(table.min(1).values.cpu())

    def _unmoved(self, part: _Part, action: dict[str, Any]) -> Array:
        if not action["interpolated"]:
            return part.plain
        parts = similarity(np.asarray(action["matrix"]))
        key = (id(part), parts.factor, parts.degrees)
        if key not in self.shams:
            losses = self.loss(part.predictor(sham_samples(part.x, action)), part.y)
            self.shams[key] = losses.double().cpu().numpy()
        return self.shams[key]

    def _moved(self, x: Tensor, action: dict[str, Any], question: Question, at: float) -> Tensor:
        if question.kind != "centres":
            return transform_samples(x, action, self.domain)
        centre = torch.zeros(x.shape[-1], dtype=x.dtype, device=x.device)
        centre[question.coordinates] = at * torch.tensor(question.towards, dtype=x.dtype, device=x.device)
        return transform_samples(x - centre, action, self.domain) + centre

    def _action(self, question: Question, at: float, way: int) -> dict[str, Any]:
        """The element at `at`, or its inverse for way = 1."""
        turn = _element(question.kind, at, way)
        labels = question.labels
        if labels == "vector":
            p = self.samples.outputs
            turned = turned_labels(turn, question.pairs, p, self.samples.x.shape[1])
            labels = None if turned is None else turned.tolist()
        off_grid = self.domain == "image2d" and not maps_grid_to_itself(*self.side, turn)
        matrix = turn if self.domain == "image2d" else np.kron(np.eye(len(question.pairs)), turn)
        if question.kind == "centres":
            matrix = -np.eye(len(question.coordinates))
        return {
            "matrix": matrix.tolist(),
            "coordinates": question.coordinates,
            "labels": labels,
            "interpolated": off_grid,
        }


def _element(kind: str, at: float, way: int) -> FloatArray:
    if kind == "turns":
        return rotation(-at if way else at)
    if kind == "mirrors":
        return mirror(at)
    if kind == "centres":
        return -np.eye(2)
    return np.asarray((1.0 / at if way else at) * np.eye(2))


def _measure_curve(question: Question, meter: _Meter, deadline: float) -> tuple[Array, Array, list[float]] | None:
    """(parameters ascending, excess (points, rows), shares of rows that count), finer at minima; None without time."""
    done: dict[float, Array] = {}
    shares: dict[float, float] = {}
    first = starting_grid(question, meter.samples)
    same = 1e-6 * min(1.0, max(first) - min(first))  # centres have the unit of the data

    def visit(points: Sequence[float]) -> bool:
        for at in points:
            if time.monotonic() > deadline:
                return False
            if not any(abs(at - known) < same for known in done):
                done[at], shares[at] = meter.excess(question, at)
        return True

    if not visit(first):
        return None
    if question.kind == "mirrors":
        for offsets in ((-4.0, -2.0, 2.0, 4.0), (-1.0, 1.0), (-0.5, 0.5)):
            minima = _minima(done, question.named, 0.1 * meter.gain)
            if not visit([round((a + o) % 180.0, 6) for a in minima for o in offsets]):
                return None
    if question.kind == "centres" and len(question.coordinates) == 1:
        spread = float(meter.samples.x[:, question.coordinates[0]].std())
        for share in (1 / 16, 1 / 32):
            best = min(done, key=lambda a: float(np.nanmean(done[a])))
            if not visit([best - share * spread, best + share * spread]):
                return None
    at = sorted(done)
    return np.asarray(at), np.stack([done[a] for a in at]), [shares[a] for a in at]


def _minima(done: dict[float, Array], named: Sequence[float], least: float) -> list[float]:
    """Axes, off the named ones, whose mean loss is below both neighbours' and well below the middle one's; none where
    that itself is below `least`, as it is where every mirror is harmless."""
    at = sorted(done)
    means = np.array([np.nanmean(done[a]) for a in at])
    lower = (means <= np.roll(means, 1)) & (means <= np.roll(means, -1)) & (means < 0.7 * np.median(means))
    lower &= bool(np.median(means) > least)
    chosen = [i for i in np.flatnonzero(lower) if not any(abs((at[i] - v + 90) % 180 - 90) < 1e-6 for v in named)]
    return [at[i] for i in sorted(chosen, key=lambda i: means[i])[:_REFINED]]
