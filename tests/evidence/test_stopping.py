"""Early stopping: e-values hold at any time, and candidates are spared only when their fate is settled."""

import numpy as np
import pytest

from tests.evidence.test_trials import by_name, mirror_images
from workers.evidence.stopping import Bets, log_e_values, settled, totals
from workers.stopping import most_telling_first, saved, spared


def witnesses(rng, n, mean, count=4):
    """Witnesses that gain half a bit and mostly agree; their excess has this mean, and is skewed and bounded."""
    cluster, fold = np.arange(n), np.arange(n) % 3
    agreed = rng.choice([-0.3, 1.5], size=n, p=[5 / 6, 1 / 6])
    found = []
    for k in range(count):
        own = rng.choice([-0.3, 1.5], size=n, p=[5 / 6, 1 / 6])
        excess = mean + np.where(rng.random(n) < 0.8, agreed, own)
        found.append(Bets(0.5 if k == 0 else 0.5 / (k * (k + 1)), np.full(n, 0.5), excess[None], 3.0, cluster, fold))
    return found


def test_an_element_at_the_tolerance_is_seldom_settled_however_often_one_looks():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        heard = witnesses(rng, 150, 0.05 * 0.5)
        wrong += any(settled(totals(heard[: k + 1], 0.05), 0.1)[0] is not None for k in range(len(heard)))
    assert wrong <= 0.1 * 400


def test_e_values_of_fair_bets_have_expectation_one_at_most():
    rng = np.random.default_rng(1)
    values = []
    for _ in range(4000):
        z = rng.choice([-1.0, 3.0], size=12, p=[0.75, 0.25])
        values.append(np.exp(log_e_values(z, np.zeros(12, int), np.arange(12), 3.0)[0]))
    assert np.mean(values) < 1.0 + 3.0 * np.std(values) / np.sqrt(len(values))
    assert np.mean(values) > 0.5


def test_clear_defects_are_broken_and_clear_symmetries_kept():
    rng = np.random.default_rng(2)
    assert settled(totals(witnesses(rng, 400, 0.8), 0.05), 0.05) == ["broken"]
    exact = [Bets(0.5, np.full(6000, 0.9), np.zeros((1, 6000)), 2.0, np.arange(6000), np.arange(6000) % 3)]
    assert settled(totals(exact, 0.05), 0.05) == ["kept"]
    assert settled(totals(witnesses(rng, 20, 0.05), 0.05), 0.05) == [None]


def test_a_witness_worse_than_the_constant_breaks_nothing():
    rng = np.random.default_rng(3)
    excess = rng.choice([-0.3, 0.3], size=(1, 3000))
    worse = Bets(0.5, np.full(3000, -0.6), excess, 2.0, np.arange(3000), np.arange(3000) % 2)
    assert settled(totals([worse], 0.05), 0.05) == [None]
    better = Bets(0.5, np.full(3000, 0.6), excess, 2.0, np.arange(3000), np.arange(3000) % 2)
    assert settled(totals([better], 0.05), 0.05) != ["broken"]


def test_a_cluster_of_copies_bets_once():
    z = np.full(30, 0.5)
    alone = log_e_values(z[:3], np.zeros(3, int), np.arange(3), 1.0)
    copies = log_e_values(z, np.zeros(30, int), np.repeat(np.arange(3), 10), 1.0)
    assert copies == pytest.approx(alone)


def test_a_group_that_stands_or_falls_with_a_larger_one_is_spared(tmp_path):
    """C4's quarter turn is kept, the half turn open: the network of C2 could say nothing more, nor could that of C4."""
    nodes = [("T", []), ("C2", [0]), ("C4", [0, 1])]
    plan = {
        "classes": [{"title": "half turn"}, {"title": "quarter turn"}],
        "nodes": [
            {"name": n, "classes": c, "bits": float(len(c)), "spec": {"kind": "finite", "x": c}} for n, c in nodes
        ],
    }
    n = 6000

    def job(half_turn):
        rng = np.random.default_rng(4)
        excess = np.stack([half_turn + rng.choice([-0.5, 0.5], size=n), np.zeros(n)])
        arrays = {"base": np.zeros((1, n)), "constant": np.full((1, n), 0.9), "bounded": excess[None],
                  "fold": np.arange(n) % 3, "cluster": np.arange(n)}  # fmt: skip
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        metrics = {"loss_bounds": [2.0], "support": [{"status": "shown"}] * 2}
        paths = {f"{name}.npy": str(tmp_path / f"{name}.npy") for name in arrays}
        return {
            "plan": plan,
            "request": {"tolerance": 0.05},
            "done": [{"position": 0, "metrics": metrics, "arrays": paths}],
        }

    open_still = job(0.05 * 0.9)
    assert "C4" in spared({**open_still, "position": 1})
    assert spared({**open_still, "position": 2}) is None
    assert most_telling_first(open_still, [1, 2]) == [2, 1]
    broken = job(0.8)
    assert all("half turn is no symmetry" in spared({**broken, "position": p}) for p in (1, 2))


@pytest.mark.slow
def test_a_search_that_stops_early_gives_the_same_answer_for_less(search):
    x, y = mirror_images(np.random.default_rng(0), 900)
    candidates = [{"group": "D2", "translations": False}]
    whole, _, _ = search(x, y, candidates, epochs=20)
    early, _, trials = search(x, y, candidates, epochs=20, stopping="settled")
    names = by_name(early)
    assert early["best"]["group"] == whole["best"]["group"] == "D1"
    spared = {name for name, row in names.items() if "spared" in row["evidence"]}
    assert spared
    assert spared <= {f"{g} about the centre" for g in ("C2", "D1y", "D2")}
    assert all(names[name]["verdict"] == "refuted" for name in spared)
    assert early["evidence"]["stopping"]["spared"] == len(spared)
    assert early["evidence"]["stopping"]["seconds"] > 0
    assert saved([t for t in trials if "spared" not in t["metrics"]]) is None
