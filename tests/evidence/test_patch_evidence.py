"""Gaussian processes on patches: marginal likelihoods, what they find planted, and where they have no say."""

import math
import time

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from benchmarks.planted_images import group_elements, plant, turned
from models.feature_kernels import averaged
from models.groups.plan import plan_search
from models.kernels import NOISES, nothing_scores
from models.patch_kernels import PatchFeatures, as_seen, compressed, linear_scores, predicted_without
from workers.folds import Split
from workers.patch_evidence import patch_evidence
from workers.samples import Samples

CPU = torch.device("cpu")


def parts_of(rng, n, d):
    """Features of copies by the mirror x -> -x, and by nothing, and a sign on the targets."""
    both = torch.from_numpy(np.concatenate([rng.normal(size=(n, 2, d)), np.ones((n, 2, 1))], 2))
    sign = torch.tensor([[[1.0]], [[-1.0]]]).double()
    return both, sign


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("d", [2, 40])
def test_scores_are_marginal_likelihoods(signed, d):
    """Of fewer samples than features, and of more."""
    rng = np.random.default_rng(d)
    both, sign = parts_of(rng, 12, d)
    y = torch.from_numpy(rng.normal(size=(12, 1)))
    design = torch.cat([averaged(both, sign if signed else None), 0.5 * averaged(both[:, :1], None)], 1)
    scores = linear_scores(design, y, True)
    weight = np.array([1.0, -1.0 if signed else 1.0])
    first = np.einsum("ngd,g->nd", both.numpy(), weight) / 2
    second = 0.5 * both[:, 0].numpy()
    covariance = first @ first.T + second @ second.T
    target = y[:, 0].numpy()
    for score, noise in zip(scores, NOISES.numpy(), strict=True):
        whole = covariance + noise * np.eye(12)
        amplitude = float(target @ np.linalg.solve(whole, target)) / 12
        assert float(score) == pytest.approx(multivariate_normal.logpdf(target, cov=amplitude * whole), rel=1e-5)
    nothing = multivariate_normal.logpdf(target, cov=float(target @ target) / 12 * np.eye(12))
    assert nothing_scores(y, True).tolist() == pytest.approx([nothing] * len(NOISES))


def test_predictions_for_samples_left_out_are_those_without_them():
    rng = np.random.default_rng(1)
    both, _ = parts_of(rng, 15, 6)
    y = torch.from_numpy(rng.normal(size=(15, 2)))
    found = predicted_without(averaged(both, None), y, 0.3)
    gram = both.mean(1) @ both.mean(1).T
    for i in range(15):
        rest = [j for j in range(15) if j != i]
        within = gram[rest][:, rest] + 0.3 * torch.eye(14).double()
        expected = gram[i, rest] @ torch.linalg.solve(within, y[rest])
        assert torch.allclose(found[i], expected, atol=1e-8)


