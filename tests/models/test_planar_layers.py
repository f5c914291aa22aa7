"""Group convolutions over the plane: exact on grid symmetries, nearly so between, ordinary when nothing turns."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.actions.grid import grid_source
from models.equivariance import assert_equivariant, turn_fibres, turn_image, turn_regular
from models.groups.action import acting_group
from models.groups.planar import planar_generators, rotation
from models.layers.planar import (
    CentredPool2d,
    FieldNorm2d,
    GroupConv2d,
    GroupPool2d,
    LiftingConv2d,
    PlaneMean,
    PositionReadout,
)
from models.layers.restriction import InducedConv2d, Restrict, subgroup_layer
from models.layers.separable import SeparableGroupConv2d
from models.layers.turning import basis_count, coset_elements, maps_the_grid, turned_basis
from tests.models.promises import assert_keeps_promises

GROUPS = ["C1", "D1d", "C4", "D4", "C3", "C6", "C8", "C16", "D5", "D8"]


def planar(name):
    return acting_group((0, 1), planar_generators(name))


def grid_elements(acting):
    """The elements that map a square grid to itself."""
    matrices = acting.x_matrices()
    return [g for g, m in enumerate(matrices) if np.allclose(m, np.round(m), atol=1e-6)]


def assert_exact_on_the_grid(layer, act_in, act_out, acting, x):
    members = grid_elements(acting)
    assert_equivariant(layer, lambda z, i: act_in(z, members[i]), lambda z, i: act_out(z, members[i]), len(members), x)


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("side", [8, 9])
def test_every_layer_commutes_with_the_symmetries_of_the_grid(name, side, precision):
    acting, order = planar(name), planar(name).group.order
    image, fibres = turn_image(acting), turn_fibres(acting)
    assert_exact_on_the_grid(LiftingConv2d(acting, 2, 3, 5), image, fibres, acting, torch.randn(3, 2, side, side))
    features = torch.randn(3, 3 * order, side, side)
    for layer in (
        GroupConv2d(acting, 3, 4, 3),
        GroupConv2d(acting, 3, 2, 5, bias=False),
        SeparableGroupConv2d(acting, 3, 4, 5),
        FieldNorm2d(3, order),
        CentredPool2d(),
    ):
        assert_exact_on_the_grid(layer, fibres, fibres, acting, features)
    for mode in ("max", "mean"):
        assert_exact_on_the_grid(GroupPool2d(order, mode), fibres, image, acting, features)
    assert_exact_on_the_grid(PlaneMean(order), fibres, turn_regular(acting), acting, features)
    if maps_the_grid(acting):
        readout = PositionReadout(acting, side, side)
        assert_exact_on_the_grid(readout, fibres, turn_regular(acting), acting, features)


@pytest.mark.parametrize(("small", "large"), [("C2", "C4"), ("C4", "C8"), ("D4", "D8"), ("C4", "D8"), ("C1", "C3")])
def test_layers_between_groups_commute_with_the_smaller_one(small, large, precision):
    sub, acting = planar(small), planar(large)
    members = coset_elements(acting, sub)[0]
    on_sub, on_whole = turn_fibres(sub), turn_fibres(acting)

    def as_whole(z, h):
        return on_whole(z, int(members[h]))

    induced = InducedConv2d(sub, acting, 3, 2, 5)
    assert_exact_on_the_grid(induced, on_sub, as_whole, sub, torch.randn(2, 3 * sub.group.order, 7, 7))
    assert_exact_on_the_grid(Restrict(acting, sub), as_whole, on_sub, sub, torch.randn(2, 3 * acting.group.order, 7, 7))


def waves(band, count, seed):
    """Images (count,) that are sums of 32 plane waves below `band` radians per pixel, as functions of points (p, 2)."""
    rng = np.random.default_rng(seed)
    length, angle, phase = rng.random((3, count, 32)) * np.array([1, 2 * np.pi, 2 * np.pi])[:, None, None]
    vectors = band * np.sqrt(length)[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    return lambda points: np.cos(vectors @ points.T + phase[..., None]).sum(1)


def error_between_pixels(acting, size, element, band):
    """Relative error of a lifting's fibre at the centre, turned against lifted from the turned image."""
    image, fields = waves(band, 64, 0), 16
    layer = LiftingConv2d(acting, 1, fields, size)
    side = 2 * size - 1
    rows, columns = np.divmod(np.arange(side * side), side)
    points = np.stack([columns, rows], 1) - (side - 1) / 2
    matrix = acting.x_matrices()[element]
    with torch.no_grad():
        plain, turned = (
            layer(torch.from_numpy(image(where)).view(64, 1, side, side))[:, :, size - 1, size - 1]
            for where in (points, points @ matrix)  # the turned image at p is the image at g^-1 p
        )
    expected = turn_regular(acting)(plain.unflatten(1, (fields, -1)), element)
    return float((turned.view_as(expected) - expected).norm() / expected.norm())


