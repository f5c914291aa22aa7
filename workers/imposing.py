"""What imposing its group does to the predictors of a candidate, from the trials of a search.

Vectors: the marginal likelihood of a Gaussian process under each group. Images: the evidence of read-outs of the
features of the network without symmetry, and the held-out losses of networks that were built with each group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.groups.action import is_trivial
from models.groups.joins import above
from workers.evidence.combination import (
    Kind,
    Weights,
    kernel_signal,
    kernel_trust,
    or_broken,
    or_nearly,
    patch_trust,
    weights_for,
)
from workers.evidence.verdicts import ClassEvidence
from workers.folds import Array
from workers.intervals import mean_and_error

Trials = dict[int, dict[str, Any]]


@dataclass(frozen=True)
class Imposed:
    """`bits` (None: not known for every candidate): log2 of the evidence under each candidate's group over that under
    none, by position. `trust`: how far they count. `unlearned`: whether they count where no witness has learned
    anything. `weights`: what they and the other terms weigh. `patches`: the same of processes on the patches of images,
    as far as they are trusted; `broken`: for what is left of each larger group that was weighed with its break, by both
    positions; `chance`: of such worlds, as far as patches are trusted to see the break."""

    bits: dict[int, float] | None
    trust: float
    unlearned: bool
    weights: Weights
    patches: dict[int, float] | None = None
    broken: dict[int, dict[int, float]] = field(default_factory=dict)
    chance: float = 0.0

    def of(self, position: int) -> float | None:
        """Bits for the candidate at a position."""
        return None if self.bits is None else self.bits[position]

    def seen(self, position: int) -> float | None:
        """Bits for it from patches, as itself or as what is left of a larger group."""
        if self.patches is None:
            return None
        return or_broken(self.patches[position], list(self.broken.get(position, {}).values()), self.chance)


def imposed(plan: dict[str, Any], done: Trials, evidence: Sequence[ClassEvidence]) -> Imposed:
    """What is known of imposing the groups of the trials that are done; `evidence`: of the plan's classes."""
    metrics = [t["metrics"] for _, t in sorted(done.items())]
    if done and plan["nodes"][0]["spec"]["domain"] == "image2d":
        return _imposed_on_images(plan, done, evidence)
    if not done or not is_trivial(plan["nodes"][min(done)]["spec"]) or any("log2_evidence" not in m for m in metrics):
        return Imposed(None, 1.0, False, weights_for("none"))
    first = float(done[min(done)]["metrics"]["log2_evidence"])
    bits = {p: float(t["metrics"]["log2_evidence"]) - first for p, t in done.items()}
    kind: Kind = "classes" if metrics[0].get("kernel_task") == "classification" else "regression"
    return Imposed(bits, kernel_trust(metrics), kernel_signal(metrics), weights_for(kind))


def _imposed_on_images(plan: dict[str, Any], done: Trials, evidence: Sequence[ClassEvidence]) -> Imposed:
    # Held-out labels were explained or not, whether or not the network itself beat the best constant.
    read_outs = _bits(done, "features", "log2_evidence")
    if read_outs is None:
        return Imposed(None, 1.0, True, weights_for("none", images=True))
    # What is made of poses that the data does not show means nothing, neither for their groups nor for subgroups.
    unshown = {c for c, e in enumerate(evidence) if e.support == "not_shown"}
    seen = {p for p in done if not unshown & set(plan["nodes"][p]["classes"])}
    alone = _bits(done, "patches", "log2_evidence")
    weights = weights_for("features" if alone is None else "patches", images=True)
    kept = {p: k for p, k in read_outs.items() if p in seen}
    bits = dict.fromkeys(read_outs, 0.0) | or_nearly(kept, above(plan), weights.faint)
    found = Imposed(bits, 1.0, True, weights)
    return found if alone is None else _with_patches(found, plan, done, alone, seen if unshown else None)


