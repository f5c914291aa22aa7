"""One number from two kinds of evidence: monotone in each, never counting correlated elements one by one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.evidence.combination import (
    CLASSES,
    FEATURES,
    IMAGES_ALONE,
    ORBITS_ALONE,
    PATCHES,
    REGRESSION,
    consistency,
    kernel_signal,
    kernel_trust,
    or_broken,
    or_nearly,
    patch_trust,
    weights_for,
)
from workers.evidence.posterior import posterior

bits = st.floats(-60, 12)
EVERY = pytest.mark.parametrize("weights", [REGRESSION, CLASSES, ORBITS_ALONE, FEATURES, PATCHES, IMAGES_ALONE])


@EVERY
@given(elements=st.lists(bits, min_size=1, max_size=6), where=st.integers(0, 5), more=st.floats(0, 20))
def test_more_for_an_element_is_never_less_for_its_group(weights, elements, where, more):
    better = list(elements)
    better[where % len(elements)] += more
    assert consistency(better, 3.0, 1.0, weights) >= consistency(elements, 3.0, 1.0, weights) - 1e-9


@EVERY
@given(elements=st.lists(bits, max_size=6), kernel=st.floats(-500, 500), more=st.floats(0, 500))
def test_more_for_imposing_a_group_is_never_less_for_it(weights, elements, kernel, more):
    first, second = (consistency(elements, 2.0, k, weights) for k in (kernel, kernel + more))
    assert second >= first


@EVERY
def test_what_the_generators_say_is_not_counted_again_for_their_products(weights):
    pair, whole = consistency([4.0, 4.0], 2.0, None, weights), consistency([4.0] * 3, 2.0, None, weights)
    assert whole == pytest.approx(pair)
    assert consistency([4.0, 4.0, -5.0], 2.0, None, weights) < pair


@EVERY
@given(lattice=st.lists(st.lists(bits, max_size=4), min_size=1, max_size=8))
def test_posteriors_are_normalised_and_the_kernel_may_be_missing(weights, lattice):
    probabilities = posterior([consistency(group, float(len(group)), None, weights) for group in lattice])
    assert sum(probabilities) == pytest.approx(1.0)


def test_no_kind_counts_twice():
    for weights in (REGRESSION, CLASSES, FEATURES):
        both = consistency([3.0], 1.0, 10.0, weights)
        alone = consistency([3.0], 1.0, None, ORBITS_ALONE)
        assert both < 10.0 * max(1.0, weights.kernel) + max(3.0, alone)
    every = [weights_for(kind) for kind in ("regression", "classes", "features", "patches", "none")]
    assert len(set(every)) == 5
    assert weights_for("none", images=True) not in every
    assert weights_for("features", images=True) == weights_for("features")


def test_read_outs_do_not_pay_for_the_name_of_their_group():
    assert consistency([], 3.0, 2.0, FEATURES) == pytest.approx(2.0 * FEATURES.kernel)
    assert consistency([], 3.0, 2.0, CLASSES) == pytest.approx(2.0 * CLASSES.kernel + 2.0)


@given(bits=st.lists(st.floats(-400, 400), min_size=3, max_size=3), chance=st.floats(1e-6, 0.5))
def test_a_group_that_gains_most_speaks_against_its_subgroups_by_a_bounded_amount(bits, chance):
    chain = [{1, 2}, {2}, set()]
    found = or_nearly(dict(enumerate(bits)), chain, chance)
    assert found[2] == bits[2]
    for p, own in enumerate(bits[:2]):
        assert found[p] >= own + math.log2(1.0 - chance) - 1e-9
        assert found[p] >= max(bits[p + 1 :]) + math.log2(chance / len(chain[p])) - 1e-9
        assert found[p] <= max(bits[p:]) + 1e-9


def test_groups_hold_exactly_where_nothing_else_is_thought_of():
    assert or_nearly({0: 1.0, 2: 30.0}, [{1, 2}, {2}, set()], 0.0) == {0: 1.0, 2: 30.0}
    assert or_nearly({0: 1.0, 2: 30.0}, [{1, 2}, {2}, set()], 0.5)[0] == pytest.approx(29.0, abs=1e-6)


def test_a_process_that_learned_little_is_trusted_little():
    def trust(network, kernel):
        return kernel_trust([{"witnesses": ["C2", "kernel"], "validation_shares": [network, kernel]}])

    assert trust(0.8, 0.2) == pytest.approx(0.25)
    assert trust(0.8, 0.9) == 1.0
    assert trust(0.8, -0.3) == 0.0
    assert trust(-0.1, -0.3) == 1.0
    assert kernel_trust([{"witnesses": ["C2"], "validation_shares": [0.8]}]) == 1.0


def test_a_process_that_sees_only_noise_says_nothing():
    quiet, loud = {"log2_evidence": -9.0, "kernel_noise": 0.97}, {"log2_evidence": -5.0, "kernel_noise": 0.3}
    assert kernel_signal([quiet, loud])
    assert not kernel_signal([quiet, {**loud, "log2_evidence": -20.0}])


def test_a_group_may_be_what_is_left_of_a_larger_one():
    assert or_broken(0.0, [70.0, 20.0], 0.1) == pytest.approx(70.0 + np.log2(0.1 / 2))
    assert or_broken(40.0, [20.0], 0.1) == pytest.approx(40.0 + np.log2(0.9))
    assert or_broken(3.0, [3.0], 0.1) == pytest.approx(3.0)
    assert or_broken(60.0, [], 0.1) == or_broken(60.0, [90.0], 0.0) == 60.0


@given(more=st.floats(0, 100), bits=st.floats(-200, 200))
def test_more_from_patches_is_never_less_for_a_group(more, bits):
    first, second = (consistency([1.0], 2.0, 3.0, PATCHES, 1.0, b) for b in (bits, bits + more))
    assert second - first == pytest.approx(PATCHES.patches * more, abs=1e-9)
    assert consistency([1.0], 2.0, 3.0, FEATURES, 1.0, bits) == consistency([1.0], 2.0, 3.0, FEATURES)


def test_patches_count_as_far_as_they_explain_what_networks_do():
    metrics = [{"witnesses": ["T", "positions"], "validation_shares": [0.2, 0.8]}, {"witnesses": []}]
    assert patch_trust(0.4, metrics) == pytest.approx(0.5)
    assert patch_trust(0.9, metrics) == 1.0
    assert patch_trust(-0.1, metrics) == 0.0
    assert patch_trust(0.1, [{"witnesses": ["T"], "validation_shares": [-0.2]}]) == 1.0