@pytest.mark.parametrize(
    ("name", "size", "quarter", "half"),
    [("C8", 7, 0.0027, 0.0026), ("C8", 5, 0.0054, 0.0051), ("D8", 7, 0.0027, 0.0026), ("C16", 7, 0.005, 0.005)],
)
def test_turns_between_right_angles_cost_little_on_band_limited_images(name, size, quarter, half, double):
    acting = planar(name)
    finest = next(g for g in range(acting.group.order) if g not in grid_elements(acting))
    assert error_between_pixels(acting, size, finest, np.pi / 4) <= quarter
    assert error_between_pixels(acting, size, finest, np.pi / 2) <= half


def test_eight_turns_with_mirrors_and_twelve_filters_make_192_channels():
    lifting = LiftingConv2d(planar("D8"), 1, 12, 5)
    assert lifting(torch.randn(1, 1, 9, 9)).shape == (1, 192, 9, 9)
    assert repr(lifting) == "LiftingConv2d(D8: 1 channels -> 12 fields, 5x5)"
    assert repr(GroupConv2d(planar("D4"), 8, 16, 3)) == "GroupConv2d(D4: 8 -> 16 fields, 3x3)"


def test_without_turns_it_is_the_ordinary_convolution(double):
    trivial, x = planar("C1"), torch.randn(2, 3, 9, 9)
    for layer in (LiftingConv2d(trivial, 3, 4, 5), GroupConv2d(trivial, 3, 4, 5)):
        expected = F.conv2d(x, layer.weight.view(4, 3, 5, 5), layer.bias, padding=2)
        assert torch.allclose(layer(x), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["C1", "C4", "D4", "C8", "D8", "C3"])
def test_kernels_of_one_pixel_are_the_group_convolution_at_each_pixel(name, double):
    acting = planar(name)
    layer, order = GroupConv2d(acting, 3, 4, 1), acting.group.order
    between = torch.from_numpy(acting.group.table[acting.group.inverse])  # g^-1 h
    x = torch.randn(2, 3 * order, 5, 6)
    expected = torch.einsum("oigh,nihyx->nogyx", layer.weight[:, :, between, 0], x.unflatten(1, (3, order)))
    assert torch.allclose(layer(x), expected.flatten(1, 2) + layer.bias.repeat_interleave(order)[:, None, None])


@pytest.mark.parametrize("name", ["C4", "D4", "D2d", "C8", "D3"])
@pytest.mark.parametrize("size", [3, 5])
def test_no_parameter_is_idle_and_grid_groups_miss_no_equivariant_kernel(name, size, double):
    acting = planar(name)
    layer = GroupConv2d(acting, 1, 1, size)
    order, count = acting.group.order, basis_count(acting, size)
    assert layer.weight.numel() == order * count
    rows = []
    for i in range(order * count):
        layer.weight.data.zero_().view(-1)[i] = 1.0
        rows.append(layer.kernel().detach().flatten())
    assert int(torch.linalg.matrix_rank(torch.stack(rows))) == order * count
    if maps_the_grid(acting):  # orbits of (g, h, pixel) under the group, which moves g freely: |G| size^2
        assert order * count == order * size**2


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(GROUPS), st.sampled_from([1, 3, 5]))
def test_grid_symmetries_turn_every_copy_of_the_basis_by_moving_its_pixels(name, size):
    acting = planar(name)
    basis = turned_basis(acting, size)
    assert basis.shape == (acting.group.order, basis_count(acting, size), size * size)
    assert np.isclose((basis[0] ** 2).sum(), len(basis[0]))
    for u in grid_elements(acting):
        source = grid_source(size, size, acting.x_matrices()[u])
        for g in range(acting.group.order):
            assert (basis[acting.group.table[u, g]] == basis[g][:, source]).all()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["C6", "D6", "C8", "D8", "C16"]), st.sampled_from([3, 5, 7]))
