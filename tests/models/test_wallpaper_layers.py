"""Wallpaper convolutions commute with every turn, mirror and glide of their group, and miss no such map."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.actions.samples import transform_samples
from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.groups.wallpaper import WALLPAPER_NAMES, kernel_parameters, wallpaper_group
from models.layers.wallpaper import IsotropicConv2d, WallpaperConv2d
from tests.models.promises import assert_keeps_promises

SQUARE = ("C3", "D3", "C4", "D4", "C6", "D6")  # point groups that need equal sides


def cells(name):
    """A cell that the group fits, oblong where it may be, and an image of whole cells, both (width, height)."""
    group = wallpaper_group(name)
    if group.point_group in SQUARE:
        return (4, 4), (12, 12)
    return (2, 4), (6, 8)


def maps(name, cell, image):
    """Every element of the group on the periodic image as sources: (g.x)[p] = x[source[p]], flat."""
    group = wallpaper_group(name)
    width, height = image
    rows, columns = np.divmod(np.arange(width * height), width)
    steps = itertools.product(range(0, width, cell[0]), range(0, height, cell[1]))
    for (across, down), (matrix, shift) in itertools.product(steps, zip(group.matrices, group.shifts, strict=True)):
        t = shift * np.asarray(cell) // 2 + [across, down]
        x, y = matrix @ np.stack([columns, rows]) + t[:, None]
        source = np.empty(width * height, dtype=np.int64)
        source[(y % height) * width + x % width] = np.arange(width * height)
        yield source


def moved(x, source):
    return x.flatten(-2)[..., torch.from_numpy(source)].view_as(x)


def layer_of(name, cell, radius, channels=(2, 3)):
    torch.manual_seed(0)
    layer = WallpaperConv2d(name, cell, *channels, radius)
    layer.bias.data.normal_()
    return layer


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_every_element_glides_included_commutes_with_the_layer(name, dtype, tolerance):
    cell, image = cells(name)
    layer = layer_of(name, cell, 1).to(dtype)
    x = torch.randn(2, 2, image[1], image[0], dtype=dtype)
    with torch.no_grad():
        plain = layer(x)
        for source in maps(name, cell, image):
            error = float((layer(moved(x, source)) - moved(plain, source)).abs().max())
            assert error <= tolerance * float(plain.abs().max())


@pytest.mark.parametrize("name", ["pg", "pmg", "pgg", "p4g", "cm", "cmm"])
def test_half_of_a_glide_is_no_symmetry(name):
    """The shift by half a cell alone, and the mirror alone, must not commute unless the group holds them."""
    cell, image = (4, 4), (8, 8)
    layer = layer_of(name, cell, 1).double()
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    inside = {tuple(s) for s in maps(name, cell, image)}
    rows, columns = np.divmod(np.arange(64), 8)
    halves = {
        "shift": rows * 8 + (columns + 2) % 8,
        "other shift": (rows + 2) % 8 * 8 + columns,
        "mirror": rows * 8 + (-columns) % 8,
        "quarter": (-columns) % 8 * 8 + rows,
    }
    outside = {k: s for k, s in halves.items() if tuple(s) not in inside}
    assert outside
    with torch.no_grad():
        for source in outside.values():
            assert float((layer(moved(x, source)) - moved(layer(x), source)).abs().max()) > 1e-2


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
def test_the_layer_is_every_local_map_that_commutes_with_the_group(name):
    """A random map with the reach of the layer, averaged over the group, lies in the span of the layer's weights."""
    cell, image = cells(name)
    layer = WallpaperConv2d(name, cell, 1, 1, 1).double()
    n = image[0] * image[1]
    basis = []
    with torch.no_grad():
        for k in range(layer.weight.shape[-1]):
            layer.weight.zero_()
            layer.weight[..., k] = 1.0
            layer.bias.zero_()
            basis.append(layer(torch.eye(n, dtype=torch.float64).view(n, 1, image[1], image[0])).flatten(1))
    basis = torch.stack(basis)
    assert torch.equal(basis.sum(0) > 0, basis.amax(0) == 1.0)  # disjoint orbits of ones
    reach = basis.sum(0)
    local = torch.randn(n, n, dtype=torch.float64) * reach
    elements = [torch.from_numpy(s) for s in maps(name, cell, image)]
    average = torch.stack([local[s][:, s] for s in elements]).mean(0)
    coefficients = (basis * average).sum((1, 2)) / basis.sum((1, 2))
    assert torch.allclose(torch.einsum("k,kpq->pq", coefficients, basis), average, atol=1e-12)


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
def test_one_pixel_cells_leave_the_point_group(name):
    if wallpaper_group(name).has_glides:
        with pytest.raises(ValueError, match="even"):
            WallpaperConv2d(name, (1, 1), 1, 1, 1)
        return
    assert WallpaperConv2d(name, (1, 1), 1, 1, 1).weight.numel() == kernel_parameters(name, 1)


