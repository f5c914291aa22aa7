"""Scale convolutions: exact under symmetries of the grid, measured under other rotations and under rescaling."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.actions.samples import transform_samples
from models.groups.action import acting_group
from models.groups.planar import planar_generators, rotation
from models.layers.filter_counts import scale_basis_count, scale_grid
from models.layers.planar import CentredPool2d, FieldNorm2d
from models.layers.scale import PlaneMax, ScaleGroupConv2d, ScaleLiftingConv2d, ScalePool
from models.layers.scale_basis import scaled_basis
from tests.models.promises import assert_keeps_promises

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
SCALES = scale_grid(4)


@pytest.fixture
def precision(precision):
    with torch.no_grad():
        yield precision


def acting(name):
    return acting_group((0, 1), planar_generators(name))


def turn(x, matrix):
    return transform_samples(x, {"matrix": matrix, "coordinates": [0, 1], "labels": None}, "image2d")


def act(features, group, index, scales):
    """(h.f)(g, s, p) = f(h^-1 g, s, h^-1 p) on (batch, fields * |G| * S, h, w)."""
    order = torch.from_numpy(group.group.table[group.group.inverse[index]])
    fields = features.unflatten(1, (-1, group.group.order, scales))[:, :, order]
    return turn(fields, group.x_matrices()[index]).flatten(1, 3)


def on_the_grid(group):
    return [i for i, m in enumerate(group.x_matrices()) if np.allclose(m, np.round(m))]


def assert_close(a, b, precision):
    assert float((a - b).abs().max()) <= TOLERANCE[precision] * max(1.0, float(b.abs().max()))


class Waves:
    """Images that are sums of plane waves, read at any points: nothing is resampled."""

    def __init__(self, count, band, seed, channels=1):
        rng = np.random.default_rng(seed)
        k, angle = rng.uniform(0, band, (count, channels, 12)), rng.uniform(0, 2 * np.pi, (count, channels, 12))
        self.k = np.stack([k * np.cos(angle), k * np.sin(angle)], -1)
        self.phase = rng.uniform(0, 2 * np.pi, k.shape)

    def image(self, size, matrix=None):
        """The image moved by a matrix about the centre: x(matrix^-1 p), (count, channels, size, size)."""
        axis = np.arange(size) - (size - 1) / 2
        y, x = np.meshgrid(axis, axis, indexing="ij")
        points = np.stack([x, y], -1) @ np.linalg.inv(np.eye(2) if matrix is None else matrix).T
        waves = np.cos(np.einsum("nckd,hwd->nckhw", self.k, points) + self.phase[..., None, None])
        return torch.from_numpy(waves.sum(2))


def relative(a, b):
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("name", ["C1", "C4", "D1d", "D4", "C8"])
def test_scale_layers_are_equivariant_under_every_symmetry_of_the_grid(name, precision):
    group = acting(name)
    lifting = ScaleLiftingConv2d(group, SCALES, 2, 3, 5)
    layers = [
        ScaleGroupConv2d(group, SCALES, 3, 2, 5),
        FieldNorm2d(3, group.group.order * len(SCALES)),
        CentredPool2d(),
    ]
    x = torch.randn(2, 2, 9, 9)
    lifted = lifting(x)
    pool = ScalePool(len(SCALES))
    for index in on_the_grid(group):
        moved = act(lifted, group, index, len(SCALES))
        assert_close(lifting(turn(x, group.x_matrices()[index])), moved, precision)
        assert_close(pool(moved), act(pool(lifted), group, index, 1), precision)
        for layer in layers:
            assert_close(layer(moved), act(layer(lifted), group, index, len(SCALES)), precision)


@pytest.mark.parametrize(("size", "bound"), [(5, 0.03), (7, 0.013), (9, 0.008), (11, 0.005)])
@pytest.mark.parametrize("band", [math.pi / 4, math.pi / 2])
def test_enlarging_an_image_by_a_step_moves_the_lifting_one_scale_on(size, bound, band):
    torch.manual_seed(0)
    lifting = ScaleLiftingConv2d(acting("C1"), SCALES, 1, 32, size).double()
    waves = Waves(200, band, 0)
    middle = size // 2
    with torch.no_grad():
        plain = lifting(waves.image(size))[..., middle, middle].view(200, 32, len(SCALES))
        larger = lifting(waves.image(size, np.eye(2) * SCALES[1]))[..., middle, middle].view(200, 32, len(SCALES))
    assert relative(larger[..., 1:], plain[..., :-1]) < bound
    assert relative(larger, plain) > 0.1  # it does move


@pytest.mark.parametrize(("size", "bound"), [(5, 0.025), (7, 0.016), (9, 0.007)])
@pytest.mark.parametrize("band", [math.pi / 4, math.pi / 2])
def test_turns_off_the_grid_permute_the_copies_up_to_the_error_of_the_basis(size, bound, band):
    torch.manual_seed(0)
    group = acting("C8")
    eighth = next(i for i, m in enumerate(group.x_matrices()) if np.allclose(m, rotation(45)))
    lifting = ScaleLiftingConv2d(group, SCALES, 1, 16, size).double()
    waves = Waves(100, band, 0)
    with torch.no_grad():
        plain, turned = (lifting(waves.image(size, m)) for m in (None, rotation(45)))
    shape, middle = (100, 16, 8, len(SCALES)), size // 2
    order = group.group.table[group.group.inverse[eighth]]
    assert (
        relative(turned[..., middle, middle].view(shape), plain[..., middle, middle].view(shape)[:, :, order]) < bound
    )


def test_similarities_act_on_two_layers_with_a_nonlinearity():
    """A turn by 45 degrees together with an enlargement, away from the end of the scale grid."""
    torch.manual_seed(0)
    group, size, scales = acting("C8"), 13, scale_grid(4)
    eighth = next(i for i, m in enumerate(group.x_matrices()) if np.allclose(m, rotation(45)))
    lifting = ScaleLiftingConv2d(group, scales, 1, 4, 7).double()
    convolution = ScaleGroupConv2d(group, scales, 4, 4, 7, neighbours=2).double()
    waves = Waves(16, math.pi / 4, 1)
    with torch.no_grad():
        plain, moved = (
            convolution(lifting(waves.image(size, m)).relu())[..., 6, 6].view(16, 4, 8, 4)
            for m in (None, scales[1] * rotation(45))
        )
    order = group.group.table[group.group.inverse[eighth]]
    assert relative(moved[..., 1:3], plain[:, :, order, 0:2]) < 0.06
    assert relative(moved[..., 1:3], plain[..., 0:2]) > 0.3


def test_what_the_end_of_the_grid_lacks_reaches_one_scale_further_with_every_layer():
    """With two neighbours each layer reads one scale beyond its own: the last scale is off, the others are not."""
    torch.manual_seed(0)
    group = acting("C4")
    quarter = next(i for i, m in enumerate(group.x_matrices()) if np.allclose(m, rotation(90)))
    waves = Waves(16, math.pi / 4, 0)
    errors = {}
    for neighbours in (1, 2):
        network = torch.nn.Sequential(
            ScaleLiftingConv2d(group, SCALES, 1, 4, 7),
            torch.nn.ReLU(),
            ScaleGroupConv2d(group, SCALES, 4, 4, 7, neighbours),
        ).double()
        with torch.no_grad():
            plain, moved = (
                network(waves.image(13, m))[..., 6, 6].view(16, 4, 4, 4) for m in (None, SCALES[1] * rotation(90))
            )
        plain = plain[:, :, group.group.table[group.group.inverse[quarter]]]
        errors[neighbours] = [relative(moved[..., k], plain[..., k - 1]) for k in (1, 2, 3)]
    assert max(errors[1]) < 0.03
    assert max(errors[2][:2]) < 0.03 < errors[2][2] < 0.2


def test_kernels_at_every_scale_answer_alike_to_a_flat_image():
    basis = scaled_basis(acting("D4"), SCALES, 9)
    flat = basis.sum(-1)
    assert np.abs(flat - flat[:1, :1]).max() < 0.01 * np.abs(flat).max()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([5, 7, 9]), st.integers(1, 4), st.floats(1.15, 1.6), st.sampled_from(["C1", "C4", "D4"]))
def test_the_basis_turns_with_the_grid_and_has_the_promised_size(size, count, step, name):
    group = acting(name)
    basis = scaled_basis(group, scale_grid(count, step), size)
    assert basis.shape == (group.group.order, count, scale_basis_count(size), size * size)
    for index, matrix in enumerate(group.x_matrices()):
        images = torch.from_numpy(basis[0].reshape(count, -1, size, size))
        assert torch.equal(turn(images, matrix).flatten(-2), torch.from_numpy(basis[index]))
    assert np.linalg.matrix_rank(basis[0, -1]) == scale_basis_count(size)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["C1", "C4", "D4"]), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_parameters_are_the_functions_of_the_basis_per_pair_of_fields(name, inside, outside, neighbours):
    group = acting(name)
    lifting = ScaleLiftingConv2d(group, SCALES, inside, outside, 5)
    convolution = ScaleGroupConv2d(group, SCALES, inside, outside, 7, neighbours)
    pairs = inside * outside
    assert sum(p.numel() for p in lifting.parameters()) == pairs * scale_basis_count(5) + outside
    expected = pairs * group.group.order * neighbours * scale_basis_count(7) + outside
    assert sum(p.numel() for p in convolution.parameters()) == expected


def test_layers_keep_their_promises():
    group = acting("C4")
    x = torch.randn(2, 3 * 4 * 4, 8, 8, dtype=torch.float64)
    assert_keeps_promises(ScaleLiftingConv2d(group, SCALES, 2, 3, 7), x[:, :2])
    assert_keeps_promises(ScaleGroupConv2d(group, SCALES, 3, 2, 5), x)
    assert_keeps_promises(ScaleGroupConv2d(group, SCALES, 3, 2, 5, bias=False), x)
    assert_keeps_promises(ScalePool(4), x)
    assert_keeps_promises(PlaneMax(4), x)


def test_wrong_grids_are_refused():
    with pytest.raises(ValueError, match="geometric"):
        ScaleGroupConv2d(acting("C1"), (1.0, 2.0, 3.0), 1, 1, 5)
    with pytest.raises(ValueError, match="neighbouring"):
        ScaleGroupConv2d(acting("C1"), (1.0, 2.0), 1, 1, 5, neighbours=3)
    with pytest.raises(ValueError, match="grow"):
        ScaleLiftingConv2d(acting("C1"), (2.0, 1.0), 1, 1, 5)
    with pytest.raises(ValueError, match="odd"):
        scale_basis_count(6)
    with pytest.raises(ValueError, match="step"):
        scale_grid(3, 0.9)