def test_filters_follow_the_arc_cosine_kernel():
    """Images that are one patch: E relu(v.a) relu(v.b) = (sin t + (pi - t) cos t) |a| |b| / 2 pi, t between a and b."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((6, 1, 5, 5)).astype(np.float32)
    psi = PatchFeatures(1, (5, 5), 5, True, filters=20_000)(torch.from_numpy(x))[:, :20_000].double()
    flat = x.reshape(6, 25) / 5
    norms = np.linalg.norm(flat, axis=1)
    angle = np.arccos(np.clip(flat @ flat.T / np.outer(norms, norms), -1, 1))
    expected = np.outer(norms, norms) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    assert np.allclose((psi @ psi.T).numpy() / 20_000, expected, atol=0.02)


def test_where_a_shape_stands_matters_only_to_windows():
    rng = np.random.default_rng(3)
    shape = rng.standard_normal((3, 3)).astype(np.float32)
    x = np.zeros((2, 1, 16, 16), np.float32)
    x[0, 0, 4:7, 4:7] = shape
    x[1, 0, 9:12, 8:11] = shape
    everywhere, placed = (PatchFeatures(1, (16, 16), 3, e)(torch.from_numpy(x)) for e in (True, False))
    assert torch.allclose(everywhere[0], everywhere[1], atol=1e-5)
    assert not torch.allclose(placed[0], placed[1], atol=1e-2 * float(placed.abs().max()))


def test_compression_keeps_covariances():
    x = torch.from_numpy(np.random.default_rng(4).standard_normal((60, 1, 9, 9)).astype(np.float32))
    features = PatchFeatures(1, (9, 9), 3, True)(x)
    parts = compressed([features[:40], features[40:]])
    every = (features - features.mean(0)) / features.std(0, correction=0) / math.sqrt(features.shape[1])
    first, second = (every @ every.T).double(), torch.cat(parts) @ torch.cat(parts).T
    assert float((first - second).abs().max()) < 1e-3 * float(first.diagonal().mean())


def weighed(x, y, candidates, *, classes=2, seed=0, aside=None, deadline=math.inf, **more):
    """(found, names): what patches say of the lattice of the candidates on images (n, side, side)."""
    regression = y.dtype.kind == "f"
    facts = {
        "domain": "image2d",
        "x_shape": [1, *x.shape[1:]],
        "task": "regression" if regression else "classification",
    }
    facts |= {"target_dim": 1 if regression else None, "classes": None if regression else classes}
    plan = plan_search(candidates, **facts, include_subgroups=True, max_candidates=64)
    n = len(x)
    folds = np.array_split(np.arange(n), 3)
    splits = [Split(np.setdiff1d(np.arange(n), f), f[:0], f) for f in folds]
    y = y[:, None].astype(np.float32) if regression else y
    no = np.zeros(1 if regression else classes)
    images = x[:, None].astype(np.float32)
    samples = Samples(
        images, y, not regression, len(no), more.get("cluster", np.arange(n)), splits, folds, no, no + 1.0, aside
    )
    found = patch_evidence(samples, {"plan": plan, "position": 0, "request": {"seed": seed}}, CPU, deadline)
    return found, [node["name"] for node in plan["nodes"]]


@pytest.mark.parametrize("truth", ["T", "D1d", *(pytest.param(t, marks=pytest.mark.slow) for t in ("C2", "C4"))])
def test_the_planted_group_is_found_with_few_samples(truth):
    x, y, _ = plant(truth, "energy", n=300, side=10, seed=2)
    found, names = weighed(x, y, ["T", "D4"])
    bits = dict(zip(names, found["log2_evidence"], strict=True))
    assert bits["T"] == 0.0
    assert max(bits, key=bits.get) == truth
    assert bits[truth] - max(b for name, b in bits.items() if name != truth) > 3.0
    assert 0.2 < found["share"] < 0.9
    assert found["broken"][names.index("D4")] is None


def test_labels_that_nothing_explains_speak_for_no_group():
    rng = np.random.default_rng(5)
    found, _ = weighed(rng.standard_normal((200, 8, 8)), rng.integers(0, 2, 200), ["T", "D4"])
    assert max(abs(b) for b in found["log2_evidence"]) < 3.0
    assert found["share"] < 0.1


def test_a_break_is_seen_beside_what_keeps_the_larger_group():
    """A target of which a twentieth of the variance has one mirror only, the rest D2: alone D2 gains, with its break
    D1 explains more than either."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((500, 10, 10)).astype(np.float32)
    kernel = rng.standard_normal((5, 5)).astype(np.float32)

    def energy(images):
        windows = np.lib.stride_tricks.sliding_window_view(images, (5, 5), axis=(1, 2))
        return np.square(np.maximum(np.einsum("nabcd,cd->nab", windows, kernel), 0)).mean((1, 2))

    def mean_over(group):
        values = np.mean([energy(turned(x, g)) for g in group_elements(group)], axis=0)
        return (values - values.mean()) / values.std()

    y = mean_over("D2") + math.sqrt(0.05) * mean_over("D1")
    found, names = weighed(x, (y - y.mean()) / y.std(), ["T", "D2"])
    nearly = {
        (name, names[larger]): bits
        for name, more in zip(names, found["broken"], strict=True)
        for larger, bits in more or []
    }
    best = nearly.pop(("D1", "D2"))
    assert set(nearly) >= {("T", "D2"), ("C2", "D2"), ("D1y", "D2")}
    assert best > max(*found["log2_evidence"], *nearly.values()) + 3.0


