"""Units of x mean nothing: networks, kernels and searches answer the same whatever they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.actions.scaling import spreads
from models.groups.plan import plan_search
from models.kernels import SortedKernel, SphereKernel
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.standardise import standardise

UNITS = [1e-17, 1e-9, 1e9, 1e17]


def test_spreads_are_those_of_coordinates_in_their_own_units():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3)) * [1.0, 1e-9, 1e5] + [0.0, 1e-6, 0.0]
    assert spreads(x) == pytest.approx(x.std(0))
    assert spreads(x.astype(np.float32) * np.float32(1e-25)) == pytest.approx(x.std(0) * 1e-25, rel=1e-3)


def test_what_does_not_vary_has_the_spread_of_the_others():
    rng = np.random.default_rng(1)
    column = rng.normal(size=(500, 1))
    x = np.hstack([column, np.full((500, 1), 0.1, dtype=np.float32), 1e-17 * rng.normal(size=(500, 1)), 0 * column])
    assert spreads(x) == pytest.approx(column.std() * np.ones(4))
    assert (spreads(np.full((9, 2), 3.0)) == 1.0).all()


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(("domain", "shape"), [("image2d", (2, 8, 8)), ("vector", (4,))])
def test_networks_answer_the_same_in_every_unit(domain, shape, unit):
    plan = plan_search(
        ["C4" if domain == "image2d" else "S4"], domain=domain, x_shape=list(shape), task="regression", target_dim=1,
        classes=None, include_subgroups=False, max_candidates=8,
    )  # fmt: skip
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
    for make in (lambda x: SortedKernel([(0, 1, 2)], x), lambda x: SphereKernel((0, 1, 2), x)):
        one, other = make(x), make(x * unit)
        expected = one.between(x, one.prepare(x), 1.0)
        assert torch.allclose(other.between(x * unit, other.prepare(x * unit), 1.0), expected, rtol=1e-6)
