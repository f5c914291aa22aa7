"""Bounds and p-values that hold for all element classes at once, at small n and with heavy tails."""

import time

import numpy as np
import pytest
from scipy import stats

from workers.evidence.orbits import CROSS_FITTED, Contrast, Witness, contrast, plain_t, skewed_t
from workers.evidence.simultaneous import adjusted_p_values, critical_value, flips
from workers.intervals import cluster_moments, mean_and_error

LEVEL, RUNS = 0.05, 250


def rare(count, runs):
    """Whether `count` errors in `runs` are no more than chance gives (99 %) when each has probability LEVEL."""
    return count <= stats.binom.ppf(0.99, runs, LEVEL)


def contrasts(excess, gain=None, cluster=None):
    """One contrast for each row of excess (classes, rows), all with the same gain."""
    n = excess.shape[1]
    gain = np.ones(n) if gain is None else gain
    cluster = np.arange(n) if cluster is None else cluster
    return [Contrast(e, gain, cluster, 0.8, ("w",), 1.0) for e in excess]


def correlated(draw, rng, n, classes=6):
    """Excess losses that share -loss(f(x)): half of each one's variance is common to all classes."""
    return draw(rng, (classes, n)) + draw(rng, (1, n))


def spikes(size):
    """A loss that about five samples show and the others do not; mean zero."""

    def draw(rng, shape):
        rate = 5 / shape[1]
        return size * ((rng.random(shape) < rate) - rate) + 0.1 * rng.normal(size=shape)

    return draw


DRAWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "t3": lambda rng, shape: rng.standard_t(3, shape),
    "right": lambda rng, shape: rng.exponential(size=shape) - 1.0,
    "left": lambda rng, shape: 1.0 - rng.exponential(size=shape),
    "right spikes": spikes(2.0),
    "left spikes": spikes(-2.0),
}


def familywise(draw, cluster=None):
    """(runs with a false refutation, runs with a bound below the truth) where every defect is 0.5."""
    rng = np.random.default_rng(0)
    refutations = bounds = 0
    for _ in range(RUNS):
        found = contrasts(draw(rng) + 0.5, cluster=cluster)
        chance = flips(found)
        refutations += min(adjusted_p_values(chance, found, 0.5)) < LEVEL
        defects = [c.defect() for c in found]
        quantile = critical_value(chance, defects)
        bounds += any(d.bound(quantile) < 0.5 for d in defects)
    return refutations, bounds


