"""The suite's generators plant what they say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evidence import lattice, permutations, traps
from benchmarks.evidence.families import families, label_task
from benchmarks.evidence.runner import facts, truth_in
from benchmarks.evidence.vectors import draw
from models.groups.plan import plan_search
from models.groups.scout import plan_found, plan_or_scout


@pytest.mark.parametrize("truth", ["T", "C4", "D2d"])
def test_a_foreign_element_flips_at_least_a_fifth_of_the_labels(truth: str) -> None:
    task = lattice.firm(truth, 3, 500)
    assert task.margin is not None
    assert task.margin >= 0.2


@pytest.mark.parametrize("truth", ["T", "C2", "D1d", "D2"])
def test_the_least_foreign_element_of_a_faint_task_flips_little_more_than_a_twentieth(truth: str) -> None:
    task = lattice.faint(truth, 0, 1000)
    assert task.margin is not None
    assert 0.05 <= task.margin < 0.1
    assert task.least_defect is not None
    assert task.tolerance is not None
    assert task.tolerance < task.least_defect < 0.07
    assert 0.4 < task.y.mean() < 0.6


@pytest.mark.parametrize("truth", permutations.TRUTHS)
def test_a_permutation_keeps_the_target_if_and_only_if_it_is_planted(truth: str) -> None:
    rng = np.random.default_rng(0)
    function = permutations.invariant(truth, rng)
    x = rng.standard_normal((200, permutations.ITEMS))
    plain = function(x)
    kept = {tuple(p) for p in permutations.EVERY if np.allclose(function(x[:, p]), plain, atol=1e-9)}
    assert kept == {tuple(p) for p in permutations.members(truth)}


def test_every_foreign_permutation_changes_a_fifth_of_the_variance() -> None:
    for truth in permutations.TRUTHS[1:]:
        margin = permutations.planted(truth, 1, 300, "target").margin
        assert margin is None or margin >= permutations.MARGIN


def test_mirrored_glyphs_are_the_other_class() -> None:
    """The mean picture of class 1 is the mirrored mean picture of class 0, and differs from it."""
    task = traps.mirror_trap("", 0)
    first, second = (task.x[task.y == c] for c in (0, 1))
    energies = [np.abs(np.fft.fft2(part)).mean(0) ** 2 for part in (first, second)]
    mirrored = np.roll(energies[1][:, ::-1], 1, axis=1)
    assert np.corrcoef(energies[0].ravel(), mirrored.ravel())[0, 1] > 0.99


def test_no_element_of_the_square_is_a_symmetry_between_its_axes() -> None:
    margin = traps.between_axes("E", 0).margin
    assert margin is not None
    assert margin > 0.05


def test_the_sector_never_shows_a_quarter_turn() -> None:
    """Stripes near upright vary along rows far more than along columns."""
    x = traps.sector("", 0).x
    along, across = (np.diff(x, axis=axis) ** 2 for axis in (2, 1))
    assert (along.mean((1, 2)) > 1.5 * across.mean((1, 2))).all()


def test_classes_are_fifty_to_one() -> None:
    counts = np.bincount(traps.imbalanced("D2", 0).y)
    assert counts[0] == 50 * counts[1]


def test_every_truth_is_among_the_groups_compared() -> None:
    for family in ("lattice", "traps", "permutations"):
        for cell in families()[family]:
            task = cell.make(cell.truths[-1], 0)
            plan = plan_search(task.candidates, **facts(task), include_subgroups=task.subgroups, max_candidates=64)
            assert task.truth is None or task.truth in {node["name"] for node in plan["nodes"]}


def test_random_vector_tasks_are_the_same_for_the_same_seed() -> None:
    first, second = draw(5), draw(5)
    assert np.array_equal(first.x, second.x)
    assert np.array_equal(first.y, second.y)
    assert first.truth == second.truth


def test_the_truth_of_a_label_task_is_found_by_its_action_not_by_its_name() -> None:
    task = label_task("planted", 0, "exchanged targets")
    scout = plan_or_scout(task.candidates, **facts(task), include_subgroups=True, max_candidates=64)["scout"]
    assert task.truth_entry is not None
    right = {"candidate": 0, "labels": "matrix", "maps": {"label_matrices": task.truth_entry["label_matrices"]}}
    name, classes = truth_in(task, plan_found(scout, [right]))
    assert name == "Z_n [matrix]"
    assert classes is not None
    assert len(classes) == 1
    name, classes = truth_in(task, plan_found(scout, [{"candidate": 0, "labels": "trivial", "maps": {}}]))
    assert name is not None
    assert "not found" in name
    assert classes == set()
