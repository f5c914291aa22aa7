"""Fitting and calibration: networks trained as one, and outputs that shrink to the best constant."""

import copy
import math

import numpy as np
import pytest
import torch

from models.export import Predictor, Trained
from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from workers.fitting import FitOptions, _Together, best_constant, fit, sample_losses
from workers.folds import Split
from workers.witnesses import validation_share


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("domain", "translations", "name", "shape"),
    [
        ("image2d", True, "D4", (2, 9, 9)),
        ("image2d", True, "C1", (1, 6, 6)),
        ("image2d", False, "C4", (1, 14, 14)),
        ("vector", None, "D3", (2,)),
    ],
)
def test_stacked_networks_learn_what_separate_ones_do(domain, translations, name, shape, double_precision):
    """Outputs, gradients and running statistics agree: on a GPU the networks run stacked, on a CPU in turn."""
    acting = acting_group((0, 1), planar_generators(name))
    config = NetworkConfig({"domain": domain, "translations": translations, **acting.spec()}, shape, 3, 4)
    torch.manual_seed(0)
    separate = [build_network(config).train() for _ in range(3)]
    stacked = copy.deepcopy(separate)
    runs = [(nets, _Together(nets, stacked=flag)) for nets, flag in ((separate, False), (stacked, True))]
    optimisers = [torch.optim.AdamW([p for net in nets for p in net.parameters()], lr=0.01) for nets, _ in runs]
    for _ in range(4):
        x = torch.randn(3, 8, *shape)
        outputs = []
        for (_, together), optimiser in zip(runs, optimisers, strict=True):
            outputs.append(together(x))
            optimiser.zero_grad()
            (outputs[-1] ** 2).mean().backward()
        torch.testing.assert_close(outputs[1], outputs[0])
        for one, other in zip(separate, stacked, strict=True):
            gradients = [[p.grad for p in net.parameters()] for net in (one, other)]
            torch.testing.assert_close(gradients[1], gradients[0])
            torch.testing.assert_close(other.state_dict(), one.state_dict(), rtol=1e-5, atol=1e-7)
        for optimiser in optimisers:
            optimiser.step()
    moved = {k for k, v in separate[0].state_dict().items() if k.endswith("num_batches_tracked") and int(v) == 4}
    assert bool(moved) == (domain == "image2d")


def fitted_on(x, y, classification, outputs, labels=(), epochs=3):
    acting = acting_group((0, 1), [])
    config = NetworkConfig({"domain": "vector", "translations": None, **acting.spec()}, (2,), outputs, 8)
    torch.manual_seed(0)
    n = len(x)
    split = Split(np.arange(n // 2), np.arange(n // 2, 2 * n // 3), np.arange(2 * n // 3, n))
    options = FitOptions(epochs, classification, 0, math.inf, labels=labels)
    return fit([build_network(config)], x, y, [split], options, lambda fraction, message: None), split


@pytest.mark.parametrize("classification", [True, False])
def test_a_witness_that_learned_nothing_is_the_best_constant(classification):
    """Fifty samples of one class to one of the other, and targets far from zero, both independent of x."""
    rng = np.random.default_rng(0)
    n = 1530
    x = torch.from_numpy(rng.normal(size=(n, 2)).astype(np.float32))
    y = torch.from_numpy((np.arange(n) % 51 == 0).astype(np.int64) if classification
                         else rng.normal(2.0, 1.0, (n, 1)).astype(np.float32))  # fmt: skip
    found, split = fitted_on(x, y, classification, 2 if classification else 1)
    constant = best_constant(y[: split.test[0]], 2 if classification else 1, classification)
    test = torch.from_numpy(split.test)
    losses = [sample_losses(outputs, y[test], classification).mean()
              for outputs in (found.predict(0, x[test]), constant.float().expand(len(test), -1))]  # fmt: skip
    assert float(losses[0]) < 1.02 * float(losses[1])
    assert validation_share(found.validation) < 0.05
    found.temperatures[0] = 0.0
    torch.testing.assert_close(found.predict(0, x[test]), constant.float().expand(len(test), -1))


def test_the_constant_moves_with_no_label():
    swap, turn = np.eye(3)[[1, 0, 2]], np.array([[0.0, -1.0], [1.0, 0.0]])
    y = torch.tensor([0] * 30 + [1] * 10 + [2] * 10)
    scores = best_constant(y, 3, True, [swap])
    assert float(scores[0]) == pytest.approx(float(scores[1]))
    assert float(scores.exp().sum()) == pytest.approx(1.0)
    assert float(scores[2].exp()) == pytest.approx(10.5 / 51.5)
    targets = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert best_constant(targets, 2, False, [turn]).abs().max() < 1e-12
    assert best_constant(targets, 2, False).tolist() == [2.0, 3.0]


def test_the_share_learned_is_read_from_validation_samples_and_errs_low():
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.normal(size=(600, 2)).astype(np.float32))
    y = torch.sin(2 * x[:, :1])
    found, _ = fitted_on(x, y, False, 1, epochs=20)
    (losses,) = found.validation
    share = 1 - float(losses[0].mean() / losses[1].mean())
    assert losses.shape == (2, 100)
    assert 0.3 < validation_share(found.validation) < share < 1


@pytest.mark.parametrize("classification", [True, False])
def test_the_exported_network_is_calibrated_as_the_witness_was(classification):
    rng = np.random.default_rng(2)
    x = torch.from_numpy(rng.normal(size=(300, 2)).astype(np.float32))
    y = (x[:, 0] > 1).long() if classification else 3 + x[:, :1] ** 2
    found, _ = fitted_on(x, y, classification, 2 if classification else 1)
    found.temperatures[0] = 0.4
    acting = acting_group((0, 1), [])
    config = NetworkConfig({"domain": "vector", "translations": None, **acting.spec()}, (2,), 2, 8)
    shift = found.offset().tolist()
    trained = Trained(config, "", found.networks, found.temperatures, shift, [1.0] * len(shift))
    with torch.no_grad():
        torch.testing.assert_close(Predictor(trained)(x), found.predict(0, x), rtol=1e-5, atol=1e-5)


def test_nothing_was_learned_where_no_sample_could_be_set_aside():
    assert validation_share([torch.zeros(2, 0), torch.zeros(2, 0)]) == 0.0


def test_every_epoch_is_told_with_the_held_out_loss_of_each_network():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(90, 2)).astype(np.float32))
    y = (x[:, 0] > 0).long()
    acting = acting_group((0, 1), [])
    config = NetworkConfig({"domain": "vector", "translations": None, **acting.spec()}, (2,), 2, 8)
    split = Split(np.arange(45), np.arange(45, 60), np.arange(60, 90))
    heard: list = []
    options = FitOptions(4, True, 0, math.inf, told=lambda epoch, losses: heard.append((epoch, losses)))
    networks = [build_network(config) for _ in range(2)]
    fitted = fit(networks, x, y, [split, split], options, lambda fraction, message: None)
    assert [epoch for epoch, _ in heard] == list(range(1, fitted.epochs + 1))
    for k, network in enumerate(fitted.networks):
        with torch.no_grad():
            kept = float(sample_losses(network.eval()(x[45:60]), y[45:60], True).mean())
        assert kept == pytest.approx(min(losses[k] for _, losses in heard), rel=1e-4)
