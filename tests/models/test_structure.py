"""Classes, cosets, quotients, products and homomorphisms of finite groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.groups.families import named_group
from models.groups.finite import generate
from models.groups.lattice import cyclic_subgroups, subgroups
from models.groups.structure import (
    centre,
    class_numbers,
    commutator_subgroup,
    conjugacy_classes,
    coset_numbers,
    determinants,
    direct_product,
    extend_homomorphism,
    from_table,
    is_homomorphism,
    is_normal,
    isomorphism,
    left_cosets,
    quotient,
    semidirect_product,
    subgroup,
)

SMALL = ["C1", "C2", "C6", "D2", "D3", "D4", "D6", "S3", "A4", "S4", "Z8", "B2", "Flips", "S3 x S2", "Tet", "Td"]


def group_called(name):
    named = named_group(name, 3)
    return generate(named.generators, named.degree, 512)


def random_group(generators):
    return generate([np.asarray(g, dtype=np.int64) for g in generators], len(generators[0]), 200)


small_groups = st.sampled_from(SMALL).map(group_called)
permutation_groups = (
    st.integers(2, 5)
    .flatmap(lambda d: st.lists(st.permutations(range(d)), min_size=1, max_size=2))
    .map(random_group)
    .filter(lambda group: group.order <= 60)
)
groups = st.one_of(small_groups, permutation_groups)


@settings(max_examples=40, deadline=None)
@given(groups)
def test_conjugacy_classes_are_the_orbits_of_conjugation(group):
    classes = conjugacy_classes(group)
    assert sorted(i for c in classes for i in c) == list(range(group.order))
    assert classes[0] == {0}
    for members in classes:
        x = min(members)
        assert members == {int(group.table[group.table[g, x], group.inverse[g]]) for g in range(group.order)}
        assert group.order % len(members) == 0
    assert centre(group) == {next(iter(c)) for c in classes if len(c) == 1}


@settings(max_examples=30, deadline=None)
@given(groups, st.data())
def test_left_cosets_are_products_with_a_subgroup(group, data):
    members = data.draw(st.sampled_from(subgroups(group, 1000)))
    cosets, numbers = left_cosets(group, members), coset_numbers(group, members)
    assert sorted(cosets.ravel().tolist()) == list(range(group.order))
    assert set(cosets[0].tolist()) == members
    for number, row in enumerate(cosets):
        assert row.tolist() == [int(group.table[row[0], h]) for h in sorted(members)]
        assert (numbers[row] == number).all()


@settings(max_examples=30, deadline=None)
@given(groups, st.data())
def test_a_normal_subgroup_is_the_kernel_of_its_quotient(group, data):
    members = data.draw(st.sampled_from(subgroups(group, 1000)))
    conjugates = {
        frozenset(int(group.table[group.table[g, h], group.inverse[g]]) for h in members) for g in range(group.order)
    }
    assert is_normal(group, members) == (conjugates == {members})
    if not is_normal(group, members):
        with pytest.raises(ValueError, match="normal"):
            quotient(group, members)
        return
    factor = quotient(group, members)
    assert factor.order * len(members) == group.order
    numbers = coset_numbers(group, members)
    assert is_homomorphism(group, factor, numbers)
    assert frozenset(np.flatnonzero(numbers == 0).tolist()) == members


@settings(max_examples=25, deadline=None)
@given(groups)
def test_the_quotient_by_the_commutators_is_the_largest_commutative_one(group):
    derived = commutator_subgroup(group)
    factor = quotient(group, derived)
    assert (factor.table == factor.table.T).all()
    for members in subgroups(group, 1000):
        if is_normal(group, members):
            table = quotient(group, members).table
            assert ((table == table.T).all()) == (derived <= members)


@settings(max_examples=30, deadline=None)
@given(groups, st.data())
def test_a_subgroup_is_a_group_of_its_own(group, data):
    members = data.draw(st.sampled_from(subgroups(group, 1000)))
    part, where = subgroup(group, members)
    assert where.tolist() == sorted(members)
    assert is_homomorphism(part, group, where)
    assert np.array_equal(part.elements, group.elements[where])
    assert (part.table[np.arange(part.order), part.inverse] == 0).all()


@settings(max_examples=30, deadline=None)
@given(permutation_groups)
def test_subgroups_are_all_joins_of_cyclic_ones(group):
    cyclic = cyclic_subgroups(group)
    assert set(cyclic) == {frozenset(group.powers(i)) for i in range(group.order)}
    joins = frontier = set(cyclic)
    while frontier:
        frontier = {group.closure(sorted(a | c)) for a in frontier for c in cyclic} - joins
        joins = joins | frontier
    assert set(subgroups(group, 1000)) == joins


@settings(max_examples=30, deadline=None)
@given(groups)
def test_element_orders_and_generators(group):
    assert group.element_orders.tolist() == [len(group.powers(i)) for i in range(group.order)]
    assert group.closure(group.generators) == frozenset(range(group.order))


@pytest.mark.parametrize("n", range(1, 13))
def test_a_dihedral_group_is_a_cyclic_one_with_inversion(n):
    cyclic = group_called(f"C{n}")
    action = np.stack([np.arange(n), cyclic.inverse])
    product = semidirect_product(cyclic, group_called("C2"), action)
    assert isomorphism(product, group_called(f"D{n}")) is not None
    assert (isomorphism(product, direct_product(cyclic, group_called("C2"))) is not None) == (n <= 2)


def test_s4_is_the_four_group_with_s3():
    s4 = group_called("S4")
    four = next(m for m in subgroups(s4, 100) if len(m) == 4 and is_normal(s4, m))
    complement = next(m for m in subgroups(s4, 100) if len(m) == 6)
    v, in_v = subgroup(s4, four)
    h, in_h = subgroup(s4, complement)
    conjugated = s4.table[s4.table[in_h[:, None], in_v[None, :]], s4.inverse[in_h][:, None]]
    product = semidirect_product(v, h, np.searchsorted(in_v, conjugated))
    images = isomorphism(product, s4)
    assert images is not None
    assert is_homomorphism(product, s4, images)
    assert sorted(images.tolist()) == list(range(24))


def test_what_is_no_action_is_refused():
    c4, c2 = group_called("C4"), group_called("C2")
    with pytest.raises(ValueError, match="automorphism"):
        semidirect_product(c4, c2, np.array([[0, 1, 2, 3], [0, 2, 1, 3]]))
    with pytest.raises(ValueError, match="homomorphism"):
        semidirect_product(c4, group_called("C3"), np.stack([np.arange(4), c4.inverse, c4.inverse]))


@pytest.mark.parametrize(("a", "b"), [("C2", "S3"), ("D4", "C3"), ("S3", "S2"), ("Tet", "Z4")])
def test_direct_products_have_pairs_as_elements(a, b):
    left, right = group_called(a), group_called(b)
    product = direct_product(left, right)
    x, y = np.divmod(np.arange(product.order), right.order)
    assert is_homomorphism(product, left, x)
    assert is_homomorphism(product, right, y)
    maps = product.matrices()
    assert np.allclose(np.einsum("aij,bjk->abik", maps, maps), maps[product.table], atol=1e-12)
    assert (product.table[np.arange(product.order), product.inverse] == 0).all()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("C2 x S3", "D6"),
        ("Tet", "A4"),
        ("O", "S4"),
        ("Td", "S4"),
        ("I", "A5"),
        ("Oh", "B3"),
        ("Z6", "C6"),
        ("D3", "S3"),
    ],
)
def test_isomorphic_groups_are_recognised(a, b):
    first, second = group_called(a), group_called(b)
    images = isomorphism(first, second)
    assert images is not None
    assert is_homomorphism(first, second, images)
    assert len(set(images.tolist())) == first.order


@pytest.mark.parametrize(("a", "b"), [("C4", "D2"), ("A4", "D6"), ("Z8", "D4"), ("Ih", "S5"), ("S4", "Th")])
def test_different_groups_of_one_order_are_told_apart(a, b):
    assert isomorphism(group_called(a), group_called(b)) is None


@pytest.mark.parametrize(
    ("name", "middle", "derived", "classes"),
    [("D4", 2, 2, 5), ("D8", 2, 4, 7), ("S4", 1, 12, 5), ("A5", 1, 60, 5), ("Oh", 2, 12, 10), ("Ih", 2, 60, 10)],
)
def test_known_centres_commutators_and_classes(name, middle, derived, classes):
    group = group_called(name)
    assert len(centre(group)) == middle
    assert len(commutator_subgroup(group)) == derived
    assert int(class_numbers(group).max()) + 1 == classes


def test_the_classes_of_the_icosahedron():
    assert sorted(len(c) for c in conjugacy_classes(group_called("I"))) == [1, 12, 12, 15, 20]


@settings(max_examples=20, deadline=None)
@given(permutation_groups)
def test_determinants_are_signs_of_permutations(group):
    assert np.allclose(determinants(group), np.linalg.det(group.matrices()))


def test_what_is_no_group_is_refused():
    with pytest.raises(ValueError, match="every element once"):
        from_table(np.array([[0, 1], [1, 1]]))
    loop = np.array([[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]])
    with pytest.raises(ValueError, match="associative"):
        from_table(loop)
    with pytest.raises(ValueError, match="closed"):
        subgroup(group_called("C4"), frozenset({0, 1}))
    with pytest.raises(ValueError, match="reach 2 of 4"):
        extend_homomorphism(group_called("D2"), [1], [1], 0, lambda a, b: a ^ b)
