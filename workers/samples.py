"""The samples of one search as a trial needs them: arrays, folds, and the rows that testify."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.actions.preparation import DiscView
from models.actions.samples import transform_labels, transform_samples
from workers.evidence.duplicates import across_split, chained, near_links
from workers.folds import Array, IntArray, Split, clusters, cross_fit, orbit_links

MAX_WITNESS_ROWS = 6000
_MAX_ORBIT_ROWS = 20_000
_MOVED_WORK = 3_000_000_000  # samples squared, times the elements under which near copies are looked for
_FOUND_ON = 0.25  # of the samples: what label actions are found from, where they are
_SMALLEST = 1e-100  # in case a target is zero; the smallest float32 is far above it


@dataclass(frozen=True)
class Samples:
    """x (n, ...) float32, y (n,) class indices or (n, p) standardised targets; the same for every trial of a search.

    Images are seen through a disc where some element is interpolated.
    `tests[k]` are the held-out rows of fold k that the elements are tested on; `aside` (n,) marks the samples from
    which label actions were found, which are not among them (None: there are none). `duplicates`: the report on copies.
    """

    x: Array
    y: Array
    classification: bool
    outputs: int
    cluster: IntArray
    splits: list[Split]
    tests: list[IntArray]
    target_shift: Array
    target_scale: Array
    aside: NDArray[np.bool_] | None = None
    duplicates: dict[str, Any] = field(default_factory=dict)


def class_actions(plan: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """For each element class the actions to test: one element, and its inverse where that differs."""
    return [[c["action"]] + ([c["inverse"]] if c["inverse"] else []) for c in plan["classes"]]


def labels_move(plan: dict[str, Any]) -> bool:
    """Whether some tested element moves labels."""
    return any(a["labels"] is not None for actions in class_actions(plan) for a in actions)


def load_samples(job: dict[str, Any]) -> Samples:
    """Read the canonical arrays and lay out the folds. Raises ValueError when the data cannot be split as asked."""
    dataset, request, plan = job["dataset"], job["request"], job["plan"]
    # Mapped and copied: only the float32 copy is ever whole in memory.
    x = np.array(np.load(dataset["x"], mmap_mode="r", allow_pickle=False), dtype=np.float32)
    y = np.load(dataset["y"], allow_pickle=False)
    classification = dataset["task"] == "classification"
    outputs = int(dataset["classes"] if classification else dataset["target_dim"])
    shift, scale = np.zeros(outputs), np.ones(outputs)
    if not classification:
        y = np.asarray(y, dtype=np.float64).reshape(len(x), -1)
        if labels_move(plan) or "scout" in plan:
            # Targets that the group moves, or may move, keep their origin and one common unit.
            scale = np.full(outputs, max(float(np.sqrt((y**2).mean())), _SMALLEST))
        else:
            shift, scale = y.mean(0), np.maximum(y.std(0), _SMALLEST)
        y = ((y - shift) / scale).astype(np.float32)
    else:
        y = np.asarray(y, dtype=np.int64)
    groups = _optional(dataset.get("groups"))
    split = _optional(dataset.get("split"))
    elements = class_actions(plan)
    moved = _moved(x, y, elements, dataset["domain"]) if len(x) <= _MAX_ORBIT_ROWS else iter(())
    links = list(orbit_links(x, y, moved, classification))
    near, turned, duplicates = _near_copies(x, y, plan, dataset["domain"], classification)
    cluster, duplicates["chained"] = clusters(x, groups, links), False
    if chained(clusters(x, groups, near)) and not chained(clusters(x, groups, [])):  # by x alone, as in `_aside`
        near, duplicates["chained"] = [], True
    joined = clusters(x, groups, [*links, *near, *turned])
    if chained(joined) and not chained(cluster):
        duplicates["chained"] = True
        joined = clusters(x, groups, [*links, *near])
    cluster = joined
    duplicates["split"] = across_split(cluster, split)
    seed = int(request.get("seed") or 0)
    splits = cross_fit(cluster, y if classification else None, int(request["folds"]), seed, split)
    aside = _aside(x, plan, dataset, seed, near)
    splits = _witnessing(splits, aside, scout="scout" in plan)
    rng = np.random.default_rng([seed, 2])
    share = min(1.0, MAX_WITNESS_ROWS / sum(len(s.test) for s in splits))
    tests = [np.sort(rng.permutation(s.test)[: max(1, int(share * len(s.test)))]) for s in splits]
    if interpolates(plan):
        x = _prepared(x)
    return Samples(x, y, classification, outputs, cluster, splits, tests, shift, scale, aside, duplicates)


def _aside(
    x: Array, plan: dict[str, Any], dataset: dict[str, Any], seed: int, near: list[IntArray]
) -> NDArray[np.bool_] | None:
    """The samples from which the label actions of this plan are, or were, found; None where none was."""
    if "scout" not in plan and all(one["labels"] == "trivial" for one in plan.get("found", [])):
        return None
    # By x alone, so that the scout, which knows no label action yet, and the search agree who belongs together.
    nothing = np.zeros(len(x), dtype=np.int64)
    copies = ((moved, nothing) for moved, _ in _moved(x, nothing, class_actions(plan), dataset["domain"]))
    links = orbit_links(x, nothing, copies if len(x) <= _MAX_ORBIT_ROWS else iter(()), True)
    return set_aside(clusters(x, _optional(dataset.get("groups")), [*links, *near]), seed)


def _witnessing(splits: list[Split], aside: NDArray[np.bool_] | None, *, scout: bool) -> list[Split]:
    """The splits with the test samples that may be used: those set aside by the scout, the others by the search.

    Folds that are left without any are dropped. Raises ValueError when no fold is left.
    """
    if aside is None:
        return splits
    use = aside if scout else ~aside
    kept = [Split(s.train, s.validation, s.test[use[s.test]]) for s in splits]
    kept = [s for s in kept if len(s.test)]
    if not kept:
        raise ValueError("too few independent samples to find label actions on some and test them on others")
    return kept


def set_aside(cluster: IntArray, seed: int) -> NDArray[np.bool_]:
    """The samples (n,) from which label actions are found: whole clusters drawn at random, about a quarter of all.

    Clusters that hold more than a quarter by themselves come last, and none is taken beyond half of the samples.
    """
    sizes = np.bincount(cluster)
    order = np.random.default_rng([seed, 3]).permutation(len(sizes))
    order = order[np.argsort(sizes[order] > _FOUND_ON * len(cluster), kind="stable")]
    taken = np.cumsum(sizes[order])
    count = int(np.searchsorted(taken, _FOUND_ON * len(cluster))) + 1
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[:count][taken[:count] <= len(cluster) / 2]] = True
    return np.asarray(chosen[cluster])


def _near_copies(
    x: Array, y: Array, plan: dict[str, Any], domain: str, classification: bool
) -> tuple[list[IntArray], list[IntArray], dict[str, Any]]:
    """Pairs that are almost equal, or almost copies under a tested element, and the report on them."""
    if len(x) > _MAX_ORBIT_ROWS:
        return [], [], {"equal": 0, "near": 0, "moved": 0, "example": None, "pairs": 0, "disagreeing": 0}
    # One of an element and its inverse is enough. A limit of work, not of time: all trials must have the same folds.
    elements = [actions[:1] for actions in class_actions(plan) if not actions[0].get("interpolated")]
    most = _MOVED_WORK // len(x) ** 2
    moved = _moved(x, y, elements[:most], domain)
    near, turned, report = near_links(x, y, moved, standardise=domain == "vector", classification=classification)
    return near, turned, report | {"unsearched": max(0, len(elements) - most)}


def interpolates(plan: dict[str, Any]) -> bool:
    """Whether some tested element moves pixels off the grid, so that all networks see the images through a disc."""
    return any(c.get("interpolated") for c in plan["classes"])


def _prepared(x: Array) -> Array:
    """The images (n, c, h, w) as every network of a search with interpolated elements sees them."""
    view = DiscView(*x.shape[1:])
    return np.concatenate([view(torch.from_numpy(part)).numpy() for part in np.array_split(x, max(1, len(x) // 512))])


def _optional(path: str | None) -> Array | None:
    return None if path is None else np.load(path, allow_pickle=False)


def _moved(x: Array, y: Array, elements: list[list[dict[str, Any]]], domain: str) -> Iterator[tuple[Array, Array]]:
    samples, labels = torch.from_numpy(x), torch.from_numpy(y)
    for actions in elements:
        for action in actions:
            if action.get("interpolated"):
                continue  # a copy that was turned off the grid is never equal to the bit
            yield transform_samples(samples, action, domain).numpy(), transform_labels(labels, action).numpy()


def constant_losses(samples: Samples) -> Array:
    """Loss of the best constant predictor of each fold on its witness rows, in the order of the rows."""
    folds = zip(samples.splits, samples.tests, strict=True)
    return np.concatenate([constant_loss(samples, np.concatenate([s.train, s.validation]), test) for s, test in folds])


def constant_loss(samples: Samples, fitted: IntArray, test: IntArray) -> Array:
    """Loss on the rows `test` of the constant that is best on the rows `fitted`, in double precision.

    Bits for classes, squared error (in units of the variance, mean over targets) for regression.
    """
    if samples.classification:
        counts = np.bincount(samples.y[fitted], minlength=samples.outputs) + 0.5
        return np.asarray(-np.log2(counts / counts.sum())[samples.y[test]])
    y = samples.y.astype(np.float64)
    return np.asarray(((y[test] - y[fitted].mean(0)) ** 2).mean(1))
