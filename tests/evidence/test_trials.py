"""Whole searches inside one process: planted truths, traps, and the same answer twice."""

import numpy as np
import pytest
import torch
from safetensors import safe_open

from app.schemas.elements import ElementItem
from app.schemas.evidence import SearchEvidence
from workers.ranking import rank_search
from workers.samples import Samples
from workers.training import equivariance_error


def mirror_images(rng, n=500):
    """Labels that survive x -> -x and nothing else of the square: how much brighter the top is, both halves alike."""
    x = rng.normal(size=(n, 1, 6, 6)).astype(np.float32)
    ramp = np.linspace(1, -1, 6)[None, None, :, None] * np.array([1.0, 0.2, 0.6, 0.6, 0.2, 1.0])
    return x, ((x * ramp).sum((1, 2, 3)) > 0).astype(np.int64)


def by_name(ranking):
    return {row["evidence"]["name"]: row for row in ranking["rows"]}


@pytest.mark.slow
def test_a_planted_mirror_about_the_centre_is_found(search):
    x, y = mirror_images(np.random.default_rng(0))
    ranking, _, _ = search(x, y, [{"group": "D2", "translations": False}])
    assert ranking["best"]["group"] == "D1"
    rows = by_name(ranking)
    assert rows["D1 about the centre"]["verdict"] != "refuted"
    assert {rows[f"{g} about the centre"]["verdict"] for g in ("C2", "D1y", "D2")} == {"refuted"}
    assert [row["rank"] for row in ranking["rows"]] == list(range(1, len(ranking["rows"]) + 1))
    scores = [row["score"] for row in ranking["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert [row["posterior"] for row in ranking["rows"]] == sorted(
        (r["posterior"] for r in ranking["rows"]), reverse=True
    )


def test_the_same_job_gives_the_same_numbers(search):
    x, y = mirror_images(np.random.default_rng(1), 200)
    runs = [search(x, y, ["D1"], epochs=3)[0] for _ in range(2)]
    for first, second in zip(runs[0]["rows"], runs[1]["rows"], strict=True):
        assert first == second
    assert runs[0]["elements"] == runs[1]["elements"]
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.allow_tf32


def test_no_signal_gives_no_symmetry(search):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(300, 2)).astype(np.float32), rng.integers(0, 2, 300)
    ranking, _, _ = search(x, y, ["D4"], epochs=5)
    assert {row["verdict"] for row in ranking["rows"]} == {"undetermined"}
    assert ranking["best"]["group"] == "E"
    assert "No symmetry can be named" in ranking["summary"]


def test_a_sign_action_beats_the_trivial_one_where_labels_flip(search):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = np.tanh(2 * x[:, 0]) * np.cosh(x[:, 1]) + rng.normal(0, 0.05, 300)
    candidates = ["D1", {"group": "D1", "labels": "sign"}]
    ranking, _, _ = search(x, y.astype(np.float32), candidates, task="regression")
    assert ranking["best"]["labels"] == "sign"
    assert by_name(ranking)["D1"]["verdict"] == "refuted"


def test_vector_labels_that_turn_with_x_are_found(search):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = x * (x**2).sum(1, keepdims=True) + rng.normal(0, 0.1, (300, 2))
    ranking, _, _ = search(x, y.astype(np.float32), [{"group": "C4", "labels": "vector"}], task="regression")
    assert (ranking["best"]["group"], ranking["best"]["labels"]) == ("C4", "vector")


def test_unseen_poses_are_untested(search):
    rng = np.random.default_rng(5)
    radius, angle = rng.uniform(1, 2, 400), rng.uniform(-0.4, 0.4, 400)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32)
    y = (radius > 1.5).astype(np.int64)
    ranking, _, _ = search(x, y, ["C4"], epochs=6)
    rows = by_name(ranking)
    assert rows["C4"]["verdict"] == rows["C2"]["verdict"] == "untested"
    assert all(e["defect"]["bound"] is None for e in ranking["elements"]), "the bound is for tested elements"


def test_two_clusters_of_images_are_searched_and_nothing_is_claimed(search):
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((40, 1, 8, 8)).astype(np.float32), rng.integers(0, 2, 40)
    ranking, _, _ = search(x, y, ["T", "D1"], groups=np.repeat([0, 1], 20), epochs=2)
    assert {row["verdict"] for row in ranking["rows"]} == {"undetermined"}