@pytest.mark.parametrize("n", [20, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("law", DRAWS)
def test_familywise_errors_stay_below_the_level(law, n):
    refutations, bounds = familywise(lambda rng: correlated(DRAWS[law], rng, n))
    assert rare(refutations, RUNS)
    assert rare(bounds, RUNS)


@pytest.mark.parametrize("common", [0.0, 1.0])
def test_a_few_dominating_clusters_do_not_break_the_level(common):
    """Thirty clusters of which three hold most rows, their rows alike or independent."""
    cluster = np.repeat(np.arange(30), [60, 40, 30] + [3] * 27)

    def draw(rng):
        apart, alike = (correlated(DRAWS["normal"], rng, k) for k in (len(cluster), 30))
        return apart if common == 0 else 0.3 * apart + alike[:, cluster]

    refutations, bounds = familywise(draw, cluster)
    assert rare(refutations, RUNS)
    assert rare(bounds, RUNS)


def test_classes_that_agree_cost_less_than_bonferroni():
    rng = np.random.default_rng(1)
    common = rng.normal(size=200)
    one, many = (contrasts(np.stack([common] * k) + 0.001 * rng.normal(size=(k, 200))) for k in (1, 40))
    values = [critical_value(flips(found), [c.defect() for c in found]) for found in (one, many)]
    assert values[1] < values[0] + 0.15
    apart = contrasts(rng.normal(size=(40, 200)))
    value = critical_value(flips(apart), [c.defect() for c in apart])
    assert value == pytest.approx(stats.t.ppf(1 - LEVEL / 40, 199), abs=0.35)


def test_adjusted_p_values_step_down():
    """A rejected hypothesis leaves the others the smaller family: never below their own, in the order of evidence."""
    rng = np.random.default_rng(2)
    excess = rng.normal(0, 0.5, (6, 200))
    excess[:2] += 1.0
    found = contrasts(excess)
    chance = flips(found)
    adjusted = adjusted_p_values(chance, found, 0.05)
    single = [c.p_value(0.05) for c in found]
    assert all(a >= p - 1e-12 for a, p in zip(adjusted, single, strict=True))
    assert max(adjusted[:2]) < 0.01 < min(adjusted[2:])
    order = np.argsort([-c.test(0.05).statistic for c in found])
    assert np.all(np.diff(np.asarray(adjusted)[order]) >= 0)
    assert adjusted == adjusted_p_values(flips(found), found, 0.05)


@pytest.mark.parametrize("skew", [0.0, 0.2, 3.0])
@pytest.mark.parametrize("quantile", [0.0, 1.7, 12.0])
def test_the_correction_for_skewness_can_be_undone(skew, quantile):
    distance = skewed_t(quantile, skew)
    assert distance >= quantile
    assert plain_t(distance, skew) == pytest.approx(quantile)


def test_no_violation_in_few_samples_is_not_none_at_all():
    """Twenty samples without any loss: one in twenty might still lose everything."""
    (silent,) = contrasts(np.zeros((1, 20)))
    assert silent.defect().bound(0.0) > 0.05
    (many,) = contrasts(np.zeros((1, 500)))
    assert many.defect().bound(0.0) < 0.01


def test_degrees_of_freedom_count_what_decides_the_mean():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(30), [60, 40, 30] + [3] * 27)
    alike = rng.normal(size=30)[cluster]
    assert cluster_moments(alike, cluster).freedom < 3
    assert 5 < cluster_moments(rng.normal(size=len(cluster)), cluster).freedom < 7
    assert cluster_moments(rng.normal(size=40), np.arange(40)).freedom == pytest.approx(39)


def cross_fitted(rng, folds, n=60, d=4):
    """A witness of y = |x1|, fitted by least squares on the other folds and tested on x -> -x, a true symmetry."""
    x = rng.normal(size=(n, d))
    y = np.abs(x[:, 0]) + rng.normal(0, 0.3, n)
    fold = np.arange(n) % folds
    base, constant, excess = (np.full(n, np.nan) for _ in range(3))
    for k in range(folds):
        train, test = fold != k, fold == k
        weights = np.linalg.lstsq(features(x[train]), y[train], rcond=None)[0]
        base[test] = (y[test] - features(x[test]) @ weights) ** 2
        excess[test] = (y[test] - features(-x[test]) @ weights) ** 2 - base[test]
        constant[test] = (y[test] - y[train].mean()) ** 2
    return Witness("w", base, constant, excess[None], np.arange(n), dependence=CROSS_FITTED)


def features(x):
    return np.concatenate([np.ones((len(x), 1)), x, x**2], axis=1)


@pytest.mark.parametrize("folds", [2, 5])
def test_cross_fitting_is_paid_for(folds):
    """Folds learn each other's noise: the mean over them has up to twice the variance that its rows show."""
    rng = np.random.default_rng(4)
    statistics, naive = [], []
    for _ in range(600):
        w = cross_fitted(rng, folds)
        found = Contrast(w.excess[0], w.constant - w.base, w.cluster, 0.5, ("w",), CROSS_FITTED)
        statistics.append(found.test(0.0).statistic)
        mean, error, _ = mean_and_error(w.excess[0], w.cluster)
        naive.append(mean / error)
    bound = stats.t.ppf(1 - LEVEL, 59)
    assert rare(int((np.asarray(statistics) > bound).sum()), 600)
    assert rare(int((np.asarray(statistics) < -bound).sum()), 600)
    assert 1.1 < np.var(naive) < CROSS_FITTED * 1.15


def ridge(x, y):
    """Kernel ridge regression, fitted."""

    def gram(a, b):
        return np.exp(-0.5 * ((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T))

    weights = np.linalg.solve(gram(x, x) + 0.3 * np.eye(len(x)), y - y.mean())
    return lambda z: y.mean() + gram(z, x) @ weights


@pytest.mark.slow
@pytest.mark.parametrize("broken", [0.0, 0.6])
def test_bounds_cover_what_cross_fitted_witnesses_really_lose(broken):
    """Kernel ridge on three folds of thirty samples with t3 noise, two mirrors and their product; the truth from 3,000
    fresh samples."""
    rng = np.random.default_rng(6)
    mirrors = [np.array(m) for m in ((-1.0, 1, 1), (1.0, -1, 1), (-1.0, -1, 1))]
    heard = below = refuted = 0

    def draw(n):
        x = rng.normal(size=(n, 3))
        noise = 0.3 * rng.standard_t(3, n) / np.sqrt(3)
        return x, 2.5 * np.exp(-np.abs(x[:, 0])) + broken * np.tanh(x[:, 1]) + noise

    for _ in range(RUNS):
        (x, y), (fresh, values) = draw(30), draw(3000)
        base, constant, excess = np.zeros(30), np.zeros(30), np.zeros((3, 30))
        lost, gained = np.zeros(3), 0.0
        for k in range(3):
            train, test = np.arange(30) % 3 != k, np.arange(30) % 3 == k
            f = ridge(x[train], y[train])
            base[test], constant[test] = (y[test] - f(x[test])) ** 2, (y[test] - y[train].mean()) ** 2
            plain = (values - f(fresh)) ** 2
            gained += float(((values - y[train].mean()) ** 2 - plain).mean())
            for j, mirror in enumerate(mirrors):
                excess[j, test] = (y[test] - f(x[test] * mirror)) ** 2 - base[test]
                lost[j] += float(((values - f(fresh * mirror)) ** 2 - plain).mean())
        witness = Witness("w", base, constant, excess, np.arange(30), dependence=CROSS_FITTED)
        if not witness.informed:
            continue
        truth = lost / gained
        found = [c for c in (contrast([witness], j) for j in range(3)) if c is not None]
        chance, defects = flips(found), [c.defect() for c in found]
        quantile = critical_value(chance, defects)
        heard += 1
        below += any(d.bound(quantile) < t for d, t in zip(defects, truth, strict=True))
        adjusted = adjusted_p_values(chance, found, 0.05)
        refuted += any(p < LEVEL and t <= 0.05 for p, t in zip(adjusted, truth, strict=True))
    assert heard > 60
    assert rare(below, heard)
    assert rare(refuted, heard)


def test_the_largest_search_takes_a_second():
    rng = np.random.default_rng(5)
    found = contrasts(rng.normal(size=(128, 6000)))
    started = time.monotonic()
    chance = flips(found)
    critical_value(chance, [c.defect() for c in found])
    adjusted_p_values(chance, found, 0.05)
    assert time.monotonic() - started < 20  # a second where nothing else runs
