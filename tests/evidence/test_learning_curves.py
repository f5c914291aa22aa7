"""Learning curves inside trials, and what the ranking makes of them."""

import time

import numpy as np
import pytest
import torch

from models.groups.plan import plan_search
from models.networks.build import build_network
from models.networks.planned import planned_config
from models.networks.standardise import standardise
from workers.fitting import FitOptions, fit
from workers.learning_curves import learning_curve
from workers.samples import constant_losses, load_samples


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


def test_a_spent_budget_cuts_the_curve(tmp_path):
    x, y = mirrored(np.random.default_rng(2), 400)
    facts = {"domain": "vector", "x_shape": [2], "task": "classification", "target_dim": None, "classes": 2}
    plan = plan_search(["E"], **facts, include_subgroups=False, max_candidates=4)
    request = {"folds": 2, "seed": 0, "utility": "full", "utility_seeds": 2, "budget": {"max_epochs": 5}}
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    dataset = {**facts, "x": str(tmp_path / "x.npy"), "y": str(tmp_path / "y.npy")}
    samples = load_samples({"dataset": dataset, "plan": plan, "request": request})
    config = planned_config(plan["nodes"][0], (2,), 2)
    networks = [build_network(config) for _ in samples.splits]
    for network in networks:
        standardise(network, torch.from_numpy(samples.x), config.spec)
    options = FitOptions(epochs=5, classification=True, seed=0, deadline=time.monotonic() - 1.0)
    tensors = torch.from_numpy(samples.x), torch.from_numpy(samples.y)
    fitted = fit(networks, *tensors, samples.splits, options, lambda fraction, message: None)
    assert fitted.out_of_time

    def nothing_more(*_):
        raise AssertionError("the budget is spent")

    curve = learning_curve(
        nothing_more, fitted, samples, request, constant_losses(samples), options.deadline, tmp_path, lambda *_: None
    )
    assert "the budget of seconds was spent" in curve["cut"]
    assert curve["sizes"] == [200]
    assert len(curve["loss_bits"]) == 1


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
