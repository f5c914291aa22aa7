"""The randomisation test of p(x): exact whatever the law, powerful where it should be, and fair to clusters."""

import math

import numpy as np
import pytest
import torch

from models.actions.powers import action_power, cyclic_order, draw_exponents, moved_copies
from workers.evidence.marginal import element_invariance, gaussian_kernel, invariance_test
from workers.evidence.pose import pose_predicts_label
from workers.samples import Samples

HALF_TURN = {"matrix": [[-1.0, 0.0], [0.0, -1.0]], "coordinates": [0, 1], "labels": None, "interpolated": False}


def samples_of(x, y=None, cluster=None):
    y = np.zeros(len(x), dtype=np.int64) if y is None else y
    cluster = np.arange(len(x)) if cluster is None else cluster
    return Samples(x.astype(np.float32), y, True, 2, cluster, [], [], np.zeros(2), np.ones(2))


def signed(x, rng, copies=3):
    return np.concatenate([x, *(x * rng.choice([-1, 1], (len(x), 1)) for _ in range(copies))])


def test_the_level_holds_at_small_n_and_heavy_tails():
    p_values = []
    for run in range(400):
        rng = np.random.default_rng([1, run])
        x = rng.standard_t(2, (15, 2))
        p_values.append(invariance_test(gaussian_kernel(signed(x, rng)), np.arange(15), rng, 99)["p_value"])
    rejected = (np.asarray(p_values) <= 0.05).mean()
    assert 0.02 <= rejected <= 0.085  # three standard errors
    assert 0.4 < np.mean(p_values) < 0.6


def test_a_shifted_law_is_found():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(150, 2)) + np.array([0.5, 0.0])
    assert invariance_test(gaussian_kernel(signed(x, rng)), np.arange(150), rng, 99)["p_value"] == 0.01


def test_samples_of_one_cluster_are_exchanged_together():
    rejected = {True: 0, False: 0}
    for run in range(100):
        rng = np.random.default_rng([3, run])
        x = np.repeat(rng.normal(size=(10, 2)), 12, axis=0) + 0.05 * rng.normal(size=(120, 2))
        owner = np.repeat(np.arange(10), 12)
        for honest in rejected:
            cluster = owner if honest else np.arange(120)
            flips = rng.choice([-1, 1], (3, cluster.max() + 1))[:, cluster, None]
            pool = np.concatenate([x, *(x * f for f in flips)])
            found = invariance_test(gaussian_kernel(pool), cluster, rng, 99)
            rejected[honest] += found["p_value"] <= 0.05
    assert rejected[True] <= 12
    assert rejected[False] > 50


def test_data_closed_under_the_element_give_no_evidence_against_it():
    half = np.random.default_rng(4).normal(size=(60, 2))
    closed = samples_of(np.concatenate([half, -half]), cluster=np.tile(np.arange(60), 2))
    assert element_invariance(closed, HALF_TURN, 2, "vector")["p_value"] == 1.0


def test_the_joint_law_can_break_where_that_of_x_does_not():
    x = np.random.default_rng(5).normal(size=(400, 2))
    found = element_invariance(samples_of(x, (x[:, 0] > 0).astype(np.int64)), HALF_TURN, 2, "vector")
    assert found["p_value"] > 0.05
    assert found["joint_p_value"] < 0.01
    swapped = {**HALF_TURN, "labels": [[0.0, 1.0], [1.0, 0.0]]}
    found = element_invariance(samples_of(x, (x[:, 0] > 0).astype(np.int64)), swapped, 2, "vector")
    assert found["joint_p_value"] > 0.05


def test_a_scaling_has_no_uniform_distribution_to_draw_from():
    scale = {"matrix": [[1.2, 0.0], [0.0, 1.2]], "coordinates": [0, 1], "labels": None, "interpolated": True}
    assert cyclic_order(scale, None, (5, 1, 8, 8)) is None
    assert element_invariance(samples_of(np.zeros((5, 1, 8, 8))), scale, None, "image2d")["p_value"] is None


def test_powers_of_an_element():
    cycle = {"permutation": [1, 2, 3, 0], "coordinates": [0, 1, 2, 3], "labels": None, "interpolated": False}
    assert action_power(cycle, 4)["permutation"] == [0, 1, 2, 3]
    x = torch.arange(8.0).view(2, 4)
    copies = moved_copies(x, cycle, np.array([[0, 0], [1, 2], [2, 3]]), "vector")
    assert torch.equal(copies[0], x)
    assert copies[1, 0].tolist() == [3, 0, 1, 2]
    assert copies[2, 0].tolist() == copies[1, 1].sub(4).tolist() == [2, 3, 0, 1]
    shift = {"shift": [0, 1], "coordinates": [0, 1], "labels": None, "interpolated": False}
    assert cyclic_order(shift, None, (5, 1, 6, 7)) == 7


@pytest.mark.parametrize(("size", "count"), [(2, 6), (4, 6), (12, 5)])
def test_exponents_are_distinct_and_begin_with_zero(size, count):
    drawn = draw_exponents(size, count, 50, np.random.default_rng(6))
    assert drawn.shape == (min(size, count), 50)
    assert (drawn[0] == 0).all()
    assert all(len(set(column)) == len(column) for column in drawn.T.tolist())
    assert drawn.max() < size


def test_every_set_of_exponents_is_as_likely():
    drawn = np.sort(draw_exponents(4, 3, 6000, np.random.default_rng(7)), axis=0)
    _, counts = np.unique(drawn, axis=1, return_counts=True)
    assert len(counts) == 3
    assert abs(counts - 2000).max() < 150  # four standard errors


def test_a_shuffle_of_many_items_whose_order_is_huge_is_tested():
    lengths = (2, 3, 5, 7, 11, 13, 17, 19, 23)  # of its cycles
    images = np.concatenate([np.roll(np.arange(m), -1) + sum(lengths[:k]) for k, m in enumerate(lengths)])
    order, n = math.prod(lengths), len(images)
    shuffle = {"permutation": images.tolist(), "coordinates": list(range(n)), "labels": [[0.0, 1.0], [1.0, 0.0]]}
    assert action_power(shuffle, order)["permutation"] == list(range(n))
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(60, n)), rng.integers(0, 2, 60)
    assert element_invariance(samples_of(x, y), shuffle, order, "vector")["p_value"] > 0.01
    assert element_invariance(samples_of(x + np.arange(n), y), shuffle, order, "vector")["p_value"] < 0.01
    assert pose_predicts_label(samples_of(x, y), shuffle, order, "vector")["p_value"] > 0.01


def test_turned_copies_of_round_images_cannot_be_told_from_the_images():
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:12, :12] - 5.5
    angle = rng.uniform(0, 2 * np.pi, 150)[:, None, None]
    bars = np.exp(-((rows * np.cos(angle) - columns * np.sin(angle)) ** 2) / 4 - (rows**2 + columns**2) / 12)
    upright = np.exp(-(np.repeat(rows[None], 150, 0) ** 2) / 4 - (rows**2 + columns**2) / 12)
    c = float(np.cos(np.pi / 4))
    eighth = {"matrix": [[c, -c], [c, c]], "coordinates": [0, 1], "labels": None, "interpolated": True}
    assert element_invariance(samples_of(bars[:, None]), eighth, 8, "image2d")["p_value"] > 0.05
    noisy = upright[:, None] + 0.05 * rng.normal(size=(150, 1, 12, 12))
    assert element_invariance(samples_of(noisy), eighth, 8, "image2d")["p_value"] < 0.02
