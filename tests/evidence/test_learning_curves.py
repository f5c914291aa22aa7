"""Learning curves inside trials, and what the ranking makes of them."""

import time

import numpy as np
import pytest


def mirrored(rng, n):
    """Points of the plane with labels that survive x -> -x and nothing else."""
    x = rng.normal(size=(n, 2)).astype(np.float32)
    return x, (x[:, 1] + 0.5 * x[:, 0] ** 2 > 0.5).astype(np.int64)


def test_candidates_are_compared_on_the_same_rows_and_sizes(search):
    x, y = mirrored(np.random.default_rng(0), 300)
    ranking, plan, trials = search(x, y, ["D1", "C2"], epochs=8, utility="full", utility_seeds=2)
    curves = [np.load(t["arrays"]["curve_bits.npy"]) for t in trials]
    assert curves[0].shape == (2, 5, 300)
    for own in curves[1:]:
        assert np.array_equal(np.isnan(own), np.isnan(curves[0]))
    sizes = trials[0]["metrics"]["curve"]["sizes"]
    assert sizes == [37, 75, 150]
    assert {tuple(t["metrics"]["curve"]["sizes"]) for t in trials} == {tuple(sizes)}
    # Seed s is tested on fold s alone, so every row is tested once at every size that was trained.
    assert set(np.unique((~np.isnan(curves[0])).sum(0))) <= {0, 1}
    worth = {plan["nodes"][w["position"]]["group"]: w for w in ranking["evidence"]["worth"]}
    assert worth["E"]["labels_saved"]["reason"] == "it is the reference itself"
    assert worth["D1"]["imposing_costs_bits"]["high"] < worth["C2"]["imposing_costs_bits"]["low"]
    assert worth["C2"]["imposing_costs_bits"]["low"] > 0
    assert worth["D1"]["bits_saved_against_trivial"]["mean"] > worth["C2"]["bits_saved_against_trivial"]["mean"]
    row = next(r for r in ranking["rows"] if plan["nodes"][r["position"]]["group"] == "D1")
    assert row["evidence"]["bits_saved"] == worth["D1"]["bits_saved_against_trivial"]


def test_fast_curves_leave_the_evidence_as_it_is(search):
    x, y = mirrored(np.random.default_rng(1), 160)
    plain, _, _ = search(x, y, ["D1"], epochs=2)
    fast, _, trials = search(x, y, ["D1"], epochs=2, utility="fast")
    again, _, _ = search(x, y, ["D1"], epochs=2, utility="fast")
    for one, other in zip(plain["rows"], fast["rows"], strict=True):
        assert (one["posterior"], one["score"], one["verdict"]) == (
            other["posterior"],
            other["score"],
            other["verdict"],
        )
    assert plain["elements"] == fast["elements"]
    assert fast["rows"] == again["rows"]
    assert fast["evidence"] == again["evidence"]
    curve = trials[0]["metrics"]["curve"]
    assert curve["seeds"] == 1
    assert len(curve["sizes"]) == len(curve["loss_bits"]) == len(curve["accuracy"]) >= 2
    assert "worth" not in plain["evidence"] or plain["evidence"]["worth"] == []


def test_a_spent_budget_cuts_the_curve_and_not_the_evidence(search):
    x, y = mirrored(np.random.default_rng(2), 200)
    began = time.monotonic()
    budget = {"max_seconds": 5.0, "max_epochs": 100_000}
    ranking, _, trials = search(x, y, ["E"], utility="full", budget=budget)
    assert time.monotonic() - began < 60
    curve = trials[0]["metrics"]["curve"]
    assert "the budget of seconds was spent" in curve["cut"]
    assert len(curve["sizes"]) == len(curve["loss_bits"])
    assert ranking["best"]["group"] == "E"


def test_targets_have_their_loss_relative_to_the_best_constant(search):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(160, 2)).astype(np.float32)
    y = ((x**2).sum(1) + 0.1 * rng.normal(size=160)).astype(np.float32)
    _, _, trials = search(x, y, ["C2"], task="regression", epochs=8, utility="full", utility_seeds=2)
    for trial in trials:
        curve = trial["metrics"]["curve"]
        r2, bits = curve["r2"][-1]["mean"], curve["loss_bits"][-1]["mean"]
        assert bits == pytest.approx(0.5 * np.log2(1 - r2), abs=0.1)
        assert r2 == pytest.approx(trial["metrics"]["r2"]["mean"], abs=1e-3)
        assert curve["loss_bits"][0]["mean"] > bits