def test_a_mirror_may_flip_the_label():
    x, _, _ = plant("T", "energy", n=400, side=10, seed=3)
    mirror = group_elements("D1")[1]
    kernel = np.random.default_rng(7).standard_normal((5, 5))

    def energy(images):
        windows = np.lib.stride_tricks.sliding_window_view(images, (5, 5), axis=(1, 2))
        return np.square(np.maximum(np.einsum("nabcd,cd->nab", windows, kernel), 0)).mean((1, 2))

    y = (energy(x) > energy(turned(x, mirror))).astype(np.int64)
    flips = {"group": "D1", "labels": "permutation", "label_generators": [[1, 0]]}
    found, names = weighed(x, y, ["T", flips, "D1"])
    bits = dict(zip(names, found["log2_evidence"], strict=True))
    (flipping,) = set(names) - {"T", "D1"}
    assert bits[flipping] > 10.0
    assert bits["D1"] < -10.0


def test_where_pixels_leave_the_grid_patches_have_no_say():
    x, y, _ = plant("C2", "energy", n=60, side=8, seed=1)
    found, names = weighed(x, y, ["T", "C8"])
    assert found["log2_evidence"] == [None] * len(names)
    assert (found["share"], found["cut"]) == (None, False)


def test_past_the_deadline_nothing_is_said():
    x, y, _ = plant("C2", "energy", n=60, side=8, seed=1)
    found, names = weighed(x, y, ["T", "C2"], deadline=time.monotonic() - 1.0)
    assert (found["log2_evidence"], found["broken"], found["cut"]) == ([None] * len(names),) * 2 + (True,)


def test_copies_and_samples_set_aside_do_not_count():
    x, y, _ = plant("D1", "energy", n=80, side=8, seed=1)
    copied, names = weighed(x, y, ["T", "D1"], cluster=np.arange(80) // 2)
    assert (copied["rows"], copied["log2_evidence"]) == (40, [None] * len(names)), "fewer than 50 say nothing"
    free, _ = weighed(x, y, ["T", "D1"], aside=np.arange(80) < 20)
    assert free["rows"] == 60
    assert None not in free["log2_evidence"]


@pytest.mark.parametrize("value", [0.1, 255.0])
def test_a_channel_that_does_not_vary_says_nothing(value):
    x = np.random.default_rng(9).standard_normal((20, 2, 6, 6)).astype(np.float32)
    x[:, 1] = value
    seen = as_seen(torch.from_numpy(x))
    assert torch.equal(seen[:, 1], torch.zeros(20, 6, 6))
    assert float(seen[:, 0].mean()) == pytest.approx(0.0, abs=1e-6)
    assert float(seen[:, 0].std(correction=0)) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("side", [(33, 33), (24, 40), (21, 22)])
def test_large_images_are_seen_coarsely_and_moves_commute_with_it(side):
    x = torch.from_numpy(np.random.default_rng(10).standard_normal((5, 2, *side)).astype(np.float32))
    for move in (lambda v: v.flip(-1), lambda v: v.flip(-2), lambda v: v.flip(-1).flip(-2)):
        assert torch.allclose(as_seen(move(x)), move(as_seen(x)), atol=1e-5)
    if side[0] == side[1]:
        assert torch.allclose(as_seen(x.rot90(1, (-2, -1))), as_seen(x).rot90(1, (-2, -1)), atol=1e-5)
    assert as_seen(x).shape[-2:] == (20, 20)


def test_values_beyond_numbers_say_nothing():
    x, y, _ = plant("D1", "energy", n=60, side=8, seed=1)
    x[3, 2, 2] = np.inf
    found, _ = weighed(x, y, ["T", "D1"])
    assert found["log2_evidence"] == [0.0, pytest.approx(0.0, abs=1e-6)]


def test_filters_of_many_channels_are_drawn_at_once():
    psi = PatchFeatures(128, (8, 8), 7, True)
    assert psi.filters.shape == (128 * 49, 1000)
    assert torch.allclose(psi.filters.norm(dim=0), torch.tensor(math.sqrt(128.0)), rtol=1e-4)


def test_images_smaller_than_patches_are_seen_by_smaller_ones():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((60, 4, 4))
    found, _ = weighed(x, (x.mean((1, 2)) > 0).astype(np.int64), ["T", "C2"])
    assert all(math.isfinite(b) for b in found["log2_evidence"])
    found, names = weighed(x[:, :2, :2], (x[:, :2, :2].mean((1, 2)) > 0).astype(np.int64), ["T", "C2"])
    assert found["log2_evidence"] == [None] * len(names)
