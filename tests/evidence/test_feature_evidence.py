"""Read-outs averaged over a group: their evidence is a marginal likelihood, and finds what is planted in features."""

import math
import time

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from benchmarks.planted_images import plant
from models.feature_kernels import _SHARES, Copies, read_out_evidence
from models.groups.plan import plan_search
from models.kernels import NOISES
from models.networks.build import build_network
from models.networks.planned import planned_config
from workers.feature_evidence import feature_evidence
from workers.fitting import Fitted
from workers.folds import Split
from workers.kernel_evidence import centred, contrasts, drawn
from workers.samples import Samples


def copies(rng, n, order, *, d=6, q=2, rho=None):
    features, outputs = (torch.from_numpy(rng.normal(size=(n, order, k))) for k in (d, q))
    return Copies(features, outputs, rho)


def mirrored(rng, n, rho=None):
    """Features of x and of its mirror image -x: odd and even functions of three coordinates."""
    x = rng.normal(size=(n, 3))
    both = np.stack([x, -x], 1)
    features = np.concatenate([np.tanh(both), np.abs(both), np.sin(2 * both)], 2)
    outputs = both[..., :1] + np.abs(both[..., 1:2])
    return x, Copies(torch.from_numpy(features), torch.from_numpy(outputs), rho)


def alone(found):
    return Copies(found.features[:, :1], found.outputs[:, :1])


def gain(found, y, *, shared=False):
    """Bits for the group of `found` over none."""
    y = torch.from_numpy(y[:, None])
    first, second = (read_out_evidence(c, y, shared=shared) for c in (found, alone(found)))
    return (first - second) / math.log(2.0)


@pytest.mark.parametrize("sign", [None, -1.0])
def test_it_is_the_marginal_likelihood_of_the_averaged_covariance(sign):
    rng = np.random.default_rng(0)
    rho = None if sign is None else torch.tensor([[[1.0]], [[sign]]]).double()
    found, y = copies(rng, 12, 2, rho=rho), torch.from_numpy(rng.normal(size=(12, 1)))
    weight = np.ones(2) if sign is None else np.array([1.0, sign])
    target = y[:, 0].numpy()
    nothing = multivariate_normal.logpdf(target, cov=float(target @ target) / 12 * np.eye(12))
    scores = [nothing] * len(NOISES)
    for share in _SHARES:
        features, outputs = (
            np.einsum("igc,g->ic", part.numpy(), weight) / 2 for part in (found.features, found.outputs)
        )
        covariance = share / 6 * features @ features.T + outputs @ outputs.T / 2 + weight.mean() ** 2
        for noise in NOISES.numpy():
            whole = covariance + noise * np.eye(12)
            amplitude = float(target @ np.linalg.solve(whole, target)) / 12
            scores.append(multivariate_normal.logpdf(target, cov=amplitude * whole))
    expected = np.logaddexp.reduce(scores) - math.log(len(scores))
    assert read_out_evidence(found, y, shared=False) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("moving", [False, True])
