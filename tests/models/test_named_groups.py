"""Named groups: solids, planar groups with an axis, continuous groups, and the language of names."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.groups.action import acting_group
from models.groups.continuous import continuous_group
from models.groups.families import named_group
from models.groups.finite import GroupTooLarge, generate
from models.groups.language import (
    LanguageError,
    named_representation,
    parse_group,
    parse_representation,
    print_group,
    print_representation,
    sum_of_terms,
)
from models.groups.lattice import subgroups
from models.groups.planar import planar_generators, planar_name
from models.groups.polyhedral import POLYHEDRAL_NAMES, polyhedral_generators, polyhedral_title
from models.groups.probed import PLANE_FAMILIES
from models.groups.structure import determinants, isomorphism, subgroup

CONTINUOUS = ["SO(2)", "O(2)", "SO(3)", "O(3)", "SO(4)", "O(6)", "O(1)", "SO(1)", "Scale", "SIM(2)"]


@pytest.mark.parametrize(
    ("name", "order", "rotations", "count"),
    [("Tet", 12, 12, 10), ("Td", 24, 12, 30), ("Th", 24, 12, 26), ("O", 24, 24, 30), ("Oh", 48, 24, 98),
     ("I", 60, 60, 59), ("Ih", 120, 60, 164)],
)  # fmt: skip
def test_the_groups_of_the_solids(name, order, rotations, count):
    group = generate(polyhedral_generators(name), 3, 200)
    assert group.order == order
    maps = group.matrices()
    assert np.allclose(maps @ maps.transpose(0, 2, 1), np.eye(3), atol=1e-12)
    assert int((determinants(group) > 0).sum()) == rotations
    assert len(subgroups(group, 1000)) == count
    assert polyhedral_title(name)


def corners(name):
    phi = (1 + math.sqrt(5)) / 2
    signs = [(a, b) for a in (-1, 1) for b in (-1, 1)]
    if name in ("I", "Ih"):
        return np.array([np.roll([0, a, b * phi], k) for a, b in signs for k in range(3)])
    if name in ("O", "Oh", "Th"):
        return np.concatenate([np.eye(3), -np.eye(3)])
    return np.array([[a, b, a * b] for a, b in signs], dtype=np.float64)


@pytest.mark.parametrize("name", POLYHEDRAL_NAMES)
def test_a_solid_is_mapped_to_itself(name):
    points = corners(name)
    for matrix in generate(polyhedral_generators(name), 3, 200).matrices():
        distance = np.linalg.norm((points @ matrix.T)[:, None] - points[None], axis=-1)
        assert (distance.min(axis=1) < 1e-12).all()


@pytest.mark.parametrize("name", POLYHEDRAL_NAMES)
def test_solids_act_on_three_coordinates_of_a_vector(name):
    named = named_group(name, 7)
    assert named.degree == 3
    acting = acting_group((2, 4, 6), named.generators)
    assert acting.group.order == generate(polyhedral_generators(name), 3, 200).order


def test_the_rotations_of_the_tetrahedron_belong_to_every_solid():
    tetrahedron = {np.round(m, 9).tobytes() for m in generate(polyhedral_generators("Tet"), 3, 12).matrices() + 0.0}
    for name in POLYHEDRAL_NAMES:
        maps = generate(polyhedral_generators(name), 3, 200).matrices()
        assert tetrahedron <= {(np.round(m, 9) + 0.0).tobytes() for m in maps}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 16), st.floats(0.0, 179.9))
def test_dihedral_groups_with_any_axis_read_back(n, axis):
    axis = round(axis, 2)
    group = generate(planar_generators(f"D{n}@{axis:g}"), 2, 64)
    assert group.order == 2 * n
    name = planar_name(group.matrices())
    again = generate(planar_generators(name), 2, 64)
    distance = np.abs(again.matrices()[:, None] - group.matrices()[None]).max(axis=(-1, -2))
    assert (distance.min(axis=1) < 1e-5).all()
    assert planar_name(again.matrices()) == name


@pytest.mark.parametrize("name", ["C0", "D65", "C4@10", "D4@", "D4@x", "E4", "D2dd"])
def test_what_is_no_planar_name(name):
    assert planar_generators(name) is None


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_of_a_continuous_group_belong_to_it_and_multiply(name):
    group = continuous_group(name)
    a, b = group.sample(np.random.default_rng(1), 50), group.sample(np.random.default_rng(2), 50)
    assert a.shape == (50, group.degree, group.degree)
    for left, right in zip(a, b, strict=True):
        assert group.contains(left)
        assert group.contains(left @ right)
        assert group.contains(np.linalg.inv(left))
    assert np.array_equal(a, group.sample(np.random.default_rng(1), 50))
    signs = set(np.sign(np.linalg.det(a)).tolist())
    assert len(signs) == group.components


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_tangent_space_leads_into_the_group(name):
    group = continuous_group(name)
    basis = group.lie_algebra()
    assert basis.shape == (group.dimension, group.degree, group.degree)
    assert np.linalg.matrix_rank(basis.reshape(len(basis), -1)) == group.dimension if len(basis) else True
    for tangent in basis:
        step = np.eye(group.degree) + tangent * 1e-3 / 2**10
        for _ in range(10):  # (1 + A / 1024)^1024 is close to exp(A)
            step = step @ step
        assert group.contains(step, tolerance=1e-6)


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("family", ["SO", "O"])
def test_orthogonal_samples_are_uniform(family, n):
    """The mean of a uniform element is 0, and E tr^2 = 1, but 2 for SO(2), which is of complex type."""
    maps = continuous_group(f"{family}({n})").sample(np.random.default_rng(0), 20_000)
    assert np.abs(maps.mean(axis=0)).max() < 0.03
    expected = 2.0 if (family, n) == ("SO", 2) else 1.0
    assert abs(np.mean(np.trace(maps, axis1=1, axis2=2) ** 2) - expected) < 0.08


def test_scales_are_sampled_between_their_bounds():
    scales = continuous_group("Scale").sample(np.random.default_rng(0), 1000, largest_scale=3.0)[:, 0, 0]
    assert scales.min() > 1 / 3
    assert scales.max() < 3
    assert abs(np.log(scales).mean()) < 0.1


def test_what_does_not_belong():
    turn, mirror = np.array([[0.0, -1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
    assert not continuous_group("SO(2)").contains(mirror)
    assert continuous_group("O(2)").contains(mirror)
    assert not continuous_group("O(2)").contains(2 * turn)
    assert continuous_group("SIM(2)").contains(2 * turn)
    assert not continuous_group("SIM(2)").contains(2 * mirror)
    assert not continuous_group("Scale").contains(2 * turn)
    assert not continuous_group("Scale").contains(-np.eye(2))
    assert not continuous_group("SIM(2)").contains(np.zeros((2, 2)))
    assert not continuous_group("SO(2)").contains(np.eye(3))
    assert continuous_group("SO(0)") is None
    assert continuous_group("O") is None
    assert all(continuous_group(name).degree == 2 for name in PLANE_FAMILIES)


@pytest.mark.parametrize(
    ("text", "name", "order"),
    [("D8", "D8", 16), ("C_4", "C4", 4), ("C2 x S3", "C2 x S3", 12), ("S3×S2", "S3 x S2", 12),
     ("D4@22.5", "D4@22.5", 8), ("D2d", "D2d", 4), ("Ih", "Ih", 120), ("A5", "A5", 60), ("C2  x  Tet", "C2 x Tet", 24)],
)  # fmt: skip
def test_group_names_parse_and_print(text, name, order):
    parsed = parse_group(text)
    assert (parsed.name, parsed.group.order) == (name, order)
    again = parse_group(parsed.name)
    assert again.name == parsed.name == print_group(text)
    assert np.array_equal(again.group.elements, parsed.group.elements)


def test_open_names_need_a_number_of_coordinates():
    assert parse_group("Sn", 4).group.order == 24
    assert parse_group("Flips", 3).group.order == 8
    for text in ("Sn", "Inv", "E", "C2 x Flips"):
        with pytest.raises(LanguageError, match="how many coordinates"):
            parse_group(text)


@pytest.mark.parametrize(
    ("text", "token"), [("Q8", "'Q8'"), ("C2 x Foo", "'Foo'"), ("SO(3)", "infinitely many"), ("", "''")]
)
def test_unknown_groups_are_named_with_what_is_known(text, token):
    with pytest.raises(LanguageError) as error:
        parse_group(text)
    assert token in str(error.value)
    assert "Tet" in str(error.value)
    with pytest.raises(GroupTooLarge):
        parse_group("S6")


names_of_d4 = ["trivial", "regular", "defining", "sign", "sign1", "sign2", "freq1", "quotient(D1y)", "quotient(D2d)"]
names_of_i = ["trivial", "regular", "irrep3a", "irrep5", "quotient(#7)"]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([("D4", names_of_d4), ("I", names_of_i)]), st.data())
def test_representations_parse_and_print(group_and_names, data):
    group_name, names = group_and_names
    group = parse_group(group_name).group
    terms = data.draw(st.lists(st.tuples(st.integers(1, 9), st.sampled_from(names)), min_size=1, max_size=3))
    text = " + ".join(name if count == 1 else f"{count} {name}" for count, name in terms)
    parsed = parse_representation(text, group)
    assert print_representation(parsed) == text
    whole = sum_of_terms(parsed)
    assert whole.name == text
    assert whole.dimension == sum(count * named_representation(name, group).dimension for count, name in terms)
    assert whole.is_homomorphism()


def test_spaces_and_missing_multiplicities_are_read():
    group = parse_group("D8").group
    parsed = parse_representation(" 8 regular+2  sign +trivial ", group)
    assert [count for count, _ in parsed] == [8, 2, 1]
    assert print_representation(parsed) == "8 regular + 2 sign + trivial"
    assert sum_of_terms(parsed).dimension == 131


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("2 foo", "'foo'"),
        ("0 sign", "'0 sign'"),
        ("regular +", "''"),
        ("quotient(D7)", "'D7'"),
        ("quotient(#99)", "#0"),
    ],
)
def test_unknown_representations_are_named_with_what_is_known(text, token):
    with pytest.raises(LanguageError) as error:
        parse_representation(text, parse_group("D4").group)
    assert token in str(error.value)


def test_a_quotient_is_by_the_named_subgroup():
    group = parse_group("D4").group
    rep = named_representation("quotient(D1y)", group)
    stabiliser = frozenset(g for g in range(8) if rep.permutations[g, 0] == 0)
    assert planar_name(group.matrices()[sorted(stabiliser)]) == "D1y"
    assert isomorphism(subgroup(group, stabiliser)[0], parse_group("C2").group) is not None
