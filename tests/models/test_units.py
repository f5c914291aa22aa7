"""Units of x mean nothing: networks and kernels answer the same whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.actions.scaling import filled, invariant_scaling, spreads
from models.groups.action import from_spec
from models.groups.plan import plan_search
from models.kernels import AveragedKernel, SortedKernel, SphereKernel
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.standardise import StandardiseChannels, standardise

UNITS = [1e-17, 1e-9, 1e9, 1e17]


def acting(spec):
    return from_spec(plan_of("vector", (3,), [spec])["nodes"][-1]["spec"])


def plan_of(domain, shape, candidates):
    return plan_search(
        candidates, domain=domain, x_shape=list(shape), task="regression", target_dim=1, classes=None,
        include_subgroups=False, max_candidates=8,
    )  # fmt: skip


def test_spreads_are_those_of_coordinates_in_their_own_units():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)) * [1.0, 1e-9, 1e5] + [0.0, 1e-6, 0.0]
    assert spreads(x) == pytest.approx(x.std(0))
    assert spreads(x.astype(np.float32) * np.float32(1e-25)) == pytest.approx(x.std(0) * 1e-25, rel=1e-3)
    assert np.isfinite(spreads(np.array([[3e38], [-3e38]], dtype=np.float32))).all()
    hour = (1.7e9 + rng.uniform(0, 3600, (500, 1))).astype(np.float32)  # in steps of 128 s
    assert spreads(hour) == pytest.approx(hour.astype(float).std(0))


def test_what_does_not_vary_is_given_the_spread_of_the_others():
    rng = np.random.default_rng(1)
    column = rng.normal(size=(500, 1))
    x = np.hstack([column, np.full((500, 1), 0.1, dtype=np.float32), 1e-17 * rng.normal(size=(500, 1)), 0 * column])
    found = spreads(x)
    assert (found[[1, 3]] == 0.0).all()
    assert filled(found) == pytest.approx(column.std() * np.ones(4))
    assert (filled(np.zeros(2)) == 1.0).all()


def test_a_constant_and_the_units_of_others_leave_an_orbit_its_scale():
    rng = np.random.default_rng(2)
    x = np.stack([1e-3 * rng.normal(size=400), np.full(400, 7.0), 1e6 * rng.normal(size=400)], 1)
    shift, scale = invariant_scaling(x, acting({"group": "S2", "on": [0, 1]}))
    assert ((x - shift) @ scale.T)[:, 0].std() == pytest.approx(2**0.5, rel=0.1)
    assert ((x - shift) @ scale.T)[:, 2].std() == pytest.approx(1.0)


def test_a_set_of_rounding_errors_stays_small():
    rng = np.random.default_rng(3)
    x = np.hstack([1e-17 * rng.normal(size=(100, 2)), rng.normal(size=(100, 2))])
    assert (SortedKernel([(0, 1)], torch.from_numpy(x)).scale > 0.5).all()


@pytest.mark.parametrize("unit", [1e-20, 1.0, 1e18])
def test_folded_networks_prepare_samples_alike(unit):
    x = torch.from_numpy(np.random.default_rng(4).normal(size=(50, 2, 4, 4)).astype(np.float32)) * unit
    network = torch.nn.Sequential(StandardiseChannels(2), torch.nn.Identity())
    standardise(network, x, {})
    assert torch.allclose(network[0].fold()(x), network[0](x), rtol=1e-4, atol=1e-5)
    assert network[0](x).std() == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("domain", "shape"), [("image2d", (2, 8, 8)), ("vector", (4,))])
def test_networks_answer_the_same_in_every_unit(domain, shape, unit):
    plan = plan_of(domain, shape, ["C4" if domain == "image2d" else "S4"])
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(64, *shape)).astype(np.float32))
    said = []
    for factor in (1.0, unit):
        torch.manual_seed(0)
        spec = plan["nodes"][-1]["spec"]
        network = build_network(NetworkConfig(spec, shape, 1, 8)).eval()
        standardise(network, x * factor, spec)
        with torch.no_grad():
            said.append(network(x * factor))
    assert torch.allclose(*said, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unit", UNITS)
def test_kernels_are_the_same_in_every_unit(unit):
    x = torch.from_numpy(np.random.default_rng(3).normal(size=(40, 5)))
    group = from_spec(plan_of("vector", (5,), ["Z5"])["nodes"][-1]["spec"])
    kernels = (lambda x: SortedKernel([(0, 1, 2)], x), lambda x: SphereKernel((0, 1, 2), x))
    for make in (*kernels, lambda x: AveragedKernel(group, x)):
        one, other = make(x), make(x * unit)
        expected = one.between(x, one.prepare(x), 1.0)
        assert torch.allclose(other.between(x * unit, other.prepare(x * unit), 1.0), expected, rtol=1e-6)
