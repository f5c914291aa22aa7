"""The measuring of equivariance: it finds maps that commute, and it finds those that do not."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from models.equivariance import (
    assert_equivariant,
    equivariance_errors,
    turn_by_matrices,
    turn_fibres,
    turn_image,
    turn_labels,
    turn_regular,
    turn_vector,
    unmoved,
)
from models.equivariance_report import BANDS, SETTINGS, Move, equivariance_report, moves_of, without_antialiasing
from models.groups.action import acting_group
from models.groups.finite import permutation_matrix
from models.groups.planar import planar_generators, rotation
from models.layers.antialias import BlurPool2d, OversampledReLU
from models.layers.planar import GroupConv2d, LiftingConv2d
from models.layers.regular import CovariantHead, GroupLinear, VectorLifting
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.waves import band_limited, disc_window


@pytest.mark.parametrize("name", ["C4", "D1d", "D4"])
def test_group_convolutions_commute_with_every_element(name, precision):
    acting = acting_group((0, 1), planar_generators(name))
    image, fibres = turn_image(acting), turn_fibres(acting)
    lifting, convolution = LiftingConv2d(acting, 2, 3, 5), GroupConv2d(acting, 3, 2, 3)
    x = torch.randn(2, 2, 7, 7)
    assert_equivariant(lifting, image, fibres, acting.group.order, x)
    assert_equivariant(convolution, fibres, fibres, acting.group.order, lifting(x).detach())


def test_vectors_regular_features_and_labels_are_moved_as_the_layers_move_them(precision):
    swap = permutation_matrix([1, 0])
    acting = acting_group((1, 2), planar_generators("D4"), [np.eye(2), swap])
    lifting, linear, head = VectorLifting(acting, 4, 5), GroupLinear(acting.group, 5, 3), CovariantHead(acting, 3, 2)
    network = nn.Sequential(lifting, nn.SiLU(), linear, nn.SiLU(), head)
    x = torch.randn(6, 4)
    order = acting.group.order
    vector, regular, labels = turn_vector(acting), turn_regular(acting), turn_labels(acting)
    assert_equivariant(lifting, vector, regular, order, x)
    assert_equivariant(network, vector, labels, order, x)
    assert_equivariant(head, regular, turn_by_matrices(acting.y), order, torch.randn(4, 3, 8))
    with pytest.raises(AssertionError, match="of 8 is off by"):
        assert_equivariant(network, vector, unmoved, order, x)


def test_actions_are_homomorphisms():
    acting = acting_group(
        (0, 1), planar_generators("D4"), [permutation_matrix([1, 2, 3, 0]), permutation_matrix([0, 3, 2, 1])]
    )
    table = acting.group.table
    cases = [
        (turn_image(acting), torch.randn(2, 5, 5)),
        (turn_fibres(acting), torch.randn(2, 16, 4, 4)),
        (turn_regular(acting), torch.randn(2, 3, 8)),
        (turn_vector(acting), torch.randn(2, 3)),
        (turn_labels(acting), torch.randn(2, 4)),
    ]
    for act, x in cases:
        for g in range(8):
            for h in range(8):
                assert torch.allclose(act(act(x, h), g), act(x, int(table[g, h])), atol=1e-6)


def test_an_ordinary_convolution_is_found_out():
    acting = acting_group((0, 1), planar_generators("C4"))
    torch.manual_seed(0)
    convolution = nn.Conv2d(1, 1, 3, padding=1)
    errors = equivariance_errors(convolution, turn_image(acting), turn_image(acting), 4, torch.randn(2, 1, 6, 6))
    assert errors[0] == 0.0
    assert min(errors[1:]) > 0.1
    with pytest.raises(AssertionError):
        assert_equivariant(convolution, turn_image(acting), turn_image(acting), 4, torch.randn(2, 1, 6, 6))


def test_an_output_of_zeros_shows_nothing():
    acting = acting_group((0, 1), planar_generators("C4"))
    with pytest.raises(ValueError, match="show nothing"):
        assert_equivariant(torch.zeros_like, turn_image(acting), turn_image(acting), 4, torch.randn(1, 1, 4, 4))


def image_spec(name, labels="trivial", y=None):
    common = {"domain": "image2d", "translations": True}
    if name in ("SO(2)", "O(2)", "Scale", "SIM(2)"):
        return {**common, "kind": "family", "family": name, "labels": labels}
    return {**common, **acting_group((0, 1), planar_generators(name), y).spec()}


def network_of(spec, x_shape, outputs):
    """A network whose norms have seen samples, as after training."""
    torch.manual_seed(0)
    network = build_network(NetworkConfig(spec, x_shape, outputs, 2))
    with torch.no_grad():
        for _ in range(10):
            network(torch.randn(16, *x_shape))
    return network


def worst(rows, **wanted):
    errors = [row["error"] for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert errors
    return max(errors)


def test_turned_waves_are_the_wave_at_turned_places():
    waves = band_limited(np.random.default_rng(0), 2, 3, math.pi / 2)
    image = waves.image(9, 9)
    assert image.shape == (2, 3, 9, 9)
    quarter = waves.image(9, 9, rotation(90).T)
    assert np.allclose(quarter, np.rot90(image, -1, axes=(2, 3)))  # from x towards y, which points down
    twice = waves.image(9, 9, (rotation(30) @ rotation(60)).T)
    assert np.allclose(twice, quarter)
    assert np.allclose(disc_window(9, 9, 4.5, rotation(33)), disc_window(9, 9, 4.5))
    many = band_limited(np.random.default_rng(1), 40, 1, math.pi / 2).image(24, 24)
    assert 0.8 < many.var() < 1.2
    spectrum = np.abs(np.fft.fft2(many * np.outer(np.hanning(24), np.hanning(24)))) ** 2
    frequency = np.abs(np.fft.fftfreq(24)) * 2 * np.pi
    above = np.hypot(frequency[:, None], frequency) > math.pi / 2 + 0.6
    assert spectrum[..., above].sum() < 1e-3 * spectrum.sum()


@pytest.mark.parametrize(("name", "size"), [("C4", 12), ("D4", 9), ("C8", 16), ("SO(2)", 16)])
def test_right_angles_are_exact_and_other_turns_are_not(name, size):
    spec = image_spec(name)
    network = network_of(spec, (1, size, size), 3)
    rows = equivariance_report(network, (1, size, size), moves_of(spec, angles=(22.5,)), samples=4)
    assert {row["where"] for row in rows} == set(SETTINGS)
    assert {row["band"] for row in rows} == set(BANDS)
    measured = True if name in ("C8", "SO(2)") else None
    for where in ("centre", "boundary"):
        assert worst(rows, element="r90", where=where, antialiased=measured) < 1e-5
    assert worst(rows, element="r22.5", where="centre", antialiased=measured) > 1e-4
    assert worst(rows, element="r90", where="clutter", antialiased=measured) > 1e-2
    assert next(row for row in rows if row["element"] == "r22.5")["member"] is (name == "SO(2)")
    assert json.loads(json.dumps(rows)) == rows


def test_an_unconstrained_network_is_far_off():
    trivial = {**image_spec("C4"), "x": [], "kind": "permutation"}
    rows = equivariance_report(network_of(trivial, (1, 12, 12), 3), (1, 12, 12), moves_of(image_spec("C4")), samples=4)
    assert worst(rows, element="r90", where="centre") > 0.3


def test_labels_that_move_are_moved():
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    spec = image_spec("D4", y=[np.eye(2), swap])
    network = network_of(spec, (1, 9, 9), 2)
    rows = equivariance_report(network, (1, 9, 9), moves_of(spec), samples=4)
    assert worst([r for r in rows if r["member"] and r["where"] != "clutter"]) < 1e-5
    forgotten = [Move(m.element, m.angle_degrees, m.matrix) for m in moves_of(spec) if m.element == "mx"]
    assert worst(equivariance_report(network, (1, 9, 9), forgotten, samples=4), where="centre") > 0.01


def test_elements_and_angles_are_each_named_once():
    names = [move.element for move in moves_of(image_spec("C8"))]
    assert len(names) == len(set(names))
    members = {move.element for move in moves_of(image_spec("C8")) if move.member}
    assert members == {f"r{45 * k}" for k in range(1, 8)}
    assert {f"r{7.5 * k:g}" for k in range(1, 25)} <= set(names)
    quarter_labels = image_spec("C4", y=[np.roll(np.eye(4), 1, axis=0)])
    assert {move.element for move in moves_of(quarter_labels)} == {"r90", "r180", "r270"}
    vector = {move.element: move for move in moves_of(image_spec("C4", y=[rotation(90)]))}
    assert np.allclose(vector["r30"].labels, rotation(30))
    assert "r30" not in {move.element for move in moves_of(image_spec("Scale")) if move.member}
    assert any(np.isclose(np.linalg.det(move.matrix), 2.0) for move in moves_of(image_spec("SIM(2)")))


def test_without_its_low_pass_a_network_is_worse():
    spec = image_spec("C8")
    network = network_of(spec, (1, 16, 16), 3)
    rows = equivariance_report(network, (1, 16, 16), moves_of(spec, angles=()), samples=4)
    off = [row for row in rows if row["where"] == "centre" and row["angle_degrees"] % 90 != 0]
    assert worst(off, antialiased=True) < 0.7 * worst(off, antialiased=False)


def test_plain_strides_and_relus_take_the_place_of_the_anti_aliasing():
    network = nn.Sequential(OversampledReLU(8, 8), nn.Sequential(BlurPool2d(8, 8)), nn.ReLU())
    plain = without_antialiasing(network)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(plain(x), x.relu()[..., ::2, ::2])
    assert isinstance(network[0], OversampledReLU)
    assert without_antialiasing(nn.Sequential(nn.ReLU())) is None


def test_vector_networks_are_measured_on_random_vectors():
    acting = acting_group((1, 2), planar_generators("D5"))
    spec = {"domain": "vector", "translations": None, **acting.spec()}
    network = network_of(spec, (4,), 2)
    rows = equivariance_report(network, (4,), moves_of(spec))
    assert len(rows) == 9
    assert {row["where"] for row in rows} == {"vector"}
    assert worst(rows) < 1e-5
    turn = Move("other", 20.0, rotation(20.0), None, False, (1, 2))
    assert worst(equivariance_report(network, (4,), [turn])) > 1e-3


def test_families_on_vectors_are_measured_on_their_probes():
    spec = {"domain": "vector", "translations": None, "kind": "family", "family": "SO(n)", "labels": "trivial", "n": 3,
            "vectors": [[0, 1, 2], [3, 4, 5]]}  # fmt: skip
    rows = equivariance_report(network_of(spec, (6,), 2), (6,), moves_of(spec))
    assert len(rows) >= 6
    assert worst(rows) < 1e-4


def test_a_network_keeps_its_mode_and_a_constant_has_no_error():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 2)

    network = Constant()
    rows = equivariance_report(network, (1, 8, 8), moves_of(image_spec("C4")))
    assert network.training
    assert {row["error"] for row in rows} == {None}
