"""Evidence of the second kind: what imposing a group does to a Gaussian process on vectors, itself a witness."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.groups.action import is_family, is_trivial
from models.groups.finite import FloatArray
from models.inducing import Bound, evidence_bound
from models.kernels import Evidence, Kernel, Regressor, evidence, group_kernel
from workers.folds import IntArray
from workers.samples import Samples, constant_loss, labels_move
from workers.witnesses import Predictor, Testimony, bits, squared, testimony, validation_share

_EVIDENCE_ROWS = 1500  # the cost is that of a few eigendecompositions
_WITNESS_ROWS = 1200
_WORK = 160_000_000  # pairs of samples that are compared, times elements of the largest group
_BOUND_ROWS = 20_000
_INDUCING = 800  # points for the group that moves nothing
_FEW_INDUCING = 100  # for the largest groups
MOST_LOST = 8.0  # bits that the bound for no group may lose, else the evidence of fewer samples counts
_FAMILY_ORDER = 128  # terms in the averages that stand for families
_LEAST = 0.01  # probability that the process gives the least likely class, before normalisation


@dataclass(frozen=True)
class KernelSaid:
    """`log2_evidence` (bits) of the candidate's group, on `rows` samples, exact (0) or from so many `inducing` points;
    `noise`: share of the targets' variance that the process takes for noise; its testimony, where there are few enough
    samples for that too."""

    log2_evidence: float
    noise: float
    rows: int
    inducing: int
    classification: bool
    testimony: Testimony | None

    def metrics(self) -> dict[str, Any]:
        """What a trial keeps."""
        return {
            "log2_evidence": self.log2_evidence,
            "kernel_noise": self.noise,
            "kernel_rows": self.rows,
            "kernel_inducing": self.inducing,
            "kernel_task": "classification" if self.classification else "regression",
        }


def kernel_said(samples: Samples, job: dict[str, Any], spec: dict[str, Any], blind: set[int]) -> KernelSaid | None:
    """The evidence for the candidate of `spec`, and a Gaussian process of its symmetry as one more witness.

    Classes are regressed on as orthonormal contrasts of indicators: a quasi-likelihood, since Laplace's approximation
    would cost a Newton iteration for every point of the grid, and the combination is calibrated on planted classes
    anyway. All candidates of a search see the same samples: one of each cluster, at most 1,500, fewer where a group is
    large; or up to 20,000, where there are twice as many and a bound of the evidence is tight. None where the data are
    no vectors, or the group has no kernel (`models.kernels.group_kernel`).
    """
    if spec["domain"] != "vector":
        return None
    x = torch.from_numpy(samples.x).double()
    basis = contrasts(samples.outputs) if samples.classification else None
    if group_kernel(spec, x, basis) is None:
        return None
    moving = labels_move(job["plan"])
    y = numeric_targets(samples, basis)
    plan, components = job["plan"], y.shape[1] if moving else 1
    seed = int(job["request"].get("seed") or 0)
    process = _Process(spec, x, y, basis, moving)
    few = _most_rows(plan, components)
    rows = free_rows(samples, _most_bound_rows(plan, components), seed)
    points = inducing_points(next(_order(n) for n in plan["nodes"] if n["spec"] == spec), components)
    found: Evidence | None = None
    if len(rows) >= 2 * few:
        trivial = next(n["spec"] for n in plan["nodes"] if is_trivial(n["spec"]))
        found = _bound(process, trivial, rows, points, inducing_points(1, components), seed)
    if found is None:
        rows, points = free_rows(samples, few, seed), 0
        found = process.evidence(rows)
    said = None
    if len(x) <= min(_WITNESS_ROWS, few):
        said = _testimony(samples, job, spec, blind, x, y, basis, moving)
    noise = found.noise / (1.0 + found.noise)
    return KernelSaid(found.log_evidence / math.log(2.0), noise, len(rows), points, samples.classification, said)


def _bound(
    process: _Process, trivial: dict[str, Any], rows: IntArray, points: int, most: int, seed: int
) -> Bound | None:
    """The bound of the evidence from so many `points`, `most` for the group that moves nothing, of spec `trivial`.

    None where that group's bound is loose, as every candidate finds alike: its process has the most to tell.
    """
    order = np.random.default_rng([seed, 5]).permutation(rows)
    reference = replace(process, spec=trivial).bound(rows, order[:most])
    if reference.lost > MOST_LOST * math.log(2.0):
        return None
    return reference if is_trivial(process.spec) else process.bound(rows, order[:points])


def _testimony(
    samples: Samples,
    job: dict[str, Any],
    spec: dict[str, Any],
    blind: set[int],
    x: Tensor,
    y: Tensor,
    basis: FloatArray | None,
    moving: bool,
) -> Testimony:
    targets = torch.from_numpy(samples.y)
    loss = bits if samples.classification else squared
    if not samples.classification:
        targets = targets.double()

    predictors: list[Predictor] = []
    constants, validation = [], []
    for split, test in zip(samples.splits, samples.tests, strict=True):
        rows = np.concatenate([split.train, split.validation])
        process = _Process(spec, x, y, basis, moving)
        # Length and noise are chosen, and what it learned is measured where the networks' share is, without those rows.
        found = process.evidence(split.train)
        own = loss(process.fitted(split.train, found)(x[split.validation]), targets[split.validation])
        validation.append(torch.stack([own, torch.from_numpy(constant_loss(samples, rows, split.validation))]))
        predictors.append(process.fitted(rows, found))
        constants.append(constant_loss(samples, rows, test))
    cpu = torch.device("cpu")
    said = testimony("kernel", predictors, samples, targets, loss, job, blind, np.concatenate(constants), cpu)
    return replace(said, share=validation_share(validation))


@dataclass(frozen=True)
class _Process:
    """The Gaussian process of a candidate on some of the samples x (n, d), targets y (n, q)."""

    spec: dict[str, Any]
    x: Tensor
    y: Tensor
    basis: FloatArray | None
    moving: bool

    def kernel(self, x: Tensor) -> Kernel:
        kernel = group_kernel(self.spec, x, self.basis)
        if kernel is None:
            raise ValueError("a group has a kernel on all samples of a search or on none")
        return kernel

    def evidence(self, rows: IntArray) -> Evidence:
        x, y = self.x[rows], self.y[rows]
        return evidence(self.kernel(x), x, centred(y, self.moving), shared=self.moving)

    def bound(self, rows: IntArray, points: IntArray) -> Bound:
        x, y = self.x[rows], self.y[rows]
        return evidence_bound(self.kernel(x), x, centred(y, self.moving), self.x[points], shared=self.moving)

    def fitted(self, rows: IntArray, found: Evidence) -> Predictor:
        """Its mean, or for classes the logarithms of its mean indicators, kept positive and normalised."""
        x, y = self.x[rows], self.y[rows]
        mean = y.mean(0) * (not self.moving)
        regressor = Regressor(self.kernel(x), x, y - mean, found)

        def call(x: Tensor) -> Tensor:
            predicted = regressor(x.double()) + mean
            return predicted if self.basis is None else log_chances(predicted, self.basis)

        return call


def contrasts(classes: int) -> FloatArray:
    """Orthonormal columns (classes, classes - 1), each orthogonal to the constant (Helmert)."""
    columns = []
    for k in range(1, classes):
        column = np.zeros(classes)
        column[:k], column[k] = 1.0, -k
        columns.append(column / np.linalg.norm(column))
    return np.stack(columns, 1)


def log_chances(predicted: Tensor, basis: FloatArray) -> Tensor:
    """Predicted contrasts (n, classes - 1) as logarithms of the chances of classes, kept positive and normalised."""
    chances = (predicted @ torch.from_numpy(basis).T + 1.0 / len(basis)).clamp_min(_LEAST)
    return torch.log(chances / chances.sum(1, keepdim=True))


def numeric_targets(samples: Samples, basis: FloatArray | None) -> Tensor:
    """Targets (n, p) float64, or classes as the contrasts `basis` of their indicators, (n, classes - 1)."""
    y = samples.y.astype(np.float64) if basis is None else basis[samples.y]
    return torch.from_numpy(np.ascontiguousarray(y))


def centred(y: Tensor, moving: bool) -> Tensor:
    """Targets without their mean, except where some candidate moves labels: there the origin means something."""
    return y if moving else y - y.mean(0)


def _order(node: dict[str, Any]) -> int:
    """Terms in the average over a node's group."""
    return _FAMILY_ORDER if is_family(node["spec"]) else int(node["order"])