def test_the_span_of_the_basis_is_kept_by_the_symmetries_of_the_grid(name, size):
    acting = planar(name)
    filters = np.linalg.qr(turned_basis(acting, size)[0].T)[0]
    for u in grid_elements(acting):
        moved = filters[grid_source(size, size, acting.x_matrices()[u])]
        assert np.allclose(filters @ (filters.T @ moved), moved, atol=1e-7)


def test_copies_turned_by_the_process_beat_pixels_turned_by_interpolation():
    acting = planar("C8")
    basis = turned_basis(acting, 5)
    rows, columns = np.divmod(np.arange(25), 5)
    points = np.stack([columns, rows], 1) - 2.0
    g = next(i for i, m in enumerate(acting.x_matrices()) if np.allclose(m, rotation(45)))
    image = waves(np.pi / 2, 400, 1)
    wanted = image(points @ acting.x_matrices()[g].T) @ basis[0].T  # answers of the filter moved to g p
    back = points @ acting.x_matrices()[g]
    corner = np.floor(back)
    bilinear = np.zeros((25, 25))
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = (corner + np.array([dx, dy])).T
            weight = (1 - abs(back[:, 0] - x)) * (1 - abs(back[:, 1] - y))
            inside = (abs(x) <= 2) & (abs(y) <= 2)
            bilinear[np.arange(25)[inside], ((y + 2) * 5 + x + 2).astype(int)[inside]] += weight[inside]
    seen = image(points)

    def error(copies):
        return np.linalg.norm(seen @ copies.T - wanted) / np.linalg.norm(wanted)

    assert error(basis[g]) < 0.02 * error(basis[0] @ bilinear.T)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([("C4", "C2"), ("D4", "D2d"), ("C8", "C4"), ("D8", "C8"), ("C16", "C8"), ("D6", "D3")]))
def test_cosets_share_the_group_out(names):
    acting, sub = map(planar, names)
    elements = coset_elements(acting, sub)
    assert sorted(elements.flatten()) == list(range(acting.group.order))
    assert np.allclose(acting.x_matrices()[elements[0]], sub.x_matrices(), atol=1e-9)
    for row in elements:  # h (h' c) = (h h') c
        assert (acting.group.table[elements[0][:, None], row] == row[sub.group.table]).all()


@pytest.mark.parametrize(
    ("large", "small"),
    [("C4", "C2"), ("C8", "C4"), ("D8", "C4"), ("D8", "D4"), ("C16", "C8"), ("D8", "C8"), ("D6", "C3"), ("D8", "C1")],
)
def test_weights_of_a_group_compute_the_same_in_a_subgroup(large, small, double):
    acting, sub = planar(large), planar(small)
    order = acting.group.order
    layers = [LiftingConv2d(acting, 2, 3, 5), FieldNorm2d(3, order), nn.ReLU(), GroupConv2d(acting, 3, 2, 5)]
    nn.init.normal_(layers[1].norm.weight)
    nn.init.normal_(layers[3].bias)
    network, x = nn.Sequential(*layers), torch.randn(3, 2, 9, 9)
    network(x)
    network.eval()
    smaller = [layer if isinstance(layer, nn.ReLU) else subgroup_layer(layer, acting, sub) for layer in layers]
    with torch.no_grad():
        assert torch.allclose(nn.Sequential(*smaller)(x), Restrict(acting, sub)(network(x)), atol=1e-10)
    assert smaller[0].acting.group.order == sub.group.order


def test_a_subgroup_layer_keeps_its_promises(double):
    layer = subgroup_layer(GroupConv2d(planar("C16"), 1, 2, 3), planar("C16"), planar("C8"))
    assert_keeps_promises(layer, torch.randn(2, 16, 5, 5))
    with pytest.raises(ValueError, match="start from the whole"):
        subgroup_layer(layer, planar("C8"), planar("C8"))


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match="not a subgroup"):
        Restrict(planar("C4"), planar("C8"))
    with pytest.raises(ValueError, match="not a subgroup"):
        InducedConv2d(planar("D1"), planar("C8"), 1, 1, 3)
    with pytest.raises(ValueError, match="odd size"):
        GroupConv2d(planar("C4"), 1, 1, 4)
    with pytest.raises(ValueError, match="max or mean"):
        GroupPool2d(4, "median")
    with pytest.raises(TypeError, match="no form in a subgroup"):
        subgroup_layer(CentredPool2d(), planar("C4"), planar("C2"))


