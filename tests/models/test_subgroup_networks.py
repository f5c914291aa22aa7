"""A trained network used again in a subgroup: the same function, from a file too, and free to leave the symmetry."""

import numpy as np
import pytest
import torch

from models.export import Trained, fold_network, load_network, save_network
from models.groups.action import acting_group, from_spec
from models.groups.lattice import subgroups
from models.groups.planar import planar_generators
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import network_cost
from models.networks.subgroup import subgroup_network

SIGN = {"D4": [[[1.0]], [[-1.0]]], "C4": [[[-1.0]]]}
MANY = 400


def acting(name, y=None):
    return acting_group((0, 1), planar_generators(name), None if y is None else [np.asarray(m) for m in y])


def config_of(group, *, translations=True, side=9, outputs=3, **more):
    spec = {"domain": "image2d", "translations": translations, **group.spec(), **more}
    return NetworkConfig(spec, (2, side, side), outputs, 2)


def settled(config):
    """A network in double precision whose norms have seen samples and whose biases are not zero."""
    torch.manual_seed(0)
    network = build_network(config).double()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    with torch.no_grad():
        network(torch.randn(8, *config.x_shape, dtype=torch.float64))
    return network.eval()


def parts(group):
    """The group's subgroups, each with generators of its own."""
    return [
        acting_group((0, 1), [group.x_matrices()[i] for i in group.group.generators_of(members)])
        for members in subgroups(group.group, MANY)
    ]


@torch.no_grad()
def assert_the_same_function(config, sub):
    network, x = settled(config), torch.randn(3, *config.x_shape, dtype=torch.float64)
    smaller, of = subgroup_network(network, config, sub)
    expected = network(x)
    assert torch.allclose(smaller(x), expected, atol=1e-9)
    assert torch.allclose(fold_network(smaller)(x), expected, atol=1e-9)
    assert network_cost(of).parameters == sum(p.numel() for p in smaller.parameters())
    assert from_spec(of.spec).group.order == sub.group.order
    trained = Trained(of, "classification", [smaller], [1.0], [0.0], [1.0])
    again = load_network(save_network(trained))
    assert torch.allclose(again.networks[0](x), expected, atol=1e-9)


@pytest.mark.parametrize(("name", "side"), [("D4", 9), ("D4", 16), ("C8", 9)])
def test_every_subgroup_computes_what_the_group_computed(name, side):
    for sub in parts(acting(name)):
        assert_the_same_function(config_of(acting(name), side=side), sub)


def test_every_subgroup_of_d8_computes_what_d8_computed():
    found = parts(acting("D8"))
    assert len(found) == 19
    for sub in found:
        assert_the_same_function(config_of(acting("D8")), sub)


@pytest.mark.slow
def test_every_subgroup_of_d8_computes_what_d8_computed_on_larger_images():
    for sub in parts(acting("D8")):
        assert_the_same_function(config_of(acting("D8"), side=16), sub)


@pytest.mark.parametrize("side", [9, 8])
def test_readouts_by_position_are_restricted_too(side):
    for sub in parts(acting("D4")):
        assert_the_same_function(config_of(acting("D4"), translations=False, side=side), sub)


@pytest.mark.parametrize("translations", [True, False])
@pytest.mark.parametrize("name", SIGN)
def test_subgroups_inherit_the_label_action(name, translations):
    generators = planar_generators(name)
    whole = acting(name, SIGN[name][: len(generators)])
    for sub in parts(acting(name)):
        assert_the_same_function(config_of(whole, outputs=1, translations=translations), sub)


def test_subgroups_turn_vectors_as_the_group_does():
    whole = acting("C8", planar_generators("C8"))
    for sub in parts(acting("C8")):
        assert_the_same_function(config_of(whole, outputs=2), sub)


def test_trained_further_it_leaves_the_symmetry_that_the_subgroup_lacks():
    config = config_of(acting("D4"))
    smaller, _ = subgroup_network(settled(config), config, acting("C4"))
    x = torch.randn(3, *config.x_shape, dtype=torch.float64)
    optimiser = torch.optim.SGD(smaller.parameters(), lr=0.1)
    smaller.train()
    smaller(x)[:, 0].sum().backward()
    optimiser.step()
    smaller.eval()
    with torch.no_grad():
        y = smaller(x)
        assert torch.allclose(smaller(x.rot90(1, (-2, -1))), y, atol=1e-9)
        assert float((smaller(x.flip(-1)) - y).abs().max()) > 1e-6


def test_networks_without_a_form_in_a_subgroup_are_refused():
    config = config_of(acting("C4"))
    network = build_network(config)
    with pytest.raises(ValueError, match="not a subgroup"):
        subgroup_network(network, config, acting("D4"))
    smaller, of = subgroup_network(network, config, acting("C2"))
    with pytest.raises(ValueError, match="whole group"):
        subgroup_network(smaller, of, acting("C1"))
    for more in ({"architecture": "separable"}, {"kind": "family", "family": "SO(2)", "labels": "trivial"}):
        odd = config_of(acting("C4"), **more)
        with pytest.raises(TypeError, match="standard networks"):
            subgroup_network(build_network(odd), odd, acting("C2"))
