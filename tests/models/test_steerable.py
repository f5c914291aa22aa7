"""Steerable convolutions commute with the grid's own symmetries exactly and with every other turn nearly."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.equivariance import (
    assert_equivariant,
    turn_by_matrices,
    turn_functions,
    turn_image,
    unmoved,
)
from models.groups.action import acting_group
from models.groups.planar import planar_generators, rotation
from models.layers.antialias import OversampledReLU
from models.layers.circular import circular_harmonics, convolution_basis, function_action, lifting_basis
from models.layers.filter_counts import (
    coefficient_count,
    convolution_count,
    harmonic_count,
    lifting_count,
    profile_counts,
)
from models.layers.readout import DiscMean
from models.layers.steerable import FourierReLU, SteerableConv2d, SteerableHead, SteerableLifting2d, SteerableNorm2d
from models.waves import band_limited
from tests.models.promises import assert_keeps_promises

GRID = {"SO(2)": "C4", "O(2)": "D4"}


def grid_group(group):
    return acting_group((0, 1), planar_generators(GRID[group]))


@pytest.mark.parametrize("group", GRID)
@pytest.mark.parametrize(("frequency", "size"), [(1, 3), (2, 5), (3, 7)])
def test_steerable_layers_commute_with_the_grids_symmetries(group, frequency, size, precision):
    acting = grid_group(group)
    order = acting.group.order
    image, functions = turn_image(acting), turn_functions(acting, group, frequency)
    lifting = SteerableLifting2d(group, frequency, 2, 3, size)
    x = torch.randn(2, 2, 9, 9)
    assert_equivariant(lifting, image, functions, order, x)
    features = torch.randn(2, 3 * coefficient_count(group, frequency), 8, 8)
    convolution = SteerableConv2d(group, frequency, 3, 2, size)
    norm = SteerableNorm2d(group, frequency, 3)
    for layer in (convolution, norm, FourierReLU(group, frequency, 3)):
        assert_equivariant(layer, functions, functions, order, features)
    assert_equivariant(norm.eval(), functions, functions, order, features)


@pytest.mark.parametrize(
    ("group", "labels", "y"),
    [
        ("SO(2)", "trivial", [np.eye(2)]),
        ("SO(2)", "vector", [rotation(90)]),
        ("O(2)", "trivial", [np.eye(2), np.eye(2)]),
        ("O(2)", "sign", [np.eye(2), -np.eye(2)]),
        ("O(2)", "vector", [rotation(90), np.diag([-1.0, 1.0])]),
    ],
)
def test_a_network_moves_its_labels_as_it_should(group, labels, y, precision):
    acting = acting_group((0, 1), planar_generators(GRID[group]), y)
    network = nn.Sequential(
        SteerableLifting2d(group, 2, 1, 4, 5),
        SteerableNorm2d(group, 2, 4),
        FourierReLU(group, 2, 4),
        SteerableConv2d(group, 2, 4, 3, 5),
        SteerableNorm2d(group, 2, 3),
        FourierReLU(group, 2, 3),
        DiscMean(coefficient_count(group, 2), 9, 9),
        SteerableHead(group, 2, 3, 2, labels),
    )
    labels_action = unmoved if acting.y is None else turn_by_matrices(acting.y)
    # Sign labels are small differences of averages: more of their digits are rounding.
    tolerance = 1e-4 if labels == "sign" and precision == torch.float32 else None
    x = torch.randn(3, 1, 9, 9)
    assert_equivariant(network, turn_image(acting), labels_action, acting.group.order, x, tolerance)


def test_classes_that_mirrors_exchange_keep_their_sum(precision):
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    acting = acting_group((0, 1), planar_generators("D4"), [np.eye(2), swap])
    head = SteerableHead("O(2)", 1, 3, 2, "sign", swap)
    matrices = np.stack([function_action("O(2)", 1, matrix) for matrix in acting.x_matrices()])
    x = torch.randn(4, 3, 6)
    assert_equivariant(head, turn_by_matrices(matrices), turn_by_matrices(acting.y), 8, x)
    folded = head.fold()
    assert torch.allclose(folded(x), head(x), atol=1e-5)
    assert float((head(x)[:, 0] - head(x)[:, 1]).detach().abs().max()) > 1e-2


@pytest.mark.parametrize("group", GRID)
def test_elements_act_on_functions_as_a_group(group):
    acting = acting_group((0, 1), planar_generators(GRID[group].replace("4", "6")))
    matrices = [function_action(group, 3, m) for m in acting.x_matrices()]
    for i, a in enumerate(matrices):
        for j, b in enumerate(matrices):
            assert np.allclose(a @ b, matrices[acting.group.table[i, j]])


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 360), st.floats(0, 360), st.booleans(), st.booleans())
def test_every_turn_and_mirror_acts_by_an_orthogonal_product(a, b, mirrored_a, mirrored_b):
    mirror = np.diag([-1.0, 1.0])
    g = rotation(a) @ (mirror if mirrored_a else np.eye(2))
    h = rotation(b) @ (mirror if mirrored_b else np.eye(2))
    product = function_action("O(2)", 3, g) @ function_action("O(2)", 3, h)
    assert np.allclose(product, function_action("O(2)", 3, g @ h), atol=1e-9)
    # Between the orthonormal functions 1, sqrt 2 cos kt, sqrt 2 sin kt, which share one factor for each k.
    assert np.allclose(product @ product.T, np.eye(14), atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.floats(0, 360))
def test_two_layers_on_a_finer_grid_commute_with_any_turn_of_smooth_images(degrees):
    """The fibre in the middle of an image turned by any angle, against the turned fibre."""
    torch.manual_seed(0)
    relu = OversampledReLU(21, 21, FourierReLU("SO(2)", 2, 3, 24))
    network = nn.Sequential(SteerableLifting2d("SO(2)", 2, 1, 3, 7), relu, SteerableConv2d("SO(2)", 2, 3, 3, 5))
    waves = band_limited(np.random.default_rng(0), 6, 1, math.pi / 4)
    with torch.no_grad():
        still, turned = (
            network(torch.from_numpy(waves.image(21, 21, inverse)).float())[..., 10, 10].unflatten(1, (3, 5))
            for inverse in (None, rotation(degrees).T)
        )
    moved = still @ torch.from_numpy(function_action("SO(2)", 2, rotation(degrees))).float().T
    assert float((turned - moved).norm() / still.norm()) < 0.02


@pytest.mark.parametrize("group", GRID)
def test_a_function_moves_with_its_argument(group):
    """(h.f)(g) = f(h^-1 g), checked by evaluating both sides."""
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=coefficient_count(group, 3))

    def value(c, matrix):
        mirrored = np.linalg.det(matrix) < 0
        turn = matrix @ np.diag([-1.0, 1.0]) if mirrored else matrix
        t = math.atan2(turn[1, 0], turn[0, 0])
        part = c[7:] if mirrored else c[:7]
        return part[0] + sum(part[2 * k - 1] * np.cos(k * t) + part[2 * k] * np.sin(k * t) for k in (1, 2, 3))

    mirror = np.diag([-1.0, 1.0])
    elements = [
        rotation(a) @ m for a in (17.0, 200.0) for m in ([np.eye(2), mirror] if group == "O(2)" else [np.eye(2)])
    ]
    for h in elements:
        for g in elements:
            moved = function_action(group, 3, h) @ coefficients
            assert math.isclose(value(moved, g), value(coefficients, h.T @ g), abs_tol=1e-12)


@pytest.mark.parametrize("size", [3, 5, 7, 9])
def test_harmonics_answer_turned_waves_with_turned_phases(size):
    """On a plane wave of a quarter of the highest frequency, turning the wave by t turns harmonic m by m t."""
    offsets = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(offsets, offsets, indexing="ij")

    def answers(kernels, angle):
        wave = np.exp(1j * math.pi / 4 * (x * math.cos(angle) + y * math.sin(angle))).ravel()
        return kernels @ wave  # (profiles, 2)

    error = power = 0.0
    for m, kernels in enumerate(circular_harmonics(size, 4)):
        assert len(kernels) == profile_counts(size, 4)[m]
        flat = kernels.reshape(len(kernels), 2 * size**2)
        assert np.allclose(flat @ flat.T, np.eye(len(kernels)), atol=1e-9)
        for angle in (0.2, 0.4, 0.7):
            c, s = math.cos(m * angle), math.sin(m * angle)
            still = answers(kernels, 0.3)
            error += (np.abs(answers(kernels, 0.3 + angle) - still @ np.array([[c, s], [-s, c]])) ** 2).sum()
            power += (np.abs(still) ** 2).sum()
    assert math.sqrt(error / power) < {3: 0.05, 5: 0.01, 7: 0.002, 9: 0.002}[size]


@pytest.mark.parametrize("group", GRID)
@pytest.mark.parametrize(("frequency", "size"), [(1, 3), (2, 5), (3, 7), (2, 9)])
def test_counts_are_known_without_building(group, frequency, size):
    assert len(lifting_basis(group, frequency, size)) == lifting_count(group, frequency, size)
    basis = convolution_basis(group, frequency, size)
    assert len(basis) == convolution_count(group, frequency, size)
    if frequency < 3:
        assert np.linalg.matrix_rank(basis.reshape(len(basis), -1)) == len(basis)
    assert harmonic_count(size, 0) == profile_counts(size, 0)[0]


def test_the_nonlinearity_is_the_relu_of_the_function():
    """A function that is positive everywhere passes unchanged; one that is negative everywhere vanishes."""
    relu = FourierReLU("SO(2)", 2, 1, 12)
    positive = torch.tensor([3.0, 0.5, 0.3, -0.4, 0.2])[None, :, None, None]
    assert torch.allclose(relu(positive), positive, atol=1e-6)
    assert float(relu(-positive).abs().max()) == 0.0
    with pytest.raises(ValueError, match="multiple of 4"):
        FourierReLU("SO(2)", 2, 1, 6)


def test_the_norm_brings_functions_to_mean_zero_and_variance_one():
    torch.manual_seed(0)
    norm = SteerableNorm2d("O(2)", 2, 3).double()
    x = torch.randn(4, 30, 6, 6, dtype=torch.float64) * 3.0 + 1.0
    y = norm(x).unflatten(1, (3, 2, 5))
    angles = torch.arange(16, dtype=torch.float64) * 2 * math.pi / 16
    waves = torch.stack([torch.ones_like(angles), angles.cos(), angles.sin(), (2 * angles).cos(), (2 * angles).sin()])
    values = torch.einsum("nfmchw,cs->fnmhws", y, waves).flatten(1)
    assert torch.allclose(values.mean(1), torch.zeros(3, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(values.var(1, unbiased=False), torch.ones(3, dtype=torch.float64), atol=1e-4)


@pytest.mark.parametrize("group", GRID)
def test_steerable_layers_keep_their_promises(group):
    channels = coefficient_count(group, 2)
    features = torch.randn(2, 3 * channels, 6, 6, dtype=torch.float64)
    assert_keeps_promises(SteerableLifting2d(group, 2, 2, 3, 5), torch.randn(2, 2, 6, 6, dtype=torch.float64))
    assert_keeps_promises(SteerableConv2d(group, 2, 3, 2, 5), features)
    assert_keeps_promises(SteerableNorm2d(group, 2, 3), features)
    assert_keeps_promises(SteerableHead(group, 2, 3, 2), torch.randn(2, 3, channels, dtype=torch.float64))
    relu = FourierReLU(group, 2, 3).double()
    assert relu.fold() is relu
    assert torch.equal(pickle.loads(pickle.dumps(relu))(features), copy.deepcopy(relu)(features))


def test_layers_read_as_what_they_are():
    assert repr(SteerableConv2d("SO(2)", 3, 2, 4, 5)) == "SteerableConv2d(SO(2), F=3: 2 -> 4 fields, 5x5)"
    assert repr(SteerableLifting2d("O(2)", 2, 1, 4, 5)) == "SteerableLifting2d(O(2), F=2: 1 -> 4 fields, 5x5)"
    assert repr(FourierReLU("O(2)", 2, 4)) == "FourierReLU(O(2), F=2: 4 fields at 12 angles)"


def test_what_a_window_or_a_group_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="no filter of frequency 3"):
        SteerableLifting2d("SO(2)", 3, 1, 1, 3)
    with pytest.raises(ValueError, match="3, 5, 7, 9 pixels wide, not 4"):
        SteerableConv2d("SO(2)", 1, 1, 1, 4)
    with pytest.raises(ValueError, match=r"not SO\(3\)"):
        SteerableConv2d("SO(3)", 1, 1, 1, 3)
    with pytest.raises(ValueError, match=r"SO\(2\) has no sign labels"):
        SteerableHead("SO(2)", 1, 1, 1, "sign")
    with pytest.raises(ValueError, match="holds no mirrors"):
        function_action("SO(2)", 1, np.diag([-1.0, 1.0]))
