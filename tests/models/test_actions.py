"""Moving images off the grid: how much is lost, what the sham keeps, and that exact elements stay exact."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.actions.grid import grid_source, maps_grid_to_itself
from models.actions.interpolation import move, move_and_return, similarity
from models.actions.preparation import DiscView
from models.actions.samples import sham_samples, transform_samples
from models.export import Predictor, Trained, load_network, save_network, to_onnx
from models.groups.plan import plan_search
from models.groups.planar import IMAGE_NAMES, MIRROR_X, planar_generators, rotation
from models.networks.build import build_network
from models.networks.matching import matched_config

IMAGE = {"domain": "image2d", "task": "classification", "target_dim": None, "classes": 2}


def waves(size, band, seed, matrix=None):
    """A sum of plane waves of at most `band` radians a pixel, evaluated at coordinates moved by the matrix."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    points = np.stack([columns, rows]).reshape(2, -1)
    points = np.linalg.inv(np.eye(2) if matrix is None else matrix) @ points
    angle, length = rng.uniform(0, 2 * np.pi, 12), band * np.sqrt(rng.uniform(size=12))
    phase = np.stack([length * np.cos(angle), length * np.sin(angle)], 1) @ points + rng.uniform(0, 6.3, (12, 1))
    return torch.from_numpy(np.cos(phase).sum(0).reshape(1, 1, size, size))


def relative(a, b):
    return float((a - b).norm() / b.norm())


def action(matrix, interpolated):
    return {"matrix": matrix.tolist(), "coordinates": [0, 1], "labels": None, "interpolated": interpolated}


@given(st.floats(0, 360), st.floats(0.5, 2.0), st.booleans())
def test_a_similarity_is_the_product_of_its_parts(degrees, factor, mirrored):
    matrix = factor * rotation(degrees) @ (MIRROR_X if mirrored else np.eye(2))
    parts = similarity(matrix)
    assert abs(parts.degrees) <= 45.0 + 1e-6
    assert parts.mirrored == mirrored
    again = parts.factor * rotation(90.0 * parts.quarters + parts.degrees) @ (MIRROR_X if mirrored else np.eye(2))
    assert np.allclose(again, matrix, atol=1e-6)


@pytest.mark.parametrize("matrix", [np.zeros((2, 2)), np.array([[1.0, 1.0], [0.0, 1.0]]), np.diag([1.0, 2.0])])
def test_other_maps_of_the_plane_are_refused(matrix):
    with pytest.raises(ValueError, match="turns, mirrors"):
        similarity(matrix)


@pytest.mark.parametrize("size", [9, 12])
def test_moves_that_fit_the_grid_are_permutations_of_the_pixels(size):
    x = torch.randn(2, 3, size, size)
    for name in IMAGE_NAMES:
        for matrix in planar_generators(name):
            assert maps_grid_to_itself(size, size, matrix)
            source = torch.from_numpy(grid_source(size, size, matrix))
            expected = x.flatten(-2)[..., source].view_as(x)
            assert torch.equal(move(x, similarity(matrix)), expected)
            assert torch.equal(transform_samples(x, action(matrix, False), "image2d"), expected)
            assert torch.equal(move_and_return(x, similarity(matrix)), x)
            assert sham_samples(x, action(matrix, False)) is x


def test_which_elements_map_the_grid_to_itself():
    assert not maps_grid_to_itself(9, 9, rotation(45))
    assert not maps_grid_to_itself(9, 9, 2.0 * np.eye(2))
    assert maps_grid_to_itself(8, 9, rotation(180))
    assert not maps_grid_to_itself(8, 9, rotation(90))


@pytest.mark.parametrize("degrees", [10.0, 34.4, 45.0, 60.0, 137.5])
def test_a_turn_loses_less_than_a_hundredth(degrees):
    view = DiscView(1, 28, 28).double()
    for band, turned_to, round_trip in ((math.pi / 4, 0.006, 0.003), (math.pi / 2, 0.008, 0.004)):
        x, expected = view(waves(28, band, 0)), view(waves(28, band, 0, rotation(degrees)))
        parts = similarity(rotation(degrees))
        assert relative(move(x, parts), expected) < turned_to
        assert relative(move_and_return(x, parts), x) < round_trip