def test_the_order_in_which_elements_are_listed_does_not_matter(moving):
    rng = np.random.default_rng(1)
    turns = np.stack([[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in np.arange(4) * np.pi / 2])
    rho = torch.from_numpy(turns) if moving else None
    found, y = copies(rng, 30, 4, rho=rho), torch.from_numpy(rng.normal(size=(30, 2)))
    order = torch.tensor([2, 0, 3, 1])
    again = Copies(found.features[:, order], found.outputs[:, order], None if rho is None else rho[order])
    first = read_out_evidence(found, y, shared=moving)
    assert read_out_evidence(again, y, shared=moving) == pytest.approx(first, abs=1e-6)


def test_labels_that_stay_are_a_case_of_labels_that_move():
    rng = np.random.default_rng(2)
    found, y = copies(rng, 25, 3), torch.from_numpy(rng.normal(size=(25, 2)))
    still = Copies(found.features, found.outputs, torch.eye(2).double().expand(3, 2, 2))
    assert read_out_evidence(still, y, shared=True) == pytest.approx(read_out_evidence(found, y, shared=True), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_it_speaks_for_a_planted_symmetry_and_against_a_false_one(seed):
    rng = np.random.default_rng(seed)
    x, found = mirrored(rng, 150)
    noise = 0.1 * rng.normal(size=150)
    even, odd = np.abs(x[:, 1]) + noise, np.tanh(x[:, 0]) + noise
    assert gain(found, even - even.mean()) > 2.0
    assert gain(found, odd - odd.mean()) < -20.0
    flips = Copies(found.features, found.outputs, torch.tensor([[[1.0]], [[-1.0]]]).double())
    assert gain(flips, odd, shared=True) > 2.0
    assert gain(flips, even, shared=True) < -20.0


def test_features_that_know_nothing_say_next_to_nothing():
    rng = np.random.default_rng(5)
    found = copies(rng, 300, 4)
    gains = [gain(found, rng.normal(size=300)) for _ in range(20)]
    assert max(map(abs, gains)) < 8.0
    assert abs(np.mean(gains)) < 3.0


@pytest.mark.parametrize("classes", [2, 10])
def test_classes_that_nothing_explains_favour_no_group(classes):
    """Copies of a sample are alike, as a network's are, and each class is regressed on: larger groups, whose averages
    vary less, would gain a few bits for each."""
    rng = np.random.default_rng(8)
    for _ in range(4):
        parts = rng.normal(size=(300, 8, 30)) + rng.normal(size=(300, 1, 30))
        found = Copies(torch.from_numpy(parts[..., 2:]), torch.from_numpy(parts[..., :2]))
        y = centred(torch.from_numpy(contrasts(classes)[rng.integers(0, classes, 300)]), False)
        first, second = (read_out_evidence(c, y, shared=False) for c in (found, alone(found)))
        assert abs(first - second) / math.log(2.0) < 2.0


def test_columns_of_zeros_say_nothing():
    """A fold that has one class only, or lacks one: its contrasts are zero, and larger groups must not gain by it."""
    rng = np.random.default_rng(6)
    found, y = copies(rng, 40, 4), rng.normal(size=40)
    assert gain(found, np.zeros(40)) == 0.0
    assert gain(found, np.full(40, 1e-17)) == 0.0
    both = torch.from_numpy(np.stack([y, np.zeros(40)], 1))
    with_zeros = [read_out_evidence(c, both, shared=False) for c in (found, alone(found))]
    assert (with_zeros[0] - with_zeros[1]) / math.log(2.0) == pytest.approx(gain(found, y))


def test_one_sample_of_every_cluster_is_drawn():
    cluster = np.repeat(np.arange(40), 5)
    places = drawn(cluster, 1000, 0)
    assert sorted(cluster[places]) == list(range(40))
    assert len(np.unique(cluster[drawn(cluster, 12, 0)])) == len(drawn(cluster, 12, 0)) == 12


def test_a_trial_without_symmetry_weighs_every_group(search):
    x, y, _ = plant("D1", "energy", n=300, side=10, seed=1)
    _, plan, trials = search(x[:, None], y, ["T", "D2"], only=[0], epochs=8)
    found = trials[0]["metrics"]["features"]
    bits = dict(zip([n["name"] for n in plan["nodes"]], found["log2_evidence"], strict=True))
    assert bits["T"] == 0.0
    assert bits["D1"] > max(bits["D2"], bits["D1y"], bits["C2"])
    assert (found["rows"], found["elements"]) == (300, 4)


def fitted(samples, plan, x_shape):
    networks = [build_network(planned_config(plan["nodes"][0], x_shape, samples.outputs)) for _ in samples.splits]
    return Fitted(networks, [1.0] * len(networks), [], [], 0, False)


def flipping(classes):
    """Samples of many classes and a plan in which a mirror exchanges the first two."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((90, 1, 8, 8)).astype(np.float32)
    swap = np.arange(classes)
    swap[:2] = 1, 0
    facts = {"domain": "image2d", "x_shape": [1, 8, 8], "task": "classification", "target_dim": None}
    posted = ["T", {"group": "D1", "labels": "permutation", "label_generators": [swap.tolist()]}]
    plan = plan_search(posted, **facts, classes=classes, include_subgroups=True, max_candidates=9)
    folds = np.array_split(np.arange(90), 3)
    splits = [Split(np.setdiff1d(np.arange(90), f), f[:0], f) for f in folds]
    no = np.zeros(classes)
    return Samples(x, np.arange(90) % classes, True, classes, np.arange(90), splits, folds, no, no + 1.0), plan


@pytest.mark.parametrize(("classes", "known"), [(4, True), (60, False)])
def test_label_actions_on_very_many_classes_are_not_weighed(classes, known):
    samples, plan = flipping(classes)
    job = {"plan": plan, "position": 0, "request": {}}
    networks, cpu = fitted(samples, plan, (1, 8, 8)), torch.device("cpu")
    bits = feature_evidence(samples, networks, job, cpu)["log2_evidence"]
    assert bits[0] == 0.0
    assert (bits[1] is not None) == known


def test_past_the_deadline_nothing_is_weighed():
    samples, plan = flipping(3)
    job = {"plan": plan, "position": 0, "request": {}}
    networks, cpu = fitted(samples, plan, (1, 8, 8)), torch.device("cpu")
    found = feature_evidence(samples, networks, job, cpu, time.monotonic() - 1.0)
    assert (found["log2_evidence"], found["cut"]) == ([None] * len(plan["nodes"]), True)
    assert not feature_evidence(samples, networks, job, cpu)["cut"]


def test_copies_of_a_sample_count_once(search):
    rng = np.random.default_rng(3)
    x, y, _ = plant("D1", "energy", n=60, side=8, seed=1)
    owner = np.repeat(np.arange(60), 3)
    x = x[owner] + 0.3 * rng.standard_normal((180, 8, 8)).astype(np.float32)
    _, _, trials = search(x[:, None], y[owner], ["T", "D1"], groups=owner, only=[0], epochs=2)
    assert trials[0]["metrics"]["features"]["rows"] == 60


def test_turns_off_the_grid_are_compared_with_their_shams(search):
    rng = np.random.default_rng(4)
    radius = np.hypot(*np.mgrid[-5.5:6, -5.5:6])
    x = rng.standard_normal((120, 1, 12, 12)).astype(np.float32)
    y = ((x[:, 0] * (radius < 3)).mean((1, 2)) > 0).astype(int)
    candidates = ["T", "C3", "Scale"]
    _, plan, trials = search(x, y, candidates, only=[0], epochs=3)
    bits = dict(zip([n["name"] for n in plan["nodes"]], trials[0]["metrics"]["features"]["log2_evidence"], strict=True))
    assert bits["Scale"] is None
    assert bits["C3"] > -3.0
