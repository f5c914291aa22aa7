"""Deformable group convolution: offsets transform as vectors; exact at right angles, measured between them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.equivariance import assert_equivariant, turn_fibres
from models.groups.action import acting_group
from models.groups.planar import planar_generators, rotation
from models.layers.deformable import DeformableGroupConv2d, interpolated
from models.layers.planar import GroupConv2d
from tests.models.promises import assert_keeps_promises


def acting(name):
    return acting_group((0, 1), planar_generators(name))


def layer_of(name, inside, outside, size, spread=5.0):
    """A layer whose offsets are of the order of a pixel."""
    torch.manual_seed(0)
    layer = DeformableGroupConv2d(acting(name), inside, outside, size)
    with torch.no_grad():
        layer.offsets.weight *= spread
        layer.offsets.bias.normal_(std=0.3)
    return layer


def points(size):
    axis = np.arange(size) - (size - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.stack([x, y], -1)


def waves(at, channels, band, seed):
    """(channels, ...) sums of plane waves with frequencies up to `band` at points (..., 2)."""
    rng = np.random.default_rng(seed)
    k, angle = rng.uniform(0, band, (channels, 12)), rng.uniform(0, 2 * np.pi, (channels, 12))
    frequencies = np.stack([k * np.cos(angle), k * np.sin(angle)], -1)
    phase = rng.uniform(0, 2 * np.pi, (channels, 12))
    each = np.cos(np.einsum("cfd,...d->cf...", frequencies, at) + phase.reshape(channels, 12, *[1] * (at.ndim - 1)))
    return torch.from_numpy(each.sum(1) / math.sqrt(6))


@pytest.mark.parametrize("name", ["C1", "C4", "D1d", "D4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("side", [8, 9])
def test_right_angles_and_mirrors_commute_with_the_layer(name, dtype, side):
    group = acting(name)
    layer = layer_of(name, 2, 3, 3).to(dtype)
    x = torch.randn(2, 2 * group.group.order, side, side, dtype=dtype)
    action = turn_fibres(group)
    assert_equivariant(layer, action, action, group.group.order, x)


def test_offsets_that_would_not_turn_as_vectors_break_the_equivariance():
    """The same layer whose offsets stay in the image's frame instead of that of g."""
    group, layer = acting("C4"), layer_of("C4", 2, 2, 3).double()
    x = torch.randn(1, 8, 9, 9, dtype=torch.float64)
    action = turn_fibres(group)
    layer.reading.frames.copy_(torch.eye(2).expand(4, 2, 2))
    with pytest.raises(AssertionError, match="is off by"):
        assert_equivariant(layer, action, action, 4, x)


@pytest.mark.parametrize("name", ["C4", "D4"])
def test_without_offsets_it_is_the_group_convolution(name):
    torch.manual_seed(0)
    layer = DeformableGroupConv2d(acting(name), 2, 3, 3).double()
    plain = GroupConv2d(acting(name), 2, 3, 3).double()
    x = torch.randn(2, 2 * acting(name).group.order, 7, 7, dtype=torch.float64)
    with torch.no_grad():
        layer.offsets.weight.zero_()
        layer.offsets.bias.zero_()
        one = torch.eye(9, dtype=torch.float64)
        # The basis of the group convolution for grid symmetries is the pixels themselves, up to an orthogonal map.
        probe = GroupConv2d(acting("C1"), 1, 9, 3, bias=False).double()
        probe.weight.copy_(one[:, None, None])
        pixels = probe.kernel().view(9, 9)
        plain.weight.copy_(torch.linalg.solve(pixels.T, layer.weight[..., None])[..., 0])
        plain.bias.copy_(layer.bias)
        assert torch.allclose(layer(x), plain(x), atol=1e-10)


def test_offsets_displace_what_is_read():
    """One point, moved one pixel along x in the frame of the identity: the map is a shift."""
    layer = DeformableGroupConv2d(acting("C1"), 1, 1, 1, reach=1e6).double()
    x = torch.randn(1, 1, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.offsets.weight.zero_()
        layer.offsets.bias.copy_(torch.tensor([1.0, 0.0]))
        assert torch.allclose(layer(x)[..., :-1], x[..., 1:], atol=1e-6)


@pytest.mark.parametrize(("band", "bound"), [(math.pi / 4, 0.005), (math.pi / 2, 0.04)])
def test_the_error_at_45_degrees_is_that_of_interpolation(band, bound):
    group = acting("C8")
    eighth = next(i for i, m in enumerate(group.x_matrices()) if np.allclose(m, rotation(45)))
    layer = layer_of("C8", 2, 4, 3, spread=3.0).double()
    order = group.group.table[group.group.inverse[eighth]]
    difference = total = 0.0
    with torch.no_grad():
        for seed in range(12):
            plain = waves(points(13), 16, band, seed)
            turned = waves(points(13) @ rotation(45), 16, band, seed)  # x(g^-1 p)
            moved = turned.view(2, 8, 13, 13)[:, order].reshape(1, 16, 13, 13)
            a = layer(moved)[0, :, 6, 6]
            b = layer(plain[None])[0, :, 6, 6].view(4, 8)[:, order].flatten()
            difference += float((a - b).square().sum())
            total += float(b.square().sum())
    assert math.sqrt(difference / total) < bound


@pytest.mark.parametrize(("band", "bound"), [(math.pi / 4, 0.004), (math.pi / 2, 0.04)])
def test_interpolation_is_true_to_band_limited_images(band, bound):
    at = np.random.default_rng(0).uniform(-3, 3, (1, 40, 2))
    image = torch.stack([waves(points(15), 3, band, seed) for seed in range(10)])
    truth = torch.stack([waves(at, 3, band, seed) for seed in range(10)])
    read = interpolated(image, torch.from_numpy(at + 7.0)[None].expand(10, -1, -1, -1))
    assert float((read - truth).norm() / truth.norm()) < bound


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 7), st.integers(2, 7), st.integers(0, 10**6))
def test_interpolation_passes_through_the_pixels_and_is_zero_far_away(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 2, height, width, dtype=torch.float64, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    at = torch.stack([columns, rows], -1).double()[None]
    assert torch.allclose(interpolated(x, at), x, atol=1e-10)
    assert float(interpolated(x, at + 20.0).abs().max()) == 0.0


def test_layers_keep_their_promises():
    x = torch.randn(2, 8, 6, 6, dtype=torch.float64)
    assert_keeps_promises(DeformableGroupConv2d(acting("C4"), 2, 3, 3), x)
    assert_keeps_promises(DeformableGroupConv2d(acting("D4"), 1, 2, 3, bias=False), x)


def test_offsets_stay_within_reach():
    layer = layer_of("C4", 1, 1, 1, spread=1e3).double()
    x = torch.zeros(1, 4, 15, 15, dtype=torch.float64)
    x[..., 7, 7] = 100.0
    layer.bias.data.zero_()
    with torch.no_grad():
        seen = layer(x).abs().amax((0, 1)) > 1e-9
    assert bool(seen.any())
    assert not seen[:3].any()  # reach 2 and the cubic's two pixels
