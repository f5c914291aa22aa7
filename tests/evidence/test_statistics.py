"""The statistics that decide a search, against simulation and known values."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workers.evidence.combination import ORBITS_ALONE, consistency
from workers.evidence.orbits import UNKNOWN, Defect, Witness, beats_constant, contrast, defect
from workers.evidence.posterior import CAP_FOR, confidence, log2_bayes_factor, posterior
from workers.evidence.verdicts import ClassEvidence, to_settle, verdict
from workers.intervals import mean_and_error, mean_interval
from workers.scoring import Terms, complexity_term


def simulate(rng, n, shift, cluster=None):
    constant = np.ones(n)
    base = rng.uniform(0.2, 0.6, n)
    excess = rng.normal(shift, 0.5, (1, n))
    return Witness("w", base, constant, excess, np.arange(n) if cluster is None else cluster)


def test_the_defect_is_the_share_of_what_was_learned():
    rng = np.random.default_rng(0)
    found = defect([simulate(rng, 20_000, 0.3)], 0)
    assert found.value == pytest.approx(0.5, abs=0.03)
    assert found.learned == pytest.approx(0.6, abs=0.01)
    low, high = found.interval()
    assert low < 0.5 < high


def test_intervals_cover_and_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(1)
    rejected = covered = 0
    for _ in range(400):
        witness = simulate(rng, 120, 0.0)
        found = defect([witness], 0)
        low, high = found.interval()
        covered += low <= 0 <= high
        rejected += contrast([witness], 0).p_value(0.0) < 0.05
    assert covered / 400 > 0.91
    assert rejected / 400 < 0.09


def test_a_blind_or_ignorant_witness_is_not_heard():
    rng = np.random.default_rng(2)
    good = simulate(rng, 500, 0.0)
    blind = Witness("blind", good.base, good.constant, np.full((1, 500), np.nan), good.cluster)
    ignorant = Witness("ignorant", good.constant + rng.normal(0, 0.1, 500), good.constant, good.excess, good.cluster)
    assert defect([good, blind, ignorant], 0).witnesses == ("w",)
    assert defect([blind, ignorant], 0) is UNKNOWN


def test_a_witness_that_says_nothing_but_the_constant_is_not_heard_for_its_rounding():
    """Outputs shrunk to the constant beat it by a last bit on every row: no spread, and no information."""
    constant = np.ones(600)
    silent = Witness("silent", constant - 6e-8, constant, np.zeros((1, 600)), np.arange(600))
    assert not silent.informed
    assert defect([silent], 0) is UNKNOWN


def test_weights_come_from_validation_where_it_was_kept():
    """Luck on the tested rows must not choose who testifies about them."""
    rng = np.random.default_rng(7)
    lucky, steady, old = (replace(simulate(rng, 500, 0.0), name=name) for name in ("lucky", "steady", "old"))
    lucky = replace(lucky, base=0.2 * lucky.base, share=0.3)
    steady = replace(steady, share=0.6)
    assert lucky.gain > steady.gain
    assert contrast([lucky, steady], 0).witnesses == ("steady",)
    assert set(contrast([steady, old], 0).witnesses) == {"steady", "old"}
    even = [replace(w, share=s) for w, s in ((lucky, 0.6), (steady, 0.6))]
    joint = contrast(even, 0)
    np.testing.assert_allclose(joint.excess, 0.5 * (lucky.excess[0] + steady.excess[0]))


def test_errors_respect_clusters():
    rng = np.random.default_rng(3)
    values = np.repeat(rng.normal(0, 1, 50), 10)
    _, naive, _ = mean_and_error(values, np.arange(500))
    _, honest, freedom = mean_and_error(values, np.repeat(np.arange(50), 10))
    assert freedom == pytest.approx(49)
    assert honest > 2.5 * naive


def test_the_interval_of_a_share_is_one_of_shares():
    right, cluster = np.array([1.0] * 7 + [0.0]), np.arange(8)
    found = mean_interval(right, cluster, least=0.0, most=1.0)
    assert found == {**mean_interval(right, cluster), "high": 1.0}
    assert mean_interval(1.0 - right, cluster, least=0.0, most=1.0)["low"] == 0.0


def test_one_cluster_gives_no_interval():
    assert mean_interval(np.arange(4.0), np.zeros(4, int)) == {"mean": 1.5, "low": None, "high": None}


@settings(deadline=None)
@given(st.floats(-0.3, 6), st.floats(0.001, 3), st.floats(0, 1), st.integers(1, 2000))
def test_bayes_factors_are_finite_and_bounded(value, error, learned, freedom):
    bits = log2_bayes_factor(Defect(value, error, freedom, learned, ("w",)), 0.05)
    assert -60 <= bits <= CAP_FOR


def test_bayes_factors_point_the_right_way():
    def bits(value, error, learned=0.9):
        return log2_bayes_factor(Defect(value, error, 500, learned, ("w",)), 0.05)

    assert bits(0.0, 0.01) > 3
    assert bits(0.5, 0.05) < -20
    assert bits(4.0, 1.0) < -3
    assert abs(bits(0.3, 5.0)) < 3
    assert bits(0.0, 0.01, learned=0.1) < bits(0.0, 0.01, learned=0.9)
    assert log2_bayes_factor(UNKNOWN, 0.05) == 0.0


@given(st.lists(st.floats(-300, 300), min_size=1, max_size=20))
def test_posteriors_sum_to_one_in_the_order_of_the_scores(scores):
    probabilities = posterior(scores)
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities[int(np.argmax(scores))] == max(probabilities)


def test_confidence_is_the_crystallographers():
    assert confidence([0.9, 0.1]) == pytest.approx(math.sqrt(0.9 * 0.8))
    assert confidence([1.0]) == 1.0
    assert confidence([0.5, 0.5]) == 0.0


def test_nothing_known_favours_the_smaller_group():
    silent = [
        Terms(0.0, consistency([0.0] * k, order, None, ORBITS_ALONE), complexity_term(order, False))
        for k, order in ((0, 0.0), (6, 3.0))
    ]
    assert silent[0].score() > silent[1].score()
    assert silent[0].score({"complexity": 0.0}) == silent[1].score({"complexity": 0.0})


def member(value, error, support="shown", freedom=1000):
    found = Defect(value, error, freedom, 0.8, ("w",))
    p = float(stats.t.sf((value - 0.05) / error, freedom))
    return ClassEvidence("g", "turn g", found, support, p, p, 0.0)


def test_the_five_verdicts():
    def name(*members, learned=True):
        return verdict(list(members), 0.05, 1.96, learned).name

    assert name(member(0.0, 0.005), member(0.01, 0.005)) == "certified"
    assert name(member(0.0, 0.005), member(0.07, 0.03)) == "approximate"
    assert name(member(0.0, 0.005), member(0.6, 0.03)) == "refuted"
    assert name(member(0.0, 0.005), member(0.9, 0.03, support="not_shown")) == "untested"
    assert name(member(0.0, 0.3)) == "undetermined"
    assert name(member(0.0, 0.001), learned=False) == "undetermined"
    assert name() == "certified"


def test_a_refutation_names_its_element_and_indecision_the_data_it_needs():
    against = verdict([member(0.0, 0.01), member(0.6, 0.03)], 0.05, 1.96, True)
    assert against.element == "g"
    assert "60%" in against.reason
    unclear = verdict([member(0.0, 0.2)], 0.05, 1.0, True)
    assert unclear.factor == pytest.approx((1.6464 * 0.2 / 0.05) ** 2, rel=0.01)


def test_a_reading_near_the_tolerance_does_not_ask_for_thousands_of_times_the_data():
    def factor(value):
        return to_settle([member(value, 0.1)], 1.645, 0.05)[0]

    assert factor(0.049) == factor(0.0) == pytest.approx((1.6464 * 0.1 / 0.05) ** 2, rel=0.01)
    assert factor(0.051) == pytest.approx(factor(0.0))
    assert factor(0.2) == pytest.approx((1.6464 * 0.1 / 0.15) ** 2, rel=0.01)
    assert member(0.04, 0.01).defect.to_certify(1.645, 0.05) == pytest.approx(1.6464**2, rel=0.01)
    assert member(0.04, 0.01).defect.to_refute(1.645, 0.05) == math.inf


def test_no_tolerance_is_too_small_for_a_verdict():
    tiny = verdict([member(-0.1, 0.2)], 1e-300, 1.0, True)
    assert (tiny.name, tiny.factor) == ("undetermined", None)


def test_with_two_clusters_no_witness_is_heard_by_chance():
    rng = np.random.default_rng(0)
    heard = 0
    for _ in range(2000):
        gains = np.repeat(rng.normal(size=2), 30)
        heard += beats_constant(gains, 1.0, np.repeat([0, 1], 30))
    assert heard <= 8  # 2.7 are expected at the level of three standard errors; a normal quantile lets 200 through
    assert beats_constant(np.full(60, 0.5) + rng.normal(size=60) * 0.2, 1.0, np.arange(60))
    assert not beats_constant(np.full(60, 1e-9), 1.0, np.arange(60))