@pytest.mark.slow
def test_tic_tac_toe_knows_the_eight_permutations_of_its_board(search):
    with np.load("app/demo/tic_tac_toe.npz", allow_pickle=False) as data:
        x, y = data["x"].reshape(-1, 9).astype(np.float32), np.unique(data["y"], return_inverse=True)[1]
    turn, mirror = [6, 3, 0, 7, 4, 1, 8, 5, 2], [2, 1, 0, 5, 4, 3, 8, 7, 6]
    board = {"group": "custom", "name": "board", "generators": [turn, mirror]}
    ranking, _, _ = search(x, y, [board, "Z9", {"group": "S2", "on": [0, 1]}, {"group": "S2", "on": [3, 5]}], epochs=8)
    assert (ranking["best"]["group"], ranking["best"]["verdict"]) == ("board", "certified")
    outside = [row for name, row in by_name(ranking).items() if name in ("Z9", "S2 on 0,1", "S2 on 3,5")]
    assert len(outside) == 3
    assert all(row["verdict"] != "certified" for row in outside)


def test_a_split_column_and_groups_are_honoured(search):
    x, y = mirror_images(np.random.default_rng(6), 240)
    groups, split = np.repeat(np.arange(60), 4), np.repeat([0, 0, 0, 1], 60).astype(np.int8)
    _, _, trials = search(x, y, ["D1"], groups=groups, split=split, epochs=2, only=[0])
    assert np.load(trials[0]["arrays"]["rows.npy"]).tolist() == list(range(180, 240))
    assert len(set(np.load(trials[0]["arrays"]["cluster.npy"]).tolist())) == 15


def test_two_clusters_cannot_decide(search):
    x = np.random.default_rng(9).normal(size=(40, 2)).astype(np.float32)
    ranking, _, trials = search(x, np.arange(40) % 2, ["C2"], groups=np.arange(40) // 20, epochs=2)
    assert by_name(ranking)["C2"]["verdict"] == "undetermined"
    assert trials[0]["metrics"]["validation_shares"] == [0.0, 0.0]


def test_a_failed_trial_is_named_and_not_ranked(search):
    x, y = mirror_images(np.random.default_rng(7), 120)
    _, plan, trials = search(x, y, ["D1"], epochs=2)
    lost = [{**trials[0]}, {**trials[1], "state": "crashed", "metrics": None, "arrays": {}}]
    ranking = rank_search({"plan": plan, "request": {"tolerance": 0.05, "weights": {}}, "trials": lost})
    assert [row["position"] for row in ranking["rows"]] == [0]
    assert any("D1" in w for w in ranking["warnings"])


def test_weights_change_the_order_but_not_the_posterior(search):
    x, y = mirror_images(np.random.default_rng(8), 200)
    _, plan, trials = search(x, y, ["D2"], epochs=4)

    def ranked(weights):
        return rank_search({"plan": plan, "request": {"tolerance": 0.05, "weights": weights}, "trials": trials})

    plain, steep = ranked({}), ranked({"accuracy": 0.0, "consistency": 0.0, "complexity": 5.0})
    assert steep["rows"][0]["evidence"]["name"] == "T"
    posterior = {r["position"]: r["posterior"] for r in plain["rows"]}
    assert {r["position"]: r["posterior"] for r in steep["rows"]} == posterior
    for row in plain["rows"]:
        e = row["evidence"]
        assert row["score"] == pytest.approx(e["accuracy_term"] + e["consistency_term"] - e["complexity_term"])


def test_the_stored_network_says_how_to_rebuild_itself(search):
    x, y = mirror_images(np.random.default_rng(9), 120)
    _, _, trials = search(x, y, ["D1"], epochs=1, only=[1])
    with safe_open(trials[0]["arrays"]["network.safetensors"], "pt") as stored:
        assert "config" in stored.metadata()["erlangen"]
        assert any(key.endswith("weight") for key in stored.keys())


def test_the_unit_of_a_target_does_not_matter(search):
    x = np.random.default_rng(8).normal(size=(120, 2)).astype(np.float32)
    y = (x**2).sum(1)
    said = []
    for unit in (1.0, 2.0**-100):  # a power of two, so that nothing is rounded
        _, _, trials = search(x, (y * unit).astype(np.float32), ["E"], task="regression", epochs=2)
        said.append(trials[0]["metrics"]["r2"])
    assert said[0] == pytest.approx(said[1], rel=1e-3)


@pytest.mark.slow
def test_a_symmetry_of_every_angle_is_not_refuted_off_the_grid(search):
    rng = np.random.default_rng(10)
    n, size = 160, 16
    turn, long = rng.uniform(0, 2 * np.pi, n), rng.uniform(1.5, 5, n)
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    x = sum(
        weight * np.exp(-((columns - sign * (long * np.cos(turn))[:, None, None]) ** 2
                          + (rows - sign * (long * np.sin(turn))[:, None, None]) ** 2) / 4.5)
        for sign, weight in ((1, 1.0), (-1, 0.6))
    )[:, None].astype(np.float32)  # fmt: skip
    ranking, plan, trials = search(x, (long > 3.25).astype(np.int64), ["SO(2)"], epochs=4, only=[0, 4])
    assert plan["nodes"][4]["order"] is None
    assert {row["evidence"]["name"] for row in ranking["rows"]} == {"T", "SO(2)"}
    elements = {e["element"]: e for e in ranking["elements"]}
    assert set(elements) >= {"r180", "r45", "r137.508"}
    assert not any(e["refuted"] for e in elements.values())
    assert all(e["support"]["status"] == "shown" for e in elements.values())
    excess = np.load(trials[1]["arrays"]["excess.npy"])
    assert np.isnan(excess).all()  # SO(2) is blind to each of its own elements


def test_many_interchangeable_items_are_found(search):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(160, 8)).astype(np.float32)
    y = ((x**2).sum(1) + np.tanh(x).sum(1)).astype(np.float32)
    ranking, _, trials = search(x, y, ["S8"], task="regression", epochs=10)
    assert ranking["best"]["group"] == "S8"
    kernel = [t["metrics"]["log2_evidence"] for t in trials]
    assert kernel[-1] > kernel[0] + 3


