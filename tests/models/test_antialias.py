"""Anti-aliased pooling and nonlinearities commute with the grid's symmetries and keep what a coarse grid can hold."""

import math

import pytest
import torch
from torch import nn

from models.equivariance import assert_equivariant, turn_image
from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.layers.antialias import BlurPool2d, OversampledReLU
from models.layers.steerable import FourierReLU
from tests.models.promises import assert_keeps_promises


@pytest.mark.parametrize("size", [3, 4, 7, 12, 28])
def test_square_grids_keep_every_symmetry(size, precision):
    acting = acting_group((0, 1), planar_generators("D4"))
    turn = turn_image(acting)
    x = torch.randn(2, 3, size, size)
    for layer in (BlurPool2d(size, size), OversampledReLU(size, size)):
        assert_equivariant(layer, turn, turn, 8, x)
    assert BlurPool2d(size, size)(x).shape[-2:] == ((size + 1) // 2, (size + 1) // 2)


@pytest.mark.parametrize(("height", "width"), [(5, 8), (9, 6), (7, 11)])
def test_oblong_grids_keep_half_turns_and_mirrors(height, width, precision):
    acting = acting_group((0, 1), planar_generators("D2"))
    turn = turn_image(acting)
    for layer in (BlurPool2d(height, width), OversampledReLU(height, width)):
        assert_equivariant(layer, turn, turn, 4, torch.randn(2, 3, height, width))


def test_taps_that_break_right_angles_are_refused():
    for taps in (5, 7):
        with pytest.raises(ValueError, match=r"both odd, as 29 x 29"):
            BlurPool2d(28, 28, taps)
        BlurPool2d(29, 29, taps)
    with pytest.raises(ValueError, match=r"both even, as 28 x 10"):
        BlurPool2d(28, 9, 6)
    with pytest.raises(ValueError, match="1 taps"):
        BlurPool2d(9, 9, 1)


def test_the_rule_for_taps_is_the_one_of_centred_strides():
    """A strided convolution keeps right angles exactly when (H + 2p - K) mod 2 = 0: the taps that are taken obey it."""
    for side in range(3, 12):
        for taps in range(2, 8):
            try:
                BlurPool2d(side, side, taps)
                fits = True
            except ValueError:
                fits = False
            assert fits == any((side + 2 * p - taps) % 2 == 0 for p in range(4))


def test_a_constant_stays_and_the_highest_frequency_goes():
    checks = torch.tensor([(-1.0) ** (i + j) for i in range(12) for j in range(12)]).view(1, 1, 12, 12)
    assert torch.allclose(BlurPool2d(12, 12)(torch.ones(1, 1, 12, 12)), torch.ones(1, 1, 6, 6))
    assert float(BlurPool2d(12, 12)(checks)[..., 1:-1, 1:-1].abs().max()) < 1e-6
    assert torch.allclose(OversampledReLU(12, 12)(torch.ones(1, 1, 12, 12)), torch.ones(1, 1, 12, 12), atol=1e-6)


@pytest.mark.parametrize("direction", [0.0, 0.4, math.pi / 4])
def test_positive_waves_fade_alike_in_every_direction(direction):
    """Where the ReLU does nothing, a wave of frequency k keeps exp(-k^2 / 8): a Gaussian of half a pixel."""
    x = torch.arange(48, dtype=torch.float64) - 23.5
    frequency = math.pi / 2
    wave = torch.cos(frequency * (math.cos(direction) * x + math.sin(direction) * x[:, None]))[None, None]
    out = OversampledReLU(48, 48).double()(wave + 2.0) - 2.0
    expected = math.exp(-(frequency**2) / 8.0) * wave
    assert float((out - expected)[..., 12:-12, 12:-12].abs().max()) < 0.01


def test_a_finer_grid_moves_the_relu_less_when_the_image_moves():
    """Shifted by parts of a pixel, a wave comes out of the oversampled ReLU with more nearly the same energy."""
    x = torch.arange(64, dtype=torch.float64) - 31.5

    def image(shift):
        return torch.cos(2 * math.pi / 3 * (x + shift))[None, None, :, None].expand(1, 1, 64, 64)

    def energy_spread(layer):
        energies = [layer(image(s))[..., 16:-16, 16:-16].square().mean().sqrt() for s in (0.0, 0.25, 0.5, 0.75)]
        return float(max(energies) - min(energies))

    assert energy_spread(OversampledReLU(64, 64).double()) < 0.35 * energy_spread(nn.ReLU())


def test_layers_keep_their_promises():
    x = torch.randn(2, 6, 9, 8, dtype=torch.float64)
    assert_keeps_promises(BlurPool2d(9, 8), x)
    assert_keeps_promises(OversampledReLU(9, 8), x)
    assert repr(BlurPool2d(9, 8)) == "BlurPool2d(9x8, binomial of 5x6 taps)"


def test_functions_on_the_circle_can_be_rectified_on_the_finer_grid():
    layer = OversampledReLU(8, 8, FourierReLU("SO(2)", 1, 2))
    x = torch.randn(2, 6, 8, 8)
    assert layer(x).shape == x.shape
    assert layer.fold() is layer
