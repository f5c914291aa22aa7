"""Representations of finite groups: homomorphisms, characters, irreps, restriction and induction."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.groups.action import acting_group
from models.groups.families import named_group
from models.groups.finite import generate
from models.groups.irreps import (
    character_table,
    complex_structure,
    decomposition,
    frobenius_schur,
    irreps,
    multiplicities,
)
from models.groups.lattice import subgroups
from models.groups.planar import planar_generators, rotation
from models.groups.representations import (
    Representation,
    defining,
    direct_sum,
    dual,
    from_generators,
    induce,
    is_isomorphic,
    label_representation,
    matrix_representation,
    multiple,
    one_dimensional,
    permutation_representation,
    quotient_representation,
    regular,
    restrict,
    sign_representation,
    tensor_product,
    trivial,
)
from models.groups.structure import class_numbers, conjugacy_classes, is_normal, subgroup

NAMES = ["C1", "C2", "C5", "C8", "D1", "D2", "D3", "D4", "S3", "A4", "S4", "Z6", "B2", "Flips", "S3 x S2", "Tet", "Th"]
QUATERNIONS = (
    np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]], dtype=np.float64),
    np.array([[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]], dtype=np.float64),
)


def group_called(name):
    if name == "Q8":
        return generate(QUATERNIONS, 4, 8)
    named = named_group(name, 3)
    return generate(named.generators, named.degree, 512)


groups = st.sampled_from([*NAMES, "Q8"]).map(group_called)


def assert_homomorphism(rep):
    maps = rep.matrices
    assert maps.shape == (rep.group.order, rep.dimension, rep.dimension)
    for a in range(rep.group.order):
        assert np.allclose(maps[a] @ maps, maps[rep.group.table[a]], atol=1e-10)
    assert rep.is_homomorphism()
    assert np.allclose(rep.character, np.trace(maps, axis1=1, axis2=2))


@settings(max_examples=30, deadline=None)
@given(groups, st.data())
def test_every_constructed_representation_is_a_homomorphism(group, data):
    members = data.draw(st.sampled_from(subgroups(group, 500)))
    some = data.draw(st.sampled_from(irreps(group))).representation
    terms = [
        trivial(group),
        defining(group),
        some,
        regular(group),
        quotient_representation(group, members),
        *one_dimensional(group)[:3],
    ]
    for rep in terms:
        assert_homomorphism(rep)
    assert_homomorphism(direct_sum([terms[1], some, terms[4]]))
    assert_homomorphism(tensor_product(terms[1], some))
    if terms[4].dimension <= 6:
        assert_homomorphism(tensor_product(terms[4], terms[4]))
    assert_homomorphism(restrict(direct_sum([terms[1], terms[4]]), members))
    for below in (restrict(some, members), restrict(terms[4], members)):
        if below.dimension * group.order // len(members) <= 24:
            assert_homomorphism(induce(below, group, members))


@settings(max_examples=20, deadline=None)
@given(groups, st.integers(0, 2**32 - 1))
def test_the_regular_representation_moves_functions(group, seed):
    rng = np.random.default_rng(seed)
    f, h = rng.standard_normal(group.order), int(rng.integers(group.order))
    moved = regular(group).matrix(h) @ f
    assert np.array_equal(moved, f[group.table[group.inverse[h]]])  # (rho(h) f)(g) = f(h^-1 g)


@settings(max_examples=25, deadline=None)
@given(groups)
def test_the_squares_of_the_irreps_add_up_to_the_order(group):
    found = irreps(group)
    assert sum(i.dimension**2 // i.commutant_dimension for i in found) == group.order
    assert sum(i.dimension * i.multiplicity_in_regular for i in found) == group.order
    assert multiplicities(regular(group), found) == [i.multiplicity_in_regular for i in found]
    assert len({i.name for i in found}) == len(found)
    for irrep in found:
        assert_homomorphism(irrep.representation)
        assert irrep.representation.is_orthogonal
        assert frobenius_schur(irrep) == {"real": 1, "complex": 0, "quaternionic": -2}[irrep.type]


@settings(max_examples=25, deadline=None)
@given(groups)
def test_characters_of_irreps_are_orthogonal(group):
    found = irreps(group)
    gram = np.array([[np.mean(a.character * b.character) for b in found] for a in found])
    assert np.allclose(gram, np.diag([i.commutant_dimension for i in found]), atol=1e-9)
    table = character_table(group)
    sizes = np.array([len(c) for c in conjugacy_classes(group)])
    assert table.shape == (len(sizes), len(sizes))
    assert np.allclose((table * sizes) @ table.conj().T, group.order * np.eye(len(sizes)), atol=1e-8)
    assert np.isclose((np.abs(table[:, 0]) ** 2).sum(), group.order)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["A4", "S4", "Tet", "Q8", "I"]).map(group_called), st.integers(0, 1000))
def test_irreps_have_the_same_characters_whatever_the_seed(group, seed):
    for a, b in zip(irreps(group), irreps(group, seed), strict=True):
        assert a.name == b.name
        assert np.allclose(a.character, b.character, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "dimensions", "types"),
    [
        ("C4", [1, 1, 2], "rrc"),
        ("Z7", [1, 2, 2, 2], "rccc"),
        ("D4", [1, 1, 1, 1, 2], "rrrrr"),
        ("D16", [1] * 4 + [2] * 7, "r" * 11),
        ("A4", [1, 2, 3], "rcr"),
        ("S4", [1, 1, 2, 3, 3], "rrrrr"),
        ("A5", [1, 3, 3, 4, 5], "rrrrr"),
        ("S5", [1, 1, 4, 4, 5, 5, 6], "rrrrrrr"),
        ("Q8", [1, 1, 1, 1, 4], "rrrrq"),
        ("Th", [1, 1, 2, 2, 3, 3], "rrccrr"),
        ("Oh", [1, 1, 1, 1, 2, 2, 3, 3, 3, 3], "r" * 10),
        ("Ih", [1, 1, 3, 3, 3, 3, 4, 4, 5, 5], "r" * 10),
    ],
)
def test_known_groups_have_their_known_irreps(name, dimensions, types):
    found = irreps(group_called(name))
    assert [i.dimension for i in found] == dimensions
    assert "".join(i.type[0] for i in found) == types


def test_the_characters_of_the_icosahedron_hold_the_golden_ratio():
    group = group_called("I")
    phi = (1 + math.sqrt(5)) / 2
    table = character_table(group)
    fifth = [k for k, c in enumerate(conjugacy_classes(group)) if len(c) == 12]
    three = [row for row in table if np.isclose(row[0], 3)]
    assert sorted(np.round([row[k].real for row in three for k in fifth], 10).tolist()) == sorted(
        np.round([phi, phi, 1 - phi, 1 - phi], 10).tolist()
    )


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 16])
@pytest.mark.parametrize("family", ["C", "D"])
def test_cyclic_and_dihedral_irreps_turn_by_multiples_of_the_angle(family, n):
    acting = acting_group((0, 1), planar_generators(f"{family}{n}"))
    for irrep in irreps(acting.group):
        k = irrep.frequency
        assert k is not None
        assert 0 <= k <= n // 2
        for matrix, image in zip(acting.x_matrices(), irrep.representation.matrices, strict=True):
            angle = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
            if np.linalg.det(matrix) < 0:  # a turn after the mirror x -> -x
                turned = matrix @ np.diag([-1.0, 1.0])
                angle = math.degrees(math.atan2(turned[1, 0], turned[0, 0]))
                if irrep.dimension == 2:
                    assert np.allclose(image, rotation(k * angle) @ np.diag([-1.0, 1.0]), atol=1e-12)
                else:
                    assert np.isclose(abs(image[0, 0]), 1.0)
            elif irrep.dimension == 2:
                assert np.allclose(image, rotation(k * angle), atol=1e-12)
            else:
                assert np.isclose(image[0, 0], math.cos(math.radians(k * angle)), atol=1e-9)
    if n > 2:
        assert is_isomorphic(defining(acting), irreps(acting.group)[-((n - 1) // 2)].representation)


def test_complex_structures_commute_and_square_to_minus_one():
    for name in ("C5", "A4", "Th"):
        for irrep in irreps(group_called(name)):
            if irrep.type != "complex":
                with pytest.raises(ValueError, match="real type"):
                    complex_structure(irrep)
                continue
            turn = complex_structure(irrep)
            assert np.allclose(turn @ turn, -np.eye(irrep.dimension), atol=1e-10)
            for matrix in irrep.representation.matrices:
                assert np.allclose(turn @ matrix, matrix @ turn, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(groups, st.data())
def test_frobenius_reciprocity(group, data):
    """As often as an irrep's restriction holds psi, the induced psi holds the irrep, counted by intertwiners."""
    members = data.draw(st.sampled_from(subgroups(group, 500)))
    part, _ = subgroup(group, members)
    psi = data.draw(st.sampled_from(irreps(part))).representation
    raised = induce(psi, group, members)
    assert raised.dimension * len(members) == psi.dimension * group.order
    for irrep in irreps(group):
        lowered = restrict(irrep.representation, members)
        assert np.isclose(np.mean(raised.character * irrep.character), np.mean(psi.character * lowered.character))