def test_a_search_reports_its_laws_and_its_copies(search):
    rng = np.random.default_rng(12)
    x = rng.normal(size=(200, 8)) + np.array([0.0, 1.5, 0, 0, 0, 0, 0, 0])  # p(x) keeps x -> -x, and not y -> -y
    x = np.concatenate([x, x[:60] + 1e-3 * rng.normal(size=(60, 8))]).astype(np.float32)
    y = np.tanh(x[:, 1]) + 0.1 * rng.normal(size=260)
    ranking, plan, _ = search(x, y.astype(np.float32), [{"group": "D2", "on": [0, 1]}], task="regression", epochs=2)
    evidence = SearchEvidence.model_validate(ranking["evidence"])
    assert evidence.duplicates is not None
    assert 116 <= evidence.duplicates.near <= 122
    assert any("kept in one fold" in w for w in ranking["warnings"])
    assert evidence.laws is not None
    assert [c.name for c in evidence.laws.candidates] == [n["name"] for n in plan["nodes"]]
    assert {c.name for c in evidence.laws.candidates if c.marginal == "broken"} >= {"C2", "D2"}
    elements = [ElementItem.model_validate(e) for e in ranking["elements"]]
    assert all(e.laws is not None and e.laws.marginal.p_value is not None for e in elements)


def test_a_network_that_learned_nothing_is_not_said_to_break_its_symmetry():
    """Outputs that differ by rounding alone have no spread to measure an error by."""
    x = np.random.default_rng(3).normal(size=(64, 2)).astype(np.float32)
    action = {"matrix": [[-1.0, 0.0], [0.0, 1.0]], "coordinates": [0, 1], "labels": None}
    job = {"dataset": {"domain": "vector"}, "plan": {"classes": [{"action": action}]}}
    samples = Samples(x, np.zeros(64, int), True, 2, np.arange(64), [], [], np.zeros(2), np.ones(2))
    network = torch.nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.fill_(1e-7)
    assert equivariance_error(network, samples, {"classes": [0]}, job, torch.device("cpu")) < 1e-3
    with torch.no_grad():
        network.weight.fill_(1.0)
    assert equivariance_error(network, samples, {"classes": [0]}, job, torch.device("cpu")) > 1.0


@pytest.mark.parametrize("unit", [2.0**-40, pytest.param(2.0**40, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("shape", "group"), [pytest.param((3,), "S3", marks=pytest.mark.slow), ((1, 8, 8), "D1")])
def test_units_of_x_mean_nothing(search, shape, group, unit):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(120, *shape)).astype(np.float32)
    y = (np.sort(x.reshape(120, -1)[:, :3], 1)[:, 1] > 0).astype(np.int64)
    one, _, first = search(x, y, [group], epochs=3)
    other, _, second = search(x * np.float32(unit), y, [group], epochs=3)
    assert [(r["evidence"]["name"], r["verdict"]) for r in one["rows"]] == [
        (r["evidence"]["name"], r["verdict"]) for r in other["rows"]
    ]
    assert [r["posterior"] for r in other["rows"]] == pytest.approx([r["posterior"] for r in one["rows"]], rel=1e-3)
    assert [e["support"] for e in other["elements"]] == [e["support"] for e in one["elements"]]
    assert first[0]["metrics"]["laws"] == second[0]["metrics"]["laws"]
