"""The measuring of equivariance: it finds maps that commute, and it finds those that do not."""

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
from models.groups.action import acting_group
from models.groups.finite import permutation_matrix
from models.groups.planar import planar_generators
from models.layers.planar import GroupConv2d, LiftingConv2d
from models.layers.regular import CovariantHead, GroupLinear, VectorLifting


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def precision(request):
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    torch.manual_seed(0)
    yield request.param
    torch.set_default_dtype(before)


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
