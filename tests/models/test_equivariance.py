"""Every layer and every network commutes with its group, exactly up to rounding."""

import json
import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.actions.grid import grid_source
from models.actions.samples import transform_classes, transform_outputs, transform_samples
from models.actions.scaling import embedded_maps, invariant_scaling
from models.groups.action import acting_group, from_spec
from models.groups.families import named_group
from models.groups.plan import plan_search
from models.groups.planar import IMAGE_NAMES, planar_generators
from models.layers.planar import CentredPool2d, FieldNorm2d, GroupConv2d, LiftingConv2d, PositionReadout
from models.layers.regular import CovariantHead, GroupLinear, VectorLifting
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import matched_config, network_cost
from models.networks.standardise import standardise

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.fixture
def precision(precision):
    with torch.no_grad():
        yield precision


def turn(x, matrix):
    return transform_samples(x, {"matrix": matrix, "coordinates": [0, 1], "labels": None}, "image2d")


def act_on_fibres(features, acting, index):
    """(h.f)(g, p) = f(h^-1 g, h^-1 p) on (batch, fields * |G|, h, w)."""
    group = acting.group
    order = torch.from_numpy(group.table[group.inverse[index]])
    fields = features.unflatten(1, (-1, group.order))[:, :, order]
    return turn(fields, acting.x_matrices()[index]).flatten(1, 2)


def assert_close(a, b, precision):
    scale = max(1.0, float(b.abs().max()))
    assert float((a - b).abs().max()) <= TOLERANCE[precision] * scale


@pytest.mark.parametrize("name", ["C1", *IMAGE_NAMES])
@pytest.mark.parametrize("size", [5, 8])
def test_planar_layers_are_equivariant_under_every_element(name, size, precision):
    acting = acting_group((0, 1), planar_generators(name))
    lifting = LiftingConv2d(acting, 2, 3, 5)
    layers = [GroupConv2d(acting, 3, 4, 3), FieldNorm2d(3, acting.group.order), CentredPool2d()]
    x = torch.randn(3, 2, size, size)
    lifted = lifting(x)
    readout = PositionReadout(acting, size, size)
    for index, matrix in enumerate(acting.x_matrices()):
        assert_close(lifting(turn(x, matrix)), act_on_fibres(lifted, acting, index), precision)
        moved = act_on_fibres(lifted, acting, index)
        for layer in layers:
            assert_close(layer(moved), act_on_fibres(layer(lifted), acting, index), precision)
        shifted = torch.from_numpy(acting.group.table[acting.group.inverse[index]])
        assert_close(readout(moved), readout(lifted)[:, :, shifted], precision)


@pytest.mark.parametrize("name", ["C3", "D4", "D5"])
def test_regular_layers_are_equivariant_under_every_element(name, precision):
    acting = acting_group((1, 2), planar_generators(name))
    lifting, linear = VectorLifting(acting, 4, 5), GroupLinear(acting.group, 5, 3)
    head = CovariantHead(acting, 3, 2)
    x = torch.randn(6, 4)
    for index, matrix in enumerate(acting.x_matrices()):
        action = {"matrix": matrix, "coordinates": [1, 2], "labels": None}
        moved = lifting(transform_samples(x, action, "vector"))
        order = torch.from_numpy(acting.group.table[acting.group.inverse[index]])
        assert_close(moved, lifting(x)[:, :, order], precision)
        assert_close(linear(moved), linear(lifting(x))[:, :, order], precision)
        assert_close(head(linear(moved)), head(linear(lifting(x))), precision)


def test_translations_alone_are_the_ordinary_convolution(precision):
    trivial = acting_group((0, 1), [])
    lifting, conv = LiftingConv2d(trivial, 2, 3, 5), GroupConv2d(trivial, 3, 4, 3)
    x = torch.randn(2, 2, 9, 9)
    ordinary = F.conv2d(x, lifting.weight.view(3, 2, 5, 5), lifting.bias, padding=2)
    assert_close(lifting(x), ordinary, precision)
    assert_close(conv(ordinary), F.conv2d(ordinary, conv.weight.view(4, 3, 3, 3), conv.bias, padding=1), precision)


def test_the_pointwise_trivial_case_is_a_one_by_one_convolution(precision):
    trivial = acting_group((0, 1), [])
    pointwise = LiftingConv2d(trivial, 3, 4, 1)
    x = torch.randn(2, 3, 6, 6)
    expected = torch.einsum("oi,bihw->bohw", pointwise.weight[:, :, 0], x) + pointwise.bias[:, None, None]
    assert_close(pointwise(x), expected, precision)