@settings(max_examples=25, deadline=None)
@given(groups, st.data())
def test_induction_in_stages(group, data):
    members = data.draw(st.sampled_from(subgroups(group, 500)))
    part, where = subgroup(group, members)
    assert np.array_equal(
        induce(trivial(part), group, members).permutations, quotient_representation(group, members).permutations
    )
    assert is_isomorphic(induce(regular(part), group, members), regular(group))
    smaller = data.draw(st.sampled_from(subgroups(part, 500)))
    bottom = trivial(subgroup(part, smaller)[0])
    in_group = frozenset(int(where[i]) for i in smaller)
    assert is_isomorphic(induce(induce(bottom, part, smaller), group, members), induce(bottom, group, in_group))


@settings(max_examples=25, deadline=None)
@given(groups, st.data())
def test_a_tensor_product_with_an_induced_representation(group, data):
    """rho (x) Ind psi = Ind (Res rho (x) psi)."""
    members = data.draw(st.sampled_from(subgroups(group, 500)))
    rho = data.draw(st.sampled_from(irreps(group))).representation
    psi = data.draw(st.sampled_from(irreps(subgroup(group, members)[0]))).representation
    left = tensor_product(rho, induce(psi, group, members))
    right = induce(tensor_product(restrict(rho, members), psi), group, members)
    assert is_isomorphic(left, right)


