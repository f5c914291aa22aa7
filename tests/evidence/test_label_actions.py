"""Label actions found from predictions on moved samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.evidence.label_tasks import heavier_side
from models.groups.finite import generate, permutation_matrix
from models.groups.planar import MIRROR_X, planar_generators, rotation
from workers.evidence.label_actions import Moved, is_action, matrix_action, nearest_action, permutation_action
from workers.samples import set_aside


def predictions(rng, y, maps, k, sharp):
    """Log-probabilities of a predictor that says on g x what g y is, and less surely on g^-1 x what g^-1 y is."""

    def said(labels):
        scores = rng.normal(size=(len(labels), k))
        scores[np.arange(len(labels)), labels] += sharp
        return scores - np.log(np.exp(scores).sum(1, keepdims=True))

    return [(said(p[y]), said(np.argsort(p)[y])) for p in maps]


def indices(group, generators):
    return [next(i for i, m in enumerate(group.elements) if np.allclose(m, g)) for g in generators]


SQUARE = generate(planar_generators("D4"), 2, 8)
QUARTER, MIRROR = indices(SQUARE, planar_generators("D4"))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([4, 5, 9]))
def test_a_planted_permutation_is_found(seed, k):
    rng = np.random.default_rng(seed)
    names = rng.permutation(k)
    quarter, mirror = np.arange(k), np.arange(k)
    quarter[names[:4]] = names[[1, 2, 3, 0]]
    mirror[names[:4]] = names[[2, 1, 0, 3]]
    y = rng.integers(k, size=400)
    said = predictions(rng, y, [quarter, mirror], k, 3.0)
    moved = [Moved(i, *both) for i, both in zip((QUARTER, MIRROR), said, strict=True)]
    action = permutation_action(SQUARE, moved, y, np.arange(400))
    assert [m.tolist() for m in action.maps] == [quarter.tolist(), mirror.tolist()]
    assert action.better > 5 * action.error


def test_labels_that_stay_are_left_in_place():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=200)
    said = predictions(rng, y, [np.arange(3)] * 2, 3, 1.0)
    moved = [Moved(i, *both) for i, both in zip((QUARTER, MIRROR), said, strict=True)]
    action = permutation_action(SQUARE, moved, y, np.arange(200))
    assert [m.tolist() for m in action.maps] == [[0, 1, 2], [0, 1, 2]]
    assert action.better == 0.0


def test_labels_that_stay_are_left_in_place_by_a_weak_predictor_too():
    rng = np.random.default_rng(1)
    moving = 0
    for _ in range(50):
        y = rng.integers(4, size=100)
        (said,) = predictions(rng, y, [np.arange(4)], 4, 0.7)
        action = permutation_action(SQUARE, [Moved(QUARTER, *said)], y, np.arange(100))
        moving += any((m != np.arange(4)).any() for m in action.maps)
    assert moving < 5


def test_what_is_found_on_some_samples_and_tested_on_others_is_tested_fairly():
    """No permutation fits better than another; the one that is chosen must look no better than that, where tested."""
    rng = np.random.default_rng(3)
    k, n, found_on = 5, 240, 60
    turn = generate([rotation(90.0)], 2, 4)
    (generator,) = indices(turn, [rotation(90.0)])
    same, others = [], []
    for _ in range(100):
        y = rng.integers(k, size=n)
        scores = rng.normal(size=(2, n, k))
        there, back = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        moved = Moved(generator, there[:found_on], back[:found_on])
        (found,) = permutation_action(turn, [moved], y[:found_on], np.arange(found_on)).maps
        excess = -(there[np.arange(n), found[y]] + back[np.arange(n), np.argsort(found)[y]]) / 2
        excess += (there.mean() + back.mean()) / 2
        for rows, into in ((slice(found_on), same), (slice(found_on, None), others)):
            into.append(excess[rows].mean() / (excess[rows].std(ddof=1) / np.sqrt(len(excess[rows]))))
    assert np.mean(same) < -0.4
    assert abs(np.mean(others)) < 0.3
    assert np.mean(np.asarray(others) < -1.645) < 0.14


def test_many_classes_are_searched_from_the_best_assignment():
    rng = np.random.default_rng(6)
    k = 40
    swap = np.arange(k)
    swap[:6] = [1, 0, 3, 2, 5, 4]
    y = rng.integers(k, size=1200)
    (said,) = predictions(rng, y, [swap], k, 6.0)
    action = permutation_action(generate([rotation(180.0)], 2, 2), [Moved(1, *said)], y, np.arange(len(y)))
    assert action.maps[0].tolist() == swap.tolist()


def test_an_assignment_that_breaks_the_relations_of_the_group_is_not_taken():
    rng = np.random.default_rng(2)
    turn = generate([rotation(180.0)], 2, 2)
    cycle = np.array([1, 2, 0])
    y = rng.integers(3, size=300)
    (said,) = predictions(rng, y, [cycle], 3, 4.0)
    action = permutation_action(turn, [Moved(1, *said)], y, np.arange(300))
    (found,) = action.maps
    assert (found[found] == np.arange(3)).all()


@pytest.mark.parametrize(("quarter", "mirror"), [(np.eye(2), -np.eye(2)), (rotation(90.0), np.diag([-1.0, 1.0]))])
def test_planted_maps_of_targets_are_found(quarter, mirror):
    rng = np.random.default_rng(3)
    y = rng.normal(size=(300, 2))
    moved = [
        Moved(i, y @ m.T + 0.5 * rng.normal(size=y.shape), y @ m + 0.5 * rng.normal(size=y.shape))
        for i, m in ((QUARTER, quarter), (MIRROR, mirror))
    ]
    action = matrix_action(SQUARE, moved, y, np.arange(300))
    assert np.allclose(action.maps[0], quarter)
    assert np.allclose(action.maps[1], mirror)


def test_a_natural_action_is_preferred_to_a_free_one_and_the_free_one_closes():
    rng = np.random.default_rng(4)
    third = generate([rotation(120.0)], 2, 3)
    y = rng.normal(size=(400, 2))
    skewed = np.array([[0.8, -0.6], [0.6, 0.8]]) @ np.diag([1.0, -1.0])

    def said(m):
        return y @ m.T + 0.2 * rng.normal(size=y.shape), y @ m + 0.2 * rng.normal(size=y.shape)

    natural = matrix_action(third, [Moved(1, *said(rotation(120.0)))], y, np.arange(400), [[rotation(120.0)]])
    assert np.array_equal(natural.maps[0], rotation(120.0))
    turned = skewed @ rotation(120.0) @ skewed.T
    free = matrix_action(third, [Moved(1, *said(turned))], y, np.arange(400), [[rotation(120.0)]])
    assert np.allclose(free.maps[0], turned, atol=0.05)
    assert np.allclose(np.linalg.matrix_power(free.maps[0], 3), np.eye(2), atol=1e-9)


def test_the_nearest_action_is_the_one_that_was_disturbed():
    rng = np.random.default_rng(5)

    def disturbed(m):
        u, _, vt = np.linalg.svd(m + 0.1 * rng.normal(size=m.shape))
        return u @ vt

    exact = [rotation(90.0), MIRROR_X]
    pair = generate(exact, 2, 8)
    places = indices(pair, exact)
    found = nearest_action(pair, places, [disturbed(m) for m in exact])
    assert found is not None
    assert is_action(pair, places, found)
    assert all(np.abs(a - b).max() < 0.3 for a, b in zip(found, exact, strict=True))


def test_permutations_are_an_action_only_if_equal_words_agree():
    three = generate([np.array([1, 2, 0])], 3, 3)
    assert is_action(three, [1], [np.array([1, 2, 0])])
    assert not is_action(three, [1], [np.array([1, 0, 2])])
    assert is_action(three, [1], [permutation_matrix([2, 0, 1])])


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 60), st.integers(1, 8), st.integers(0, 99))
def test_whole_clusters_are_set_aside_and_never_more_than_half(n, size, seed):
    cluster = np.unique(np.random.default_rng(seed).integers(0, max(1, n // size), n), return_inverse=True)[1]
    aside = set_aside(cluster, seed)
    assert aside.sum() <= n / 2
    assert all(len(set(aside[cluster == c])) == 1 for c in range(cluster.max() + 1))
    assert np.array_equal(aside, set_aside(cluster, seed))


def test_the_pair_of_group_and_found_action_is_ranked_first(search):
    task = heavier_side(160)
    ranking, plan, trials = search(task.x, task.y, task.candidates, epochs=8)
    assert [found["maps"] for found in plan["found"]] == [{"label_generators": [[1, 0]]}]
    assert (ranking["best"]["group"], ranking["best"]["labels"]) == ("reversal", "permutation")
    verdicts = {(row["evidence"]["name"]): row["verdict"] for row in ranking["rows"]}
    assert verdicts["reversal"] == "refuted"
    (action,) = ranking["evidence"]["label_actions"]
    assert action["generators"][0]["cycles"] == [["0", "1"]]
    tested = np.load(trials[0]["arrays"]["rows.npy"])
    assert len(tested) == len(task.x) - action["samples"]
