"""Splits never put dependent samples on both sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.folds import clusters, cross_fit, orbit_links


@settings(max_examples=60, deadline=None)
@given(st.integers(12, 120), st.integers(2, 5), st.integers(0, 100), st.integers(2, 40))
def test_every_sample_is_tested_once_and_clusters_stay_whole(n, folds, seed, sizes):
    rng = np.random.default_rng(seed)
    cluster = np.unique(rng.integers(0, max(folds * 2, n // sizes + 1), n), return_inverse=True)[1]
    if cluster.max() + 1 < folds:
        return
    y = rng.integers(0, 3, n)
    splits = cross_fit(cluster, y, folds, seed, None)
    assert sorted(np.concatenate([s.test for s in splits]).tolist()) == list(range(n))
    for s in splits:
        parts = [set(cluster[p].tolist()) for p in (s.train, s.validation, s.test)]
        assert sum(len(p) for p in parts) == len(set.union(*parts))
        assert min(len(s.train), len(s.test)) > 0


def test_duplicates_groups_and_orbits_join_samples():
    x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [2.0, 3.0], [5.0, 6.0], [7.0, 8.0]], dtype=np.float32)
    y = np.array([1, 1, 0, 0, 1, 0])
    groups = np.array([0, 1, 2, 3, 4, 4])
    cluster = clusters(x, groups, orbit_links(x, y, [(x[:, ::-1], y)], True))
    assert cluster[0] == cluster[1]
    assert cluster[2] == cluster[3]
    assert cluster[4] == cluster[5]
    assert len(set(cluster.tolist())) == 3


def test_an_element_that_the_labels_contradict_joins_nothing():
    x = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]], dtype=np.float32)
    for y, classification in ((np.array([0, 1, 1, 1]), True), (np.array([[0.0], [2.0], [1.0], [1.0]]), False)):
        assert list(orbit_links(x, y, [(x[:, ::-1], y)], classification)) == []
    assert len(list(orbit_links(x, y, [(x[:, ::-1], y[[1, 0, 2, 3]])], False))) == 1


def test_minus_zero_is_zero():
    x = np.array([[0.0, 1.0], [-0.0, 1.0]], dtype=np.float32)
    assert len(set(clusters(x, None, []).tolist())) == 1


def test_a_split_column_is_respected():
    split = np.array([0] * 15 + [1] * 5, dtype=np.int8)
    (only,) = cross_fit(np.arange(20), None, 3, 0, split)
    assert only.test.tolist() == list(range(15, 20))
    assert set(only.train.tolist()) | set(only.validation.tolist()) == set(range(15))


def test_fewer_clusters_than_folds_is_refused():
    with pytest.raises(ValueError, match="fewer folds"):
        cross_fit(np.zeros(10, dtype=np.int64), None, 3, 0, None)


@pytest.mark.parametrize("seed", range(5))
def test_one_huge_cluster_does_not_take_the_training_samples_away(seed):
    cluster = np.concatenate([np.zeros(300, dtype=np.int64), np.arange(1, 201)])
    for s in cross_fit(cluster, None, 3, seed, None):
        assert 0 < len(s.validation) < 0.2 * (len(s.train) + len(s.validation))


def test_classes_are_spread_over_the_folds():
    y = np.array([0] * 30 + [1] * 6)
    for s in cross_fit(np.arange(36), y, 3, 1, None):
        assert (y[s.test] == 1).sum() == 2