@pytest.mark.parametrize("factor", [2**0.25, 2**-0.25, 2**0.5, 2**-0.5])
def test_a_scaling_loses_about_a_hundredth_where_both_pictures_are(factor):
    x, expected = waves(28, math.pi / 4, 1), waves(28, math.pi / 4, 1, factor * np.eye(2))
    inside = slice(8, 20)
    moved = move(x, similarity(factor * np.eye(2)))
    assert relative(moved[..., inside, inside], expected[..., inside, inside]) < 0.012
    back = move_and_return(x, similarity(factor * np.eye(2)))
    assert relative(back[..., inside, inside], x[..., inside, inside]) < 0.012


@given(st.floats(-180.0, 180.0), st.booleans(), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_moving_and_moving_back_is_the_sham(degrees, mirrored, seed):
    x = DiscView(2, 16, 16)(torch.randn(2, 2, 16, 16, generator=torch.Generator().manual_seed(seed)))
    matrix = rotation(degrees) @ (MIRROR_X if mirrored else np.eye(2))
    there = transform_samples(x, action(matrix, True), "image2d")
    back = transform_samples(there, action(np.linalg.inv(matrix), True), "image2d")
    assert relative(back, x) < 0.05
    if not mirrored and abs(degrees) < 44.9:  # elsewhere an exact quarter turn comes between the shears
        assert torch.allclose(back, sham_samples(x, action(matrix, True)), atol=1e-4)


@pytest.mark.parametrize("shape", [(20, 24), (21, 24), (24, 21)])
def test_oblong_images_turn_about_their_centre(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    y, x = rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2

    def blob(at):
        return torch.from_numpy(np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 8.0))[None, None]

    for degrees in (90.0, 180.0, 270.0, 33.0):
        turned = rotation(degrees) @ np.array([4.0, 1.0])
        assert relative(move(blob((4.0, 1.0)), similarity(rotation(degrees))), blob(turned)) < 2e-3


@pytest.mark.parametrize("shape", [(12, 12), (13, 13), (12, 17)])
def test_the_disc_commutes_with_the_grids_own_symmetries(shape):
    view, x = DiscView(2, *shape).double(), torch.randn(3, 2, *shape, dtype=torch.float64)
    for name in IMAGE_NAMES:
        for matrix in planar_generators(name):
            if maps_grid_to_itself(*shape, matrix):
                one = action(matrix, False)
                assert torch.allclose(
                    view(transform_samples(x, one, "image2d")), transform_samples(view(x), one, "image2d"), atol=1e-12
                )
    assert view(x)[..., 0, 0].abs().max() < 1e-12


def test_elements_of_a_plan_are_interpolated_where_they_must_be():
    plan = plan_search(["D8"], **IMAGE, x_shape=(1, 16, 16), include_subgroups=True, max_candidates=64)
    x = DiscView(1, 16, 16)(torch.randn(4, 1, 16, 16))
    for c in plan["classes"]:
        exact = maps_grid_to_itself(16, 16, np.asarray(c["matrix"]))
        assert c["interpolated"] == c["action"]["interpolated"] == (not exact)
        for one in [c["action"]] + ([c["inverse"]] if c["inverse"] else []):
            moved = transform_samples(x, one, "image2d")
            assert moved.shape == x.shape
            assert relative(moved, x) > 0.3
            assert relative(sham_samples(x, one), x) < 0.05


def test_many_samples_move_as_few_do():
    x = torch.randn(1100, 1, 8, 8)
    parts = similarity(rotation(30))
    assert torch.allclose(move(x, parts)[700:703], move(x[700:703], parts), atol=1e-6)


def test_networks_that_saw_a_disc_are_exported_with_it():
    plan = plan_search(
        ["C8"], domain="image2d", x_shape=(2, 12, 12), task="classification", target_dim=None, classes=2,
        include_subgroups=False, max_candidates=9,
    )  # fmt: skip
    network = build_network(config := matched_config(plan["nodes"][-1]["spec"], (2, 12, 12), 2, 6)).eval()
    trained = Trained(config, "classification", [network], [1.0], [0.0, 0.0], [1.0, 1.0], disc=True)
    x = torch.randn(3, 2, 12, 12)
    expected = network(DiscView(2, 12, 12)(x))
    for one in (trained, load_network(save_network(trained))):
        assert torch.allclose(Predictor(one)(x), expected, atol=1e-5)
    assert to_onnx(Predictor(trained), (2, 12, 12))