def test_p4m_leaves_three_of_nine_weights():
    d4 = acting_group((0, 1), planar_generators("D4"))
    assert WallpaperConv2d("p4m", (1, 1), 1, 1, 1).weight.numel() == 3
    assert IsotropicConv2d(d4, 1, 1, 3).weight.numel() == 3


@pytest.mark.parametrize("name", ["C2", "C4", "D1d", "D2", "D4"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_isotropic_kernels_commute_with_the_point_group(name, dtype, tolerance):
    torch.manual_seed(0)
    group = acting_group((0, 1), planar_generators(name))
    layer = IsotropicConv2d(group, 2, 3, 5).to(dtype)
    x = torch.randn(2, 2, 8, 8, dtype=dtype)
    with torch.no_grad():
        plain = layer(x)
        for matrix in group.x_matrices():
            action = {"matrix": matrix, "coordinates": [0, 1], "labels": None}
            error = layer(transform_samples(x, action, "image2d")) - transform_samples(plain, action, "image2d")
            assert float(error.abs().max()) <= tolerance * float(plain.abs().max())


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(WALLPAPER_NAMES), st.integers(1, 3), st.integers(1, 2), st.integers(1, 3))
def test_layers_compose_and_stay_equivariant(name, multiple, radius, fields):
    cell = (2 * multiple, 2 * multiple)
    image = (2 * cell[0], 2 * cell[1])
    network = torch.nn.Sequential(
        layer_of(name, cell, radius, (1, fields)), torch.nn.Tanh(), layer_of(name, cell, 1, (fields, 1))
    ).double()
    x = torch.randn(1, 1, image[1], image[0], dtype=torch.float64)
    elements = list(maps(name, cell, image))
    with torch.no_grad():
        for source in elements[:: max(1, len(elements) // 8)]:
            assert torch.allclose(network(moved(x, source)), moved(network(x), source), rtol=0, atol=1e-10)


def test_layers_keep_their_promises():
    x = torch.randn(2, 2, 8, 8, dtype=torch.float64)
    for name in ("p4g", "p6m", "pg"):
        assert_keeps_promises(WallpaperConv2d(name, (4, 4), 2, 3, 2), x)
    assert_keeps_promises(WallpaperConv2d("pgg", (2, 4), 2, 3, 1), x)
    assert_keeps_promises(IsotropicConv2d(acting_group((0, 1), planar_generators("D4")), 2, 3, 5), x)


def test_misfits_are_refused():
    with pytest.raises(ValueError, match="whole cells"):
        WallpaperConv2d("p4", (4, 4), 1, 1, 1)(torch.zeros(1, 1, 6, 8))
    with pytest.raises(ValueError, match="equal sides"):
        WallpaperConv2d("p4", (4, 2), 1, 1, 1)
    with pytest.raises(ValueError, match="odd"):
        IsotropicConv2d(acting_group((0, 1), []), 1, 1, 4)
    with pytest.raises(ValueError, match="does not map"):
        IsotropicConv2d(acting_group((0, 1), planar_generators("C8")), 1, 1, 3)