@settings(max_examples=20, deadline=None)
@given(groups)
def test_decompositions_have_the_characters_they_came_from(group):
    rep = tensor_product(defining(group), defining(group))
    parts = decomposition(rep)
    again = direct_sum([multiple(irrep.representation, count) for count, irrep in parts])
    assert is_isomorphic(rep, again)


@pytest.mark.parametrize("name", ["C1", "C4", "D2", "D3", "D4", "S3", "A4", "Flips", "Q8"])
def test_one_dimensional_representations_are_all_homomorphisms_to_signs(name):
    group = group_called(name)
    expected = set()
    for signs in itertools.product([1, -1], repeat=group.order - 1):
        values = np.array([1, *signs])
        if (values[group.table] == values[:, None] * values[None, :]).all():
            expected.add(tuple(values.tolist()))
    found = one_dimensional(group)
    assert {tuple(r.character.astype(int).tolist()) for r in found} == expected
    assert len(found) == len(expected)
    assert found[0].name == "trivial"


def test_the_sign_is_the_determinant_or_the_only_one_or_has_a_kernel():
    s4 = group_called("S4")
    assert np.allclose(sign_representation(s4).character, np.linalg.det(s4.matrices()))
    c4 = group_called("C4")
    assert sorted(sign_representation(c4).character.tolist()) == [-1, -1, 1, 1]
    half = next(m for m in subgroups(s4, 100) if len(m) == 12)
    assert is_isomorphic(sign_representation(s4, half), sign_representation(s4))
    with pytest.raises(ValueError, match="no representation"):
        sign_representation(s4, frozenset({0}))
    with pytest.raises(ValueError, match="0 sign representations"):
        sign_representation(group_called("C3"))
    with pytest.raises(ValueError, match="give the kernel"):
        sign_representation(group_called("Q8"))


def test_what_is_no_representation_is_refused():
    c4 = group_called("C4")
    with pytest.raises(ValueError, match="the image of some product"):
        from_generators(c4, c4.generators, [rotation(60.0)])
    with pytest.raises(ValueError, match="the image of some product"):
        permutation_representation(c4, [[0, 1, 2]] + [[1, 2, 0]] * 3)
    with pytest.raises(ValueError, match="one permutation for each"):
        permutation_representation(c4, [[0, 0]] * 4)
    with pytest.raises(ValueError, match="one square matrix for each"):
        matrix_representation(c4, np.eye(2)[None])
    with pytest.raises(ValueError, match="does not permute"):
        _ = defining(c4).permutations
    with pytest.raises(ValueError, match="different groups"):
        direct_sum([regular(c4), regular(group_called("D2"))])
    with pytest.raises(ValueError, match="this subgroup"):
        induce(regular(group_called("D2")), group_called("D4"), frozenset(group_called("D4").powers(1)))


def test_matrices_that_permute_are_held_as_permutations():
    s3 = group_called("S3")
    rep = matrix_representation(s3, s3.matrices())
    assert np.array_equal(rep.permutations, s3.elements)
    images = [np.linalg.det(s3.matrices()[g]) * np.eye(1) for g in s3.generators]
    signs = from_generators(s3, s3.generators, images)
    assert not signs.is_permutation
    assert np.allclose(signs.character, sign_representation(s3).character)


def test_the_dual_inverts_what_is_not_orthogonal():
    skew = np.array([[1.0, 1.0], [0.0, -1.0]])
    rep = defining(generate([skew], 2, 4))
    assert not rep.is_orthogonal
    pairing = np.einsum("gki,gkj->gij", dual(rep).matrices, rep.matrices)
    assert np.allclose(pairing, np.eye(2))
    assert is_isomorphic(dual(rep), rep)


def test_labels_are_a_representation():
    generators = planar_generators("D4")
    acting = acting_group((0, 1), generators, [np.array([[np.linalg.det(g)]]) for g in generators])
    assert np.allclose(label_representation(acting, 1).character, np.linalg.det(acting.x_matrices()))
    still = label_representation(acting_group((0, 1), generators), 3)
    assert np.allclose(still.matrices, np.eye(3))


def test_quotients_by_normal_subgroups_hold_the_kernel():
    group = group_called("D4")
    for members in subgroups(group, 20):
        rep = quotient_representation(group, members)
        kernel = {g for g in range(8) if (rep.permutations[g] == np.arange(rep.dimension)).all()}
        assert (kernel == members) == is_normal(group, members)
        assert rep.dimension == 8 // len(members)


def test_characters_are_constant_on_classes():
    group = group_called("Oh")
    numbers = class_numbers(group)
    for irrep in irreps(group):
        values = irrep.character
        assert all(np.ptp(values[numbers == k]) < 1e-10 for k in range(10))
    assert isinstance(irreps(group)[0].representation, Representation)
