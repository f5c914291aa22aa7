"""Linear maps that commute with a group: their number, and that they do."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.groups.families import named_group
from models.groups.finite import generate
from models.groups.intertwiners import (
    canonical,
    dimension_by_characters,
    intertwiner_basis,
    intertwiner_blocks,
    invariant_basis,
    orbit_index,
    orbits,
    orbits_of_pairs,
)
from models.groups.irreps import irreps
from models.groups.lattice import subgroups
from models.groups.representations import (
    Representation,
    defining,
    direct_sum,
    multiple,
    one_dimensional,
    quotient_representation,
    regular,
    tensor_product,
    trivial,
)

NAMES = ["C1", "C2", "C5", "D2", "D3", "D4", "D8", "S3", "A4", "S4", "Z6", "B2", "Flips", "S3 x S2", "Tet", "Td", "I"]


def group_called(name):
    named = named_group(name, 3)
    return generate(named.generators, named.degree, 512)


def skewed(rep):
    """The same representation in a basis that is not orthogonal."""
    change = np.eye(rep.dimension) + np.triu(np.full((rep.dimension, rep.dimension), 0.3), 1)
    return Representation(rep.group, change @ rep.matrices @ np.linalg.inv(change), f"skewed {rep.name}")


@st.composite
def representations(draw, group):
    choices = [trivial(group), defining(group), *one_dimensional(group), *(i.representation for i in irreps(group))]
    choices.append(quotient_representation(group, draw(st.sampled_from(subgroups(group, 500)))))
    if group.order <= 12:
        choices.append(regular(group))
    rep = draw(st.sampled_from(choices))
    shape = draw(st.sampled_from(["plain", "sum", "product", "skewed"]))
    other = draw(st.sampled_from(choices))
    if shape == "sum":
        return direct_sum([rep, other, rep])
    if shape == "product" and rep.dimension * other.dimension <= 24:
        return tensor_product(rep, other)
    return skewed(rep) if shape == "skewed" else rep


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(NAMES).map(group_called), st.data())
def test_the_characters_count_the_basis_and_the_basis_commutes(group, data):
    rep_in, rep_out = data.draw(representations(group)), data.draw(representations(group))
    basis = intertwiner_basis(rep_in, rep_out)
    assert basis.shape == (dimension_by_characters(rep_in, rep_out), rep_out.dimension, rep_in.dimension)
    for g in range(group.order):
        left, right = rep_out.matrix(g) @ basis, basis @ rep_in.matrix(g)
        assert np.allclose(left, right, atol=1e-9)
    flat = basis.reshape(len(basis), rep_out.dimension * rep_in.dimension)
    assert np.allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["C4", "D3", "D4", "S3", "A4"]).map(group_called), st.data())
def test_orbits_and_the_null_space_span_the_same_maps(group, data):
    """The same permutations held as matrices go through the null space."""
    found = subgroups(group, 100)
    rep_in, rep_out = (quotient_representation(group, data.draw(st.sampled_from(found))) for _ in range(2))
    as_matrices = Representation(group, rep_in.matrices, "matrices")
    by_orbits = intertwiner_basis(rep_in, rep_out).reshape(-1, rep_in.dimension * rep_out.dimension)
    solved = intertwiner_basis(as_matrices, rep_out).reshape(by_orbits.shape)
    assert np.allclose(by_orbits.T @ by_orbits, solved.T @ solved, atol=1e-9)


@pytest.mark.parametrize("name", ["C1", "C4", "C8", "D4", "D8", "S3", "A4", "O", "Ih"])
def test_regular_to_regular_has_one_weight_for_each_element(name):
    group = group_called(name)
    index = orbit_index(regular(group), regular(group))
    assert int(index.max()) + 1 == group.order == dimension_by_characters(regular(group), regular(group))
    relative = group.table[group.inverse]  # g^-1 h labels the orbits: a group convolution
    for k in range(group.order):
        assert len(np.unique(index[relative == k])) == 1


def shifts(n):
    transposition = np.arange(n)
    transposition[:2] = [1, 0]
    return [transposition, np.roll(np.arange(n), -1)]


@pytest.mark.parametrize("n", [2, 3, 5, 10, 50])
def test_permutations_leave_a_layer_two_weights(n):
    """lambda I + gamma 1 1^T, from two generators: the n! elements are never listed."""
    index = orbits_of_pairs(shifts(n), shifts(n))
    assert int(index.max()) == 1
    assert np.array_equal(index == index[0, 0], np.eye(n, dtype=bool))


def test_permutations_of_graphs_leave_fifteen_weights():
    """Adjacency to adjacency: the fourth Bell number; matrices to vectors the third, 5."""
    n = 5
    pairs = [(p[:, None] * n + p[None, :]).ravel() for p in shifts(n)]
    assert int(orbits_of_pairs(pairs, pairs).max()) + 1 == 15
    assert int(orbits_of_pairs(pairs, shifts(n)).max()) + 1 == 5


def test_permutations_within_blocks_leave_five_weights():
    """S_30 x S_20 on 50 coordinates: two for each block with itself, one for each with the other."""
    generators = [np.concatenate([p, np.arange(30, 50)]) for p in shifts(30)]
    generators += [np.concatenate([np.arange(30), p + 30]) for p in shifts(20)]
    assert int(orbits_of_pairs(generators, generators).max()) + 1 == 6
    assert int(orbits(generators, 50).max()) + 1 == 2


@pytest.mark.parametrize("n", [1, 2, 7, 64, 500])
def test_cyclic_shifts_leave_a_circulant(n):
    shift = np.roll(np.arange(n), -1)
    index = orbits_of_pairs([shift], [shift])
    difference = (np.arange(n)[:, None] - np.arange(n)[None, :]) % n
    assert int(index.max()) + 1 == n
    assert all(len(np.unique(index[difference == k])) == 1 for k in range(n))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.permutations(range(n)), min_size=1, max_size=3)))
def test_orbits_are_what_can_be_reached(generators):
    n = len(generators[0])
    number = orbits([np.asarray(g) for g in generators], n)
    for start in range(n):
        reached, stack = {start}, [start]
        while stack:
            i = stack.pop()
            for g in generators:
                if g[i] not in reached:
                    reached.add(g[i])
                    stack.append(g[i])
        assert reached == set(np.flatnonzero(number == number[start]).tolist())
    assert sorted(set(number.tolist())) == list(range(int(number.max()) + 1))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES).map(group_called))
def test_schur_between_irreps(group):
    found = irreps(group)
    for a in found:
        for b in found:
            count = a.commutant_dimension if a is b else 0
            assert len(intertwiner_basis(a.representation, b.representation)) == count


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES).map(group_called), st.data())
def test_invariant_vectors_are_what_the_average_keeps(group, data):
    rep = data.draw(representations(group))
    basis = invariant_basis(rep)
    assert np.allclose(rep.matrices @ basis.T, basis.T, atol=1e-9)
    mean = rep.matrices.mean(axis=0)
    assert math.isclose(np.trace(mean), len(basis), abs_tol=1e-8)


def test_blocks_between_sums_make_the_whole_basis():
    group = group_called("D8")
    rep = direct_sum([multiple(regular(group), 2), multiple(defining(group), 2), one_dimensional(group)[1]])
    blocks = intertwiner_blocks(rep, rep)
    assert len(blocks) == 25
    assert len({id(block.basis) for block in blocks}) == 9
    assert sum(len(block.basis) for block in blocks) == dimension_by_characters(rep, rep)


def test_large_maps_are_averaged():
    """Beyond 256 entries the basis comes from averages: the icosahedron's regular functions to vectors."""
    group = group_called("I")
    basis = intertwiner_basis(regular(group), defining(group))
    assert basis.shape == (3, 3, 60)
    for g in group.generators:
        assert np.allclose(defining(group).matrix(g) @ basis, basis @ regular(group).matrix(g), atol=1e-10)


def test_generators_must_come_in_pairs():
    with pytest.raises(ValueError, match="each on both sides"):
        orbits_of_pairs(shifts(3), [])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(4, 8), st.integers(0, 2**32 - 1))
def test_a_canonical_basis_depends_on_the_span_alone(count, n, seed):
    rng = np.random.default_rng(seed)
    span = rng.standard_normal((count, n))
    bases = [np.linalg.qr((rng.standard_normal((count, count)) @ span).T)[0].T for _ in range(2)]
    first, second = (canonical(basis) for basis in bases)
    assert np.allclose(first, second, atol=1e-6)
    assert np.allclose(first @ first.T, np.eye(count), atol=1e-8)
    assert np.allclose(first.T @ first, bases[0].T @ bases[0], atol=1e-8)
