"""Finite groups, their subgroups and their names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.groups.action import acting_group, from_spec
from models.groups.families import named_group
from models.groups.finite import GroupTooLarge, generate
from models.groups.lattice import TooManySubgroups, covers, cyclic_subgroups, subgroups
from models.groups.planar import planar_generators, planar_name

permutations = st.integers(2, 5).flatmap(lambda d: st.lists(st.permutations(range(d)), min_size=1, max_size=3))


def group_of(generators):
    return generate([np.asarray(g, dtype=np.int64) for g in generators], len(generators[0]), 200)


@settings(max_examples=40, deadline=None)
@given(permutations)
def test_the_cayley_table_is_a_group(generators):
    group = group_of(generators)
    n, table = group.order, group.table
    assert (table[0] == np.arange(n)).all()
    assert (table[:, 0] == np.arange(n)).all()
    assert (table[np.arange(n), group.inverse] == 0).all()
    assert (table[group.inverse, np.arange(n)] == 0).all()
    left = table[table[:, :, None], np.arange(n)[None, None]]
    right = table[np.arange(n)[:, None, None], table[None]]
    assert (left == right).all()


@settings(max_examples=30, deadline=None)
@given(permutations)
def test_the_table_agrees_with_the_product_of_the_maps(generators):
    group = group_of(generators)
    maps = group.matrices()
    products = np.einsum("aij,bjk->abik", maps, maps)
    assert np.allclose(products, maps[group.table])


@settings(max_examples=30, deadline=None)
@given(permutations)
def test_every_subgroup_is_closed_and_its_order_divides(generators):
    group = group_of(generators)
    for members in subgroups(group, 500):
        assert group.order % len(members) == 0
        rows = sorted(members)
        assert set(group.table[np.ix_(rows, rows)].ravel().tolist()) == set(members)
        assert group.closure(group.generators_of(members)) == members


@pytest.mark.parametrize(
    ("name", "degree", "order", "count"),
    [
        ("C4", 2, 4, 3),
        ("D4", 2, 8, 10),
        ("D3", 2, 6, 6),
        ("D6", 2, 12, 16),
        ("D8", 2, 16, 19),
        ("S3", 3, 6, 6),
        ("S4", 4, 24, 30),
        ("A4", 4, 12, 10),
        ("A5", 5, 60, 59),
        ("S5", 5, 120, 156),
        ("Z6", 6, 6, 4),
        ("B3", 3, 48, 98),
        ("Flips", 3, 8, 16),
        ("S3 x S2", 5, 12, 16),
    ],
)
def test_known_groups_have_their_known_subgroups(name, degree, order, count):
    named = named_group(name, degree)
    group = acting_group(tuple(range(named.degree)), named.generators).group
    assert group.order == order
    assert len(subgroups(group, 1000)) == count


def test_the_lattice_of_d4_has_fifteen_covers():
    group = generate(planar_generators("D4"), 2, 8)
    found = subgroups(group, 100)
    below = [[a < b for b in found] for a in found]
    assert len(covers(below)) == 15
    assert len(cyclic_subgroups(group)) == 7


def test_limits_are_kept():
    with pytest.raises(GroupTooLarge):
        generate([np.array([1, 0, 2, 3, 4]), np.array([1, 2, 3, 4, 0])], 5, 100)
    with pytest.raises(GroupTooLarge):
        generate([np.array([[1.0, 1.0], [0.0, 1.0]])], 2, 100)
    with pytest.raises(TooManySubgroups):
        subgroups(generate([np.array([1, 0, 2, 3]), np.array([1, 2, 3, 0])], 4, 100), 10)


@pytest.mark.parametrize("name", ["C1", "C2", "C5", "C16", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D3", "D4", "D8"])
def test_planar_names_read_back(name):
    assert planar_name(generate(planar_generators(name), 2, 64).matrices()) == name


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["D4", "C4", "D3"]), st.sampled_from([(0, 1), (1, 3), (2, 0)]))
def test_a_spec_rebuilds_the_same_maps(name, coordinates):
    acting = acting_group(coordinates, planar_generators(name))
    again = from_spec(acting.spec())
    assert sorted(again.keys()) == sorted(acting.keys())
    for members in subgroups(acting.group, 100):
        part = from_spec(acting.spec(members))
        assert set(part.keys()) == {acting.keys()[i] for i in members}