def _with_patches(
    found: Imposed, plan: dict[str, Any], done: Trials, alone: dict[int, float], seen: set[int] | None
) -> Imposed:
    """With what patches say of each candidate, `alone`, and of what is left of larger ones.

    `seen`: the candidates whose poses the data shows, None where it shows all. What was found beside a break is of
    larger groups whatever their poses, so where some are not shown it is left out.
    """
    metrics = [t["metrics"] for t in done.values()]
    trust: dict[int, float] = {}
    broken: dict[int, dict[int, float]] = {}
    for said in (m["patches"] for m in metrics if m.get("patches", {}).get("share") is not None):
        sure = patch_trust(said["share"], metrics)
        trust |= {p: sure for p, k in enumerate(said["log2_evidence"]) if k is not None}
        pairs = ((p, more) for p, more in enumerate(said.get("broken", [])) if more and p in done)
        broken |= {p: {q: sure * bits for q, bits in more if q in done} for p, more in pairs}
    if seen is not None:
        over = [node["translations"] for node in plan["nodes"]]
        upper = [{q for q in more if over[q] == over[p]} for p, more in enumerate(above(plan))]
        kept = {p: k for p, k in alone.items() if p in seen}
        alone, broken = dict.fromkeys(alone, 0.0) | or_nearly(kept, upper, found.weights.nearly), {}
    patches = {p: trust[p] * k for p, k in alone.items()}
    chance = found.weights.nearly * min(trust.values())
    return replace(found, patches=patches, broken=broken, chance=chance)


def _bits(done: Trials, kind: str, name: str) -> dict[int, float] | None:
    """What the trials without symmetry found for each candidate; None where one has nothing."""
    found: dict[int, float] = {}
    for trial in done.values():
        said = trial["metrics"].get(kind, {}).get(name, [])
        found |= {p: float(bits) for p, bits in enumerate(said) if bits is not None and p in done}
    return found if set(found) == set(done) else None


@dataclass(frozen=True)
class Paired:
    """Held-out bits per sample by which a network beats those of trained subgroups, with the standard error."""

    bits: float
    error: float
    against: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For a row of the ranking."""
        return {"bits": self.bits, "error": self.error, "against": list(self.against)}


def paired_losses(plan: dict[str, Any], done: Trials) -> dict[int, Paired]:
    """For each candidate whose network was trained, and that has a trained subgroup, what its network gains.

    The losses of the largest trained subgroups (those that no other trained subgroup contains) are averaged and
    compared row by row. The standard error is the larger of that over clusters and that over folds: networks differ
    by chance as samples do.
    """
    upper = above(plan)
    losses = {p: _bits_lost(t) for p, t in done.items() if "spared" not in t["metrics"] and "base.npy" in t["arrays"]}
    losses = {p: lost for p, lost in losses.items() if np.isfinite(lost).all()}  # a network that overflowed has none
    found = {}
    for p, own in losses.items():
        under = [q for q in losses if p in upper[q] and losses[q].shape == own.shape]
        largest = [q for q in under if not any(r in upper[q] for r in under)]
        if not largest:
            continue
        gains = np.mean([losses[q] for q in largest], axis=0) - own
        names = tuple(str(plan["nodes"][q]["name"]) for q in largest)
        found[p] = Paired(float(gains.mean()), _error(gains, done[p]["arrays"]), names)
    return found


def _bits_lost(trial: dict[str, Any]) -> Array:
    """Held-out loss in bits of each row of the candidate's own network; targets by a Gaussian code of its own width."""
    own: Array = np.load(trial["arrays"]["base.npy"], allow_pickle=False)[0].astype(float)
    if "r2" not in trial["metrics"]:
        return own
    return np.asarray(0.5 * (own / max(float(own.mean()), 1e-12) / math.log(2.0) + np.log2(max(own.mean(), 1e-12))))


def _error(gains: Array, arrays: dict[str, str]) -> float:
    _, error, _ = mean_and_error(gains, np.load(arrays["cluster.npy"], allow_pickle=False))
    if "fold.npy" not in arrays:
        return error
    fold = np.load(arrays["fold.npy"], allow_pickle=False)
    means = np.array([gains[fold == k].mean() for k in np.unique(fold)])
    return max(error, float(means.std(ddof=1) / math.sqrt(len(means)))) if len(means) > 1 else error