def test_induction_is_the_group_convolution_of_fields_that_live_on_the_subgroup(double):
    sub, acting = planar("C4"), planar("D8")
    induced, full = InducedConv2d(sub, acting, 3, 2, 5), GroupConv2d(acting, 3, 2, 5)
    full.load_state_dict(induced.state_dict())
    x = torch.randn(2, 12, 7, 7)
    spread = torch.zeros(2, 3, 16, 7, 7)
    spread[:, :, coset_elements(acting, sub)[0]] = x.unflatten(1, (3, 4))
    assert torch.allclose(induced(x), full(spread.flatten(1, 2)), atol=1e-10)


@pytest.mark.parametrize("name", ["C4", "C8", "D8"])
def test_separable_kernels_are_products_over_the_group_and_the_plane(name, double):
    acting = planar(name)
    separable, full = SeparableGroupConv2d(acting, 3, 4, 5), GroupConv2d(acting, 3, 4, 5)
    # v(g^-1 (q - p)) is the same filter for every k = g^-1 h
    product = torch.einsum("oik,ob->oikb", separable.mix.weight.squeeze(-1), separable.turn.weight[:, 0])
    full.load_state_dict({"weight": product.detach(), "bias": separable.turn.bias.detach()})
    x = torch.randn(2, 3 * acting.group.order, 9, 9)
    assert torch.allclose(separable(x), full(x), atol=1e-10)
    assert sum(p.numel() for p in separable.parameters()) < sum(p.numel() for p in full.parameters())


@pytest.mark.parametrize("name", ["C4", "D8"])
def test_the_gradient_of_the_kernel_bank_is_that_of_plain_indexing(name, double):
    acting = planar(name)
    layer, order = GroupConv2d(acting, 2, 2, 3), acting.group.order
    weight, target = layer.weight, torch.randn(2 * order, 2 * order, 3, 3)
    (fast,) = torch.autograd.grad((layer.kernel() * target).sum(), weight)
    index = torch.from_numpy(acting.group.table[acting.group.inverse])
    basis = torch.from_numpy(turned_basis(acting, 3))
    bank = torch.einsum("oighb,gbp->ogihp", weight[:, :, index], basis).reshape_as(target)
    (plain,) = torch.autograd.grad((bank * target).sum(), weight)
    assert torch.allclose(layer.kernel(), bank, atol=1e-12)
    assert torch.allclose(fast, plain, atol=1e-10)


@pytest.mark.parametrize("name", ["D4", "C8"])
def test_layers_fold_copy_stack_and_change_precision(name, double):
    acting = planar(name)
    sub = planar("C4")
    order, image = acting.group.order, torch.randn(2, 2, 7, 7)
    features = torch.randn(2, 2 * order, 7, 7)
    assert_keeps_promises(LiftingConv2d(acting, 2, 3, 5), image)
    for layer in (
        GroupConv2d(acting, 2, 3, 3),
        GroupConv2d(acting, 2, 3, 3, bias=False),
        SeparableGroupConv2d(acting, 2, 3, 3),
        FieldNorm2d(2, order),
        GroupPool2d(order, "max"),
        PlaneMean(order),
        CentredPool2d(),
        Restrict(acting, sub),
    ):
        assert_keeps_promises(layer, features)
    assert_keeps_promises(InducedConv2d(sub, acting, 2, 3, 3), torch.randn(2, 8, 7, 7))


@pytest.mark.parametrize("name", ["D4", "C8"])
def test_networks_of_these_layers_export_and_run_in_half_precision(name):
    acting = planar(name)
    torch.manual_seed(0)
    network = nn.Sequential(
        LiftingConv2d(acting, 1, 2, 5), nn.ReLU(), SeparableGroupConv2d(acting, 2, 2, 3), GroupConv2d(acting, 2, 2, 3)
    )
    x = torch.randn(2, 1, 9, 9)
    with torch.no_grad():
        assert torch.allclose(torch.export.export(network, (x,)).module()(x), network(x), atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = network(x)
        assert out.dtype == torch.bfloat16
        out.float().square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())
