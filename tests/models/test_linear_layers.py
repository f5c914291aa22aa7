"""Linear maps and nonlinearities between representations commute with every element, and there are as many as there
should be."""

import numpy as np
import pytest
import torch
from torch import nn

from models.equivariance import assert_equivariant, turn_by_matrices
from models.groups.action import acting_group
from models.groups.families import named_group
from models.groups.finite import generate
from models.groups.intertwiners import dimension_by_characters
from models.groups.isotropy import feature_subgroups, isotropy_subgroups
from models.groups.planar import planar_generators
from models.groups.representations import (
    defining,
    direct_sum,
    label_representation,
    matrix_representation,
    quotient_representation,
    regular,
    sign_representation,
    tensor_product,
    trivial,
)
from models.layers.gated import EquivariantBilinear, Gated, NormGate
from models.layers.linear import EquivariantLinear
from models.layers.regular import GroupLinear, convolution_index


def acting(name, degree=0):
    group = named_group(name, degree)
    return acting_group(tuple(range(group.degree)), group.generators)


def representations(name, degree=0):
    given = acting(name, degree)
    own = defining(given)
    cosets = quotient_representation(given.group, isotropy_subgroups(own)[0])
    return [trivial(given.group), own, cosets, regular(given.group), direct_sum([cosets, trivial(given.group)])]


def sheared():
    """C4 in coordinates in which it is not orthogonal."""
    change = np.array([[1.0, 0.7], [0.0, 1.3]])
    group = generate([np.linalg.inv(change) @ planar_generators("C4")[0] @ change], 2, 8)
    return matrix_representation(group, group.elements)


@pytest.mark.parametrize(("name", "degree"), [("D4", 2), ("S4", 4), ("C3", 2), ("B2", 2), ("Z6", 6), ("Tet", 3)])
def test_linear_maps_are_equivariant_and_as_many_as_the_characters_say(name, degree, precision):
    reps = representations(name, degree)
    for rep_in in reps:
        for rep_out in reps:
            if dimension_by_characters(rep_in, rep_out) == 0:
                continue
            layer = EquivariantLinear(rep_in, rep_out, 2, 3)
            nn.init.normal_(layer.bias)
            assert layer.weight.shape == (3, 2, dimension_by_characters(rep_in, rep_out))
            x = torch.randn(5, 2, rep_in.dimension)
            order = rep_in.group.order
            assert_equivariant(layer, turn_by_matrices(rep_in.matrices), turn_by_matrices(rep_out.matrices), order, x)
            assert torch.allclose(layer.fold()(x), layer(x), rtol=1e-4, atol=1e-5)


def test_linear_maps_of_a_group_that_is_not_orthogonal(precision):
    rep = sheared()
    layer = EquivariantLinear(rep, rep, 2, 2)
    move = turn_by_matrices(rep.matrices)
    assert_equivariant(layer, move, move, rep.group.order, torch.randn(4, 2, 2))


def test_a_group_convolution_is_the_linear_layer_of_the_regular_representation():
    group = acting("D4").group
    layer = GroupLinear(group, 2, 3)
    assert torch.equal(layer.index, convolution_index(group))
    assert layer.weight.shape == (3, 2, group.order)


def test_the_layer_on_interchangeable_items_has_two_weights_and_one_bias():
    rep = defining(acting("S5"))
    layer = EquivariantLinear(rep, rep)
    assert (layer.weight.numel(), layer.bias.numel()) == (2, 1)


def test_outputs_start_with_the_variance_asked_for():
    torch.manual_seed(0)
    rep = regular(acting("D4").group)
    for rep_in, rep_out in ((rep, rep), (defining(acting("D4")), rep), (rep, defining(acting("D4")))):
        layers = [EquivariantLinear(rep_in, rep_out, 8, 8, gain=1.0) for _ in range(20)]
        x = torch.randn(200, 8, rep_in.dimension)
        with torch.no_grad():
            assert float(torch.stack([layer(x) for layer in layers]).var()) == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize(("name", "degree"), [("D4", 2), ("C3", 2), ("Tet", 3)])
def test_gates_and_products_are_equivariant(name, degree, precision):
    given = acting(name, degree)
    rep, group = defining(given), given.group
    x = torch.randn(6, 3, rep.dimension)
    move = turn_by_matrices(rep.matrices)
    assert_equivariant(NormGate(rep, 3), move, move, group.order, x)
    gates = torch.randn(6, 3, 1)
    assert_equivariant(lambda v: Gated()(v, gates), move, move, group.order, x)
    for out in (rep, trivial(group), tensor_product(rep, rep)):
        if dimension_by_characters(tensor_product(rep, rep), out) == 0:
            continue
        layer = EquivariantBilinear(rep, rep, out, (3, 3), 2)
        assert_equivariant(lambda v, f=layer: f(v, v.flip(1)), move, turn_by_matrices(out.matrices), group.order, x)


def test_the_invariant_product_of_two_vectors_is_their_inner_product():
    rep = defining(acting("Oh", 3))
    layer = EquivariantBilinear(rep, rep, trivial(rep.group), (1, 1), 1)
    x, y = torch.randn(5, 1, 3), torch.randn(5, 1, 3)
    assert layer.weight.numel() == 1
    ratio = layer(x, y)[:, 0, 0] / (x * y).sum((-1, -2))
    assert torch.allclose(ratio, ratio[0].expand(5), rtol=1e-4)


def test_lengths_are_refused_where_they_are_no_invariants():
    with pytest.raises(ValueError, match="not orthogonal"):
        NormGate(sheared(), 2)


@pytest.mark.parametrize(("name", "degree"), [("D4", 2), ("S4", 4), ("B4", 4), ("Flips", 5), ("Z6", 6), ("Ih", 3)])
@pytest.mark.parametrize("labels", ["trivial", "sign", "own"])
def test_coset_features_see_all_of_x_and_make_all_of_y(name, degree, labels):
    given = acting(name, degree)
    rep = defining(given)
    y = {"trivial": label_representation(given, 1), "sign": sign_representation(given.group), "own": rep}[labels]
    subgroups = feature_subgroups(rep, y)
    for wanted in (rep, y):  # the vectors that some H fixes, turned by the group, span everything
        fixed = [wanted.matrices[list(h)].mean(0) for h in subgroups]
        turned = np.concatenate([wanted.matrices @ f for f in fixed]).transpose(1, 0, 2).reshape(wanted.dimension, -1)
        assert np.linalg.matrix_rank(turned, tol=1e-6) == wanted.dimension


def test_isotropy_subgroups_of_the_square_are_its_mirrors_and_the_identity():
    found = isotropy_subgroups(defining(acting("D4")))
    assert sorted(map(len, found)) == [1, 2, 2]


def test_features_of_a_long_cycle_are_functions_on_the_whole_group():
    given = acting("Z400")
    subgroups = feature_subgroups(defining(given), label_representation(given, 1))
    assert subgroups[-1] == {0}
