"""Layers on sets commute with every permutation of items, and with no more."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.equivariance import TOLERANCE
from models.groups.action import acting_group
from models.groups.blocks import fixed_coordinates, labels_of_sets, symmetric_blocks
from models.groups.families import named_group, repeated
from models.layers.sets import RankPool, SetHead, SetLifting, SetLinear, rank_hats

SETS = [[[4, 0], [1, 2], [7, 5]], [[3], [9], [8], [10]]]  # 6 is in no set
DIMENSION = 11
SIZES = [3, 4]


@pytest.fixture
def precision(precision):
    with torch.no_grad():
        yield precision


def permute_items(x, sets, images):
    """Item k of set s goes to images[s][k]."""
    out = x.clone()
    for items, where in zip(sets, images, strict=True):
        for k, to in enumerate(where):
            out[..., items[to]] = x[..., items[k]]
    return out


def permute_slots(x, images):
    out, start = x.clone(), 0
    for where in images:
        for k, to in enumerate(where):
            out[..., start + to, :] = x[..., start + k, :]
        start += len(where)
    return out


def assert_same(a, b, precision):
    assert float((a - b).abs().max()) <= TOLERANCE[precision] * float(b.abs().max())


IMAGES = [([1, 0, 2], [0, 1, 2, 3]), ([0, 1, 2], [3, 1, 0, 2]), ([2, 0, 1], [1, 2, 3, 0]), ([0, 2, 1], [1, 0, 2, 3])]


@pytest.mark.parametrize("images", IMAGES)
def test_set_layers_are_equivariant(images, precision):
    lifting, linear = SetLifting(SETS, DIMENSION, 5), SetLinear(SIZES, True, 5, 4)
    head, pool = SetHead(SETS, DIMENSION, 4), RankPool(SIZES, True, 4)
    x = torch.randn(6, DIMENSION)
    moved = permute_items(x, SETS, images)
    lifted = lifting(x)
    assert_same(lifting(moved), permute_slots(lifted, images), precision)
    assert_same(linear(permute_slots(lifted, images)), permute_slots(linear(lifted), images), precision)
    features = linear(lifted)
    assert_same(head(permute_slots(features, images)), permute_items(head(features), SETS, images), precision)
    assert_same(pool(permute_slots(features, images)), pool(features), precision)


def test_set_layers_tell_exchanges_between_items_and_features():
    torch.manual_seed(0)
    lifting, linear, pool = SetLifting(SETS, DIMENSION, 5), SetLinear(SIZES, True, 5, 4), RankPool(SIZES, True, 4)
    x = torch.randn(6, DIMENSION)
    for a, b in ((4, 0), (4, 1), (6, 3), (4, 3)):  # features, one feature of two items, fixed with item, two sets
        moved = x.clone()
        moved[:, [a, b]] = x[:, [b, a]]
        with torch.no_grad():
            assert float((pool(linear(lifting(moved))) - pool(linear(lifting(x)))).abs().max()) > 1e-3


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40))
def test_pooling_weights_of_ranks_are_averages(items):
    hats = rank_hats(items)
    assert hats.shape == (items, min(items, 8))
    assert torch.allclose(hats.sum(0), torch.ones(hats.shape[1]))
    assert (hats >= 0).all()


def test_pooling_can_be_the_mean_and_the_largest():
    pool = RankPool([12], False, 1)
    x = torch.randn(5, 12, 1)
    with torch.no_grad():
        pool.weights[0].copy_(torch.eye(8)[-1:].T)
        assert torch.allclose(pool(x)[:, 0], x.amax((1, 2)))
        few = RankPool([6], False, 1)
        few.weights[0].fill_(1 / 6)
        assert torch.allclose(few(x[:, :6])[:, 0], x[:, :6].mean((1, 2)))


def symmetric(name, on):
    group = named_group(name, len(on[0]))
    generators = repeated(group, len(on)).generators if group.degree == len(on[0]) else group.generators
    return acting_group(sum(on, ()), generators)


@pytest.mark.parametrize(
    ("name", "on", "expected"),
    [
        ("S4", [(0, 1, 2, 3)], [[[0], [1], [2], [3]]]),
        ("S3", [(0, 2, 4), (1, 3, 5)], [[[0, 1], [2, 3], [4, 5]]]),
        ("S2", [(5, 1), (2, 0)], [[[5, 2], [1, 0]]]),
        ("S3 x S2", [(1, 2, 3, 7, 5)], [[[1], [2], [3]], [[7], [5]]]),
        ("A4", [(0, 1, 2, 3)], None),
        ("Z3", [(0, 1, 2)], None),
        ("Z2", [(0, 1)], [[[0], [1]]]),
        ("E", [(0, 1)], None),
    ],
)
def test_groups_that_permute_items_in_every_way_are_known(name, on, expected):
    assert symmetric_blocks(symmetric(name, on)) == expected


def test_the_outer_automorphism_is_no_set_of_pairs():
    """S_3 on its six elements is transitive, and no symmetric group on six items."""
    given_group = symmetric("S3", [(0, 1, 2)]).group
    regular = acting_group(range(6), [given_group.table[1], given_group.table[2]])
    assert regular.group.order == math.factorial(3)
    assert symmetric_blocks(regular) is None


def test_label_actions_of_sets_are_recognised():
    flip, turn = torch.eye(3)[[1, 0, 2]].T.double().numpy(), torch.eye(3)[[2, 0, 1]].double().numpy()
    x = [flip.argmax(0), turn.argmax(0)]
    for y, expected in ((None, "trivial"), ([flip, turn], "vector"), ([turn @ turn @ flip, turn], None)):
        acting = acting_group((0, 1, 2), x, y)
        assert labels_of_sets(acting, 3) == expected
    three = acting_group((0, 1, 2), x, [flip, turn])
    assert labels_of_sets(three, 5) is None


def test_sets_that_overlap_or_are_ragged_are_refused():
    assert fixed_coordinates(SETS, DIMENSION) == [6]
    with pytest.raises(ValueError, match="twice"):
        fixed_coordinates([[[0], [0]]], 2)
    with pytest.raises(ValueError, match="outside"):
        fixed_coordinates([[[0], [5]]], 2)
    with pytest.raises(ValueError, match="same number"):
        fixed_coordinates([[[0], [1, 2]]], 3)
