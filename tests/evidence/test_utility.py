"""What a symmetry is worth, from learning curves with a known answer."""

from itertools import pairwise

import numpy as np
import pytest

from workers.evidence.utility import (
    LearningCurve,
    code_length,
    compare,
    draws_of,
    interval,
    labels_needed,
    log2_saved,
    means,
    resampling,
)
from workers.folds import Split
from workers.learning_curves import subset
from workers.worth import worth_in_words

LABELS = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])


def power_law(labels, factor=1.0):
    """The loss of a network for which every label counts `factor` times, bits."""
    return 0.2 + 20.0 * (labels * factor) ** -0.5


def curve(factor, rng, rows=600, seeds=3, noise=0.3, shared=None):
    """A curve over rows that differ in difficulty; `shared` (rows,) is the part all candidates have in common."""
    own = rng.normal(0.0, noise, (seeds, len(LABELS), rows)) + (0.0 if shared is None else shared)
    return LearningCurve(LABELS, power_law(LABELS, factor)[None, :, None] + own)


@pytest.mark.parametrize("factor", [0.3, 0.6, 1.0, 2.0, 3.0, 7.0])
def test_the_factor_of_labels_is_that_of_the_curves(factor):
    found = log2_saved(LABELS, power_law(LABELS), power_law(LABELS, factor))
    assert 2.0**found == pytest.approx(factor, rel=0.06)  # between sizes the curve is not straight in log2 labels


def test_curves_are_read_at_the_first_crossing():
    losses = np.array([[4.0, 3.0, 2.0, 2.5, 1.0], [1.0, 3.0, 2.0, 2.5, 0.5]])
    assert labels_needed(LABELS, losses, np.array([3.5, 2.0])) == pytest.approx([np.log2(100) + 0.5, np.log2(100)])
    assert np.isnan(labels_needed(LABELS, losses[0], np.array(0.5)))


def test_beyond_the_sizes_a_factor_is_a_bound():
    rng = np.random.default_rng(0)
    again = resampling(np.arange(600), 0)
    ahead = compare(curve(100.0, rng), curve(1.0, rng), again, 1.0, 0)["labels_saved"]
    assert (ahead["factor"], ahead["bound"], ahead["high"]) == (pytest.approx(16.0), "at_least", None)
    assert ahead["low"] == pytest.approx(16.0)
    behind = compare(curve(0.01, rng), curve(1.0, rng), again, 1.0, 0)["labels_saved"]
    assert (behind["factor"], behind["bound"], behind["low"]) == (pytest.approx(1 / 16), "at_most", None)


def test_a_flat_reference_saves_nothing_and_says_so():
    rng = np.random.default_rng(1)
    flat = LearningCurve(LABELS, 1.0 + rng.normal(0, 0.1, (3, 5, 300)))
    found = compare(curve(2.0, rng, 300), flat, resampling(np.arange(300), 0), 1.0, 0)
    assert found["labels_saved"]["factor"] is None
    assert "does not clearly improve" in found["labels_saved"]["reason"]


def test_the_code_charges_each_block_what_the_blocks_before_it_taught():
    losses = np.array([2.0, 1.5, 1.0, 0.5, 0.1])
    bits = 100 * 3.0 + 100 * 2.0 + 200 * 1.5 + 400 * 1.0 + 800 * 0.5
    assert code_length(LABELS, losses, 3.0) == pytest.approx(bits)


def test_a_missing_size_is_left_out_of_both():
    rng = np.random.default_rng(2)
    own, base = curve(2.0, rng, noise=0.0), curve(1.0, rng, noise=0.0)
    own.bits[:, 3] = np.nan
    found = compare(own, base, resampling(np.arange(600), 0), 1.0, 0)
    three = LABELS[[0, 1, 2, 4]]
    gap = code_length(three, power_law(three), 1.0) - code_length(three, power_law(three, 2.0), 1.0)
    assert found["bits_saved_against_trivial"]["mean"] == pytest.approx(gap)
    own.bits[:, :] = np.nan
    assert compare(own, base, resampling(np.arange(600), 0), 1.0, 0)["bits_saved_against_trivial"] is None


def test_pairing_the_rows_takes_their_difficulty_out_of_the_interval():
    rng = np.random.default_rng(3)
    hard = rng.exponential(3.0, 600)
    again = resampling(np.arange(600), 0)
    paired = compare(curve(2.0, rng, shared=hard), curve(1.0, rng, shared=hard), again, 1.0, 0)
    apart = compare(curve(2.0, rng, shared=hard), curve(1.0, rng, shared=hard[::-1]), again, 1.0, 0)

    def width(found):
        return found["bits_saved_against_trivial"]["high"] - found["bits_saved_against_trivial"]["low"]

    assert width(paired) < 0.3 * width(apart)
    assert paired["labels_saved"]["low"] < 2.0 < paired["labels_saved"]["high"]


def covered(truth, make, runs=150):
    """Share of runs whose interval holds the truth."""
    hits = 0
    for run in range(runs):
        bits, cluster = make(np.random.default_rng([9, run]))
        drawn = draws_of(bits, resampling(cluster, run, 400), run)
        found = interval(means(bits)[0], drawn[:, 0])
        hits += found["low"] <= truth <= found["high"]
    return hits / runs


def test_intervals_hold_when_rows_come_in_clusters():
    def make(rng):
        return np.repeat(rng.normal(0, 1, 60), 5)[None, None] + rng.normal(0, 0.2, (1, 1, 300)), np.repeat(range(60), 5)

    assert covered(0.0, make) > 0.89


def test_intervals_hold_when_every_training_comes_out_differently():
    def make(rng):
        return rng.normal(0, 0.5, (3, 1, 1)) + rng.normal(0, 1, (3, 1, 200)), np.arange(200)

    assert covered(0.0, make) > 0.9


def test_subsets_are_nested_whole_clusters():
    rng = np.random.default_rng(4)
    cluster = rng.integers(0, 90, 600)
    rows = rng.permutation(np.flatnonzero(cluster < 60))
    aside = np.flatnonzero((cluster >= 60) & (cluster < 72))
    split, order = Split(rows, aside, np.flatnonzero(cluster >= 72)), rng.permutation(90)
    subsets = [subset(split, cluster, part, order) for part in (8, 4, 2)]
    for small, large in pairwise(subsets):
        assert set(small.train) <= set(large.train)
        assert set(small.validation) <= set(large.validation)
        assert len(small.train) < len(large.train)
    for one in subsets:
        for part, whole in ((one.train, rows), (one.validation, aside)):
            assert set(cluster[part]).isdisjoint(set(cluster[np.setdiff1d(whole, part)]))


def test_the_summary_names_the_labels_saved_only_where_they_are_clearly_saved():
    plan = {"nodes": [{"name": "T"}, {"name": "C4"}]}

    def said(low, high, seeds, bound=None):
        saved = {"factor": 2.64, "low": low, "high": high, "bound": bound, "reason": None}
        return worth_in_words(plan, [{"position": 1, "seeds": seeds, "labels_saved": saved}], [1, 0])

    assert said(2.2, 3.0, 3) == " C4 is worth about 2.6 times the labels (2.2 to 3.0)."
    assert said(2.2, None, 3, "at_least") == " C4 is worth at least 2.6 times the labels (2.2 or more)."
    assert said(2.2, 3.0, 1) == " C4 is worth about 2.6 times the labels (one training)."
    assert said(0.9, 3.0, 3) == said(None, 3.0, 3) == worth_in_words(plan, [], []) == ""
