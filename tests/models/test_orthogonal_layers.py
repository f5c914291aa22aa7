"""Invariants and covariants of vectors under O(n) and SO(n)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.equivariance import TOLERANCE
from models.groups.vectors import determinant_count, frame_count, invariant_count
from models.layers.orthogonal import (
    CovariantVectors,
    CrossProducts,
    Determinants,
    Invariants,
    Opposite,
    PseudoScalars,
    cross,
)


@pytest.fixture
def precision(precision):
    with torch.no_grad():
        yield precision


def orthogonal(degree, sign, seed=0):
    q, _ = torch.linalg.qr(
        torch.randn(degree, degree, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    )
    q[0] *= sign * torch.linalg.det(q).sign()
    return q.to(torch.get_default_dtype())


def where(count, degree):
    """Vectors whose coordinates are spread over x, and two numbers."""
    order = torch.randperm(count * degree + 2, generator=torch.Generator().manual_seed(1)).tolist()
    return [order[i * degree : (i + 1) * degree] for i in range(count)], order[count * degree :]


def turn(x, vectors, matrix):
    out = x.clone()
    for v in vectors:
        out[..., v] = x[..., v] @ matrix.T
    return out


def assert_same(a, b, precision):
    assert float((a - b).abs().max()) <= TOLERANCE[precision] * max(1.0, float(b.abs().max()))


SHAPES = [(1, 2), (2, 2), (1, 3), (2, 3), (3, 3), (4, 4), (5, 3), (8, 3), (2, 6), (9, 2)]


@pytest.mark.parametrize(("count", "degree"), SHAPES)
@pytest.mark.parametrize("special", [False, True])
def test_invariants_do_not_move(count, degree, special, precision):
    vectors, scalars = where(count, degree)
    layer = Invariants(vectors, scalars, special, 5)
    x = torch.randn(20, count * degree + 2)
    layer.fit(x)
    found = layer(x)
    assert found.shape == (20, invariant_count(count, degree, 2, special, 5))
    for seed in range(3):
        for sign in (1.0,) if special else (1.0, -1.0):
            assert_same(layer(turn(x, vectors, orthogonal(degree, sign, seed))), found, precision)


@pytest.mark.parametrize(("count", "degree"), [(2, 2), (3, 3), (4, 3), (4, 4), (8, 3), (9, 2)])
def test_invariants_of_rotations_tell_mirror_images(count, degree):
    torch.manual_seed(0)
    vectors, scalars = where(count, degree)
    x = torch.randn(20, count * degree + 2)
    mirrored = turn(x, vectors, orthogonal(degree, -1.0))
    with torch.no_grad():
        layer = Invariants(vectors, scalars, True, 5)
        assert float((layer(mirrored) - layer(x)).abs().max()) > 0.1


def test_invariants_are_brought_to_a_common_scale():
    vectors, scalars = where(3, 3)
    layer = Invariants(vectors, scalars, True, 5)
    x = 7.0 * torch.randn(500, 11)
    layer.fit(x)
    found = layer(x)
    assert torch.allclose(found.mean(0), torch.zeros(found.shape[1]), atol=1e-4)
    assert torch.allclose(found.std(0), torch.ones(found.shape[1]), atol=1e-4)


@pytest.mark.parametrize(("count", "degree"), SHAPES)
@pytest.mark.parametrize("special", [False, True])
def test_covariant_vectors_turn_with_x(count, degree, special, precision):
    vectors, scalars = where(count, degree)
    frame = frame_count(count, degree, special)
    inside = Invariants(vectors, scalars, special, 5)
    network = nn.Sequential(inside, nn.Linear(len(inside.shift), 2 * frame))
    layer = CovariantVectors(vectors, special, 2, network)
    x = torch.randn(20, count * degree + 2)
    for sign in (1.0,) if special else (1.0, -1.0):
        matrix = orthogonal(degree, sign)
        expected = (layer(x).unflatten(-1, (2, degree)) @ matrix.T).flatten(-2)
        assert_same(layer(turn(x, vectors, matrix)), expected, precision)


@pytest.mark.parametrize(("count", "degree"), [(2, 2), (3, 3), (4, 4), (8, 3)])
def test_pseudo_scalars_change_sign_under_reflections(count, degree, precision):
    vectors, scalars = where(count, degree)
    inside = Invariants(vectors, scalars, False, 5)
    network = nn.Sequential(inside, nn.Linear(len(inside.shift), 2 * determinant_count(count, degree)))
    layer = PseudoScalars(vectors, 1, network)
    x = torch.randn(20, count * degree + 2)
    assert float(layer(x).std()) > 0
    for sign in (1.0, -1.0):
        moved = turn(x, vectors, orthogonal(degree, sign))
        assert_same(layer(moved), sign * layer(x), precision)
        assert_same(
            Opposite()(layer(moved)), Opposite()(layer(x)).flip(-1) if sign < 0 else Opposite()(layer(x)), precision
        )


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(0, 1000))
def test_the_cross_product_makes_determinants(degree, seed):
    rows = torch.randn(degree, degree, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(cross(rows[:-1]) @ rows[-1], torch.linalg.det(rows))


def test_all_choices_are_taken_where_they_are_few():
    torch.manual_seed(0)
    vectors = torch.randn(4, 5, 3)
    assert Determinants(5, 3)(vectors).shape == (4, 2 * math.comb(5, 3))
    assert CrossProducts(5, 3)(vectors).shape == (4, math.comb(5, 2), 3)
    assert Determinants(9, 3).chosen.mixtures is not None