@pytest.mark.parametrize(
    ("candidates", "data"),
    [
        (["E", "D4", {"group": "D4", "labels": "sign"}], {"domain": "image2d", "x_shape": (1, 9, 9), "classes": 2}),
        (["D4"], {"domain": "image2d", "x_shape": (3, 14, 14), "classes": 4}),
        ([{"group": "D4", "translations": False}], {"domain": "image2d", "x_shape": (1, 3, 3), "classes": 2}),
        ([{"group": "S4", "labels": "swap"}], {"domain": "vector", "x_shape": (4,), "classes": 2}),
        ([{"group": "D3", "on": [[0, 1], [2, 3]]}], {"domain": "vector", "x_shape": (4,), "classes": 3}),
        (
            [{"group": "S3", "on": [0, 1, 3], "labels": "vector"}],
            {"domain": "vector", "x_shape": (4,), "target_dim": 4},
        ),
        (["B2"], {"domain": "vector", "x_shape": (2,), "target_dim": 1}),
    ],
)
def test_networks_are_covariant_under_every_class_of_their_group(candidates, data, precision):
    task = "classification" if "classes" in data else "regression"
    full = {"target_dim": None, "classes": None, **data, "task": task}
    plan = plan_search(candidates, **full, include_subgroups=True, max_candidates=64)
    outputs = full["classes"] or full["target_dim"]
    x = torch.randn(5, *full["x_shape"])
    for node in plan["nodes"]:
        config = matched_config(node["spec"], tuple(full["x_shape"]), outputs, 16)
        network = build_network(config).eval()
        standardise(network, torch.randn(50, *full["x_shape"]) + 0.3, node["spec"])
        plain = network(x)
        assert float(plain.std()) > 0
        for c in node["classes"]:
            for action in filter(None, (plan["classes"][c]["action"], plan["classes"][c]["inverse"])):
                if "shift" in action:
                    continue
                moved = network(transform_samples(x, action, full["domain"]))
                assert_close(moved, transform_outputs(plain, action), precision)


def test_a_network_tells_elements_outside_its_group():
    plan = plan_search(
        ["D4"], domain="image2d", x_shape=(1, 8, 8), task="classification", target_dim=None, classes=2,
        include_subgroups=True, max_candidates=64,
    )  # fmt: skip
    torch.manual_seed(0)
    x = torch.randn(8, 1, 8, 8)
    for node in plan["nodes"]:
        network = build_network(NetworkConfig(node["spec"], (1, 8, 8), 2, 12)).eval()
        for c in set(range(len(plan["classes"]))) - set(node["classes"]):
            with torch.no_grad():
                moved = network(transform_samples(x, plan["classes"][c]["action"], "image2d"))
                assert float((moved - network(x)).abs().max()) > 1e-4


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["D4", "D2d", "C4"]), st.integers(2, 9))
def test_grid_moves_compose_as_the_group_does(name, side):
    acting = acting_group((0, 1), planar_generators(name))
    sources = [grid_source(side, side, m) for m in acting.x_matrices()]
    for a in range(acting.group.order):
        for b in range(acting.group.order):
            assert (sources[b][sources[a]] == sources[acting.group.table[a, b]]).all()


def test_named_mirrors_are_the_array_flips_they_say():
    x = torch.arange(9.0).view(1, 1, 3, 3)
    flips = {"D1": (x.flip(-1)), "D1y": x.flip(-2), "D1d": x.transpose(-1, -2), "D1a": x.flip(-1, -2).transpose(-1, -2)}
    for name, expected in flips.items():
        assert torch.equal(turn(x, planar_generators(name)[0]), expected)


def test_an_oblong_grid_has_no_quarter_turn():
    with pytest.raises(ValueError, match="does not map"):
        grid_source(3, 4, planar_generators("C4")[0])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 4), st.sampled_from([3, 5, 8, 14, 21, 28]), st.booleans())
def test_costs_are_known_before_the_network_is_built(fields, channels, side, translations):
    for name in ("C1", "D1d", "C4", "D4"):
        acting = acting_group((0, 1), planar_generators(name))
        spec = {"domain": "image2d", "translations": translations, **acting.spec()}
        config = NetworkConfig(spec, (channels, side, side), 3, min(fields, 6))
        built = sum(p.numel() for p in build_network(config).parameters())
        assert network_cost(config).parameters == built


def test_weight_sharing_matches_parameters_while_operations_grow():
    costs = []
    for name in ("C1", "C2", "C4", "D4"):
        acting = acting_group((0, 1), planar_generators(name))
        spec = {"domain": "image2d", "translations": True, **acting.spec()}
        costs.append(network_cost(matched_config(spec, (1, 28, 28), 10, 24)))
    parameters = [c.parameters for c in costs]
    assert max(parameters) < 1.15 * min(parameters)
    assert [c.flops for c in costs] == sorted(c.flops for c in costs)


def test_label_actions_move_classes_and_scores_alike():
    action = {"matrix": np.eye(2), "coordinates": [0, 1], "labels": np.eye(3)[[2, 0, 1]]}
    y = torch.tensor([0, 1, 2, 2])
    onehot = F.one_hot(y, 3).double()
    assert torch.equal(transform_outputs(onehot, action).argmax(-1), transform_classes(y, action))


def test_spec_of_a_network_survives_json():
    acting = acting_group((0, 1), planar_generators("D4"))
    spec = json.loads(json.dumps(acting.spec()))
    assert sorted(from_spec(spec).keys()) == sorted(acting.keys())


def test_scaling_many_coordinates_takes_the_memory_of_those_that_move():
    acting = acting_group((3, 700), named_group("D4", 2).generators)
    x = np.random.default_rng(0).normal(size=(20, 1000)) * np.linspace(1, 2, 1000)
    tracemalloc.start()
    try:
        shift, scale = invariant_scaling(x, acting)
        assert tracemalloc.get_traced_memory()[1] < 24 * 2**20  # the answer itself takes 8 MiB
    finally:
        tracemalloc.stop()
    for g in embedded_maps(acting, 1000):
        assert np.allclose(g @ shift, shift)
        assert np.allclose(g @ scale, scale @ g)