def _most_rows(plan: dict[str, Any], components: int) -> int:
    """Samples whose exact evidence every candidate of the plan can afford."""
    order = max(_order(n) for n in plan["nodes"])
    return min(_EVIDENCE_ROWS // components, int(math.sqrt(_WORK / order)))


def inducing_points(order: int, components: int) -> int:
    """Inducing points for a group of so many terms.

    Each stands for all that the group makes of it, so that larger groups with fewer points lose as much as none does.
    """
    return max(_INDUCING // order, _FEW_INDUCING) // components


def _most_bound_rows(plan: dict[str, Any], components: int) -> int:
    """Samples for which every candidate of the plan can afford the bound."""
    compared = max(_order(n) * inducing_points(_order(n), components) for n in plan["nodes"])
    return min(_BOUND_ROWS // components, _WORK // (compared * components))


def free_rows(samples: Samples, most: int, seed: int) -> IntArray:
    """The samples that all candidates of the plan see: none of those set aside, which label actions were chosen to fit,
    and one of each cluster."""
    free = np.arange(len(samples.cluster)) if samples.aside is None else np.flatnonzero(~samples.aside)
    return free[drawn(samples.cluster[free], most, seed)]


def drawn(cluster: IntArray, most: int, seed: int) -> IntArray:
    """Places of one sample of every cluster, drawn at random, and a random choice of `most` of them, rising."""
    order = np.random.default_rng([seed, 3]).permutation(len(cluster))
    _, first = np.unique(cluster[order], return_index=True)
    chosen = order[first]
    if len(chosen) > most:
        chosen = np.random.default_rng([seed, 4]).permutation(chosen)[:most]
    return np.sort(chosen)
