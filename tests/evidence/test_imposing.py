"""What imposing a group does enters its posterior where it is known of every candidate, and only there."""

import copy

import numpy as np
import pytest

from benchmarks.planted_images import plant
from models.groups.joins import above
from models.groups.plan import plan_search
from workers.evidence.combination import (
    FEATURES,
    IMAGES_ALONE,
    ORBITS_ALONE,
    PATCHES,
    or_broken,
    or_nearly,
)
from workers.evidence.orbits import UNKNOWN
from workers.evidence.verdicts import ClassEvidence
from workers.imposing import imposed, paired_losses
from workers.ranking import rank_search


def lattice(group="D2", domain="image2d"):
    shape = [1, 8, 8] if domain == "image2d" else [2]
    facts = {"domain": domain, "x_shape": shape, "task": "classification", "target_dim": None, "classes": 2}
    candidates = ["T", group] if domain == "image2d" else ["E", group]
    return plan_search(candidates, **facts, include_subgroups=True, max_candidates=64)


def positions(plan):
    return {node["name"]: p for p, node in enumerate(plan["nodes"])}


def evidence(plan, unshown=()):
    support = ["not_shown" if c["element"] in unshown else "shown" for c in plan["classes"]]
    return [ClassEvidence("g", "g", UNKNOWN, s, 1.0, 1.0, 0.0, None) for s in support]


def trials_with(plan, bits):
    done = {p: {"metrics": {"witnesses": []}, "arrays": {}} for p in range(len(plan["nodes"]))}
    done[0]["metrics"]["features"] = {"log2_evidence": bits}
    return done


def test_bits_of_read_outs_are_used_where_every_candidate_has_them():
    plan = lattice()
    bits = [0.0, 5.0, -3.0, 2.0, 4.0]
    done = trials_with(plan, bits)
    found = imposed(plan, done, evidence(plan))
    assert found.bits == or_nearly(dict(enumerate(bits)), above(plan), FEATURES.faint)
    assert found.bits[positions(plan)["D2"]] == bits[positions(plan)["D2"]]
    assert found.weights == FEATURES
    for missing in ([0.0, None, -3.0, 2.0, 4.0], []):
        alone = imposed(plan, trials_with(plan, missing), evidence(plan))
        assert alone.bits is None
        assert alone.weights == IMAGES_ALONE
    del done[1]  # a candidate that could not be trained is not ranked, and need not be known
    assert set(imposed(plan, done, evidence(plan)).bits) == {0, 2, 3, 4}


def test_poses_that_the_data_does_not_show_say_nothing():
    plan = lattice()
    half_turn = next(c["element"] for c in plan["classes"] if c["angle_degrees"] == 180)
    found = imposed(plan, trials_with(plan, [0.0, 5.0, 5.0, 5.0, 5.0]), evidence(plan, [half_turn]))
    silent = {p for p, bits in found.bits.items() if abs(bits) < 1e-12}
    assert silent == {positions(plan)[name] for name in ("C2", "D2")}
    where = positions(plan)
    refuted = {where["T"]: 0.0, where["C2"]: 5.0, where["D1"]: -50.0, where["D1y"]: 5.0, where["D2"]: 5.0}
    found = imposed(plan, trials_with(plan, [refuted[p] for p in range(5)]), evidence(plan, [half_turn]))
    assert found.bits[where["D1"]] == -50.0, "D2, whose half turn is not shown, does not speak for its subgroups"


def seen(bits, broken, share):
    return {"log2_evidence": bits, "broken": broken, "share": share}


def test_patches_are_weighed_beside_read_outs_as_far_as_they_are_trusted():
    plan = lattice()
    done = trials_with(plan, [0.0, 1.0, 2.0, 3.0, 4.0])
    bits, nearly = [0.0, 10.0, -20.0, 5.0, 12.0], [[[1, 14.0], [4, 3.0]], [[4, 2.0]], [[4, -30.0]], [[4, 1.0]], None]
    done[0]["metrics"] |= {"witnesses": ["T"], "validation_shares": [0.6], "patches": seen(bits, nearly, 0.3)}
    found = imposed(plan, done, evidence(plan))
    assert found.weights == PATCHES
    assert found.patches == dict(enumerate(0.5 * k for k in bits))
    assert found.broken == {0: {1: 7.0, 4: 1.5}, 1: {4: 1.0}, 2: {4: -15.0}, 3: {4: 0.5}}
    assert found.seen(0) == pytest.approx(or_broken(0.0, [7.0, 1.5], 0.5 * PATCHES.nearly))
    assert found.seen(4) == 6.0
    assert found.bits == or_nearly(dict(enumerate([0.0, 1.0, 2.0, 3.0, 4.0])), above(plan), PATCHES.faint)
    done[0]["metrics"]["patches"] = seen([0.0, None, -20.0, 5.0, 12.0], nearly, 0.3)
    without = imposed(plan, done, evidence(plan))
    assert (without.patches, without.seen(0), without.weights) == (None, None, FEATURES)


def test_patches_of_poses_that_the_data_does_not_show_say_nothing():
    plan = lattice()
    where = positions(plan)
    half_turn = next(c["element"] for c in plan["classes"] if c["angle_degrees"] == 180)
    done = trials_with(plan, [0.0] * 5)
    bits = {where["T"]: 0.0, where["C2"]: 5.0, where["D1"]: -50.0, where["D1y"]: 5.0, where["D2"]: 50.0}
    said = [bits[p] for p in range(5)]
    done[0]["metrics"] |= {"witnesses": [], "patches": seen(said, [[[4, 60.0]]] * 4 + [None], 0.3)}
    heard = imposed(plan, done, evidence(plan, [half_turn]))
    assert heard.broken == {}
    found = heard.patches
    assert found[where["C2"]] == found[where["D2"]] == 0.0
    assert found[where["D1"]] == -50.0, "what is left of D2, whose half turn is not shown, is not thought of"


def test_vectors_without_kernels_keep_their_own_weights():
    plan = lattice("D1", "vector")
    assert imposed(plan, trials_with(plan, []), evidence(plan)).weights == ORBITS_ALONE


def trained(tmp_path, plan, losses, *, cluster=None, fold=None):
    """Trials whose networks lose `losses` (by name) bits on each row."""
    n = len(next(iter(losses.values())))
    done = {}
    for name, lost in losses.items():
        where = tmp_path / name
        where.mkdir(exist_ok=True)
        arrays = {"base": lost[None], "cluster": np.arange(n) if cluster is None else cluster}
        arrays |= {} if fold is None else {"fold": fold}
        for key, value in arrays.items():
            np.save(where / f"{key}.npy", value)
        paths = {f"{key}.npy": str(where / f"{key}.npy") for key in arrays}
        done[positions(plan)[name]] = {"metrics": {"witnesses": [name]}, "arrays": paths}
    return done


def test_a_network_is_compared_with_its_largest_trained_subgroups(tmp_path):
    plan, rng = lattice("D4"), np.random.default_rng(0)
    base = rng.uniform(0.5, 1.0, 400)
    better = {"T": 0.3, "C2": 0.2, "C4": 0.1, "D1": 0.25, "D4": 0.0}
    done = trained(tmp_path, plan, {name: base + more for name, more in better.items()})
    done[positions(plan)["D2"]] = {"metrics": {"spared": "settled", "witnesses": []}, "arrays": {}}
    found = paired_losses(plan, done)
    where = positions(plan)
    assert where["T"] not in found
    assert where["D2"] not in found
    assert found[where["C4"]].against == ("C2",)
    assert found[where["C4"]].bits == pytest.approx(0.1)
    assert set(found[where["D4"]].against) == {"C4", "D1"}
    assert found[where["D4"]].bits == pytest.approx(0.175)


def test_a_network_that_overflowed_is_compared_with_none(tmp_path):
    plan = lattice("D4")
    losses = {"T": np.ones(40), "C2": np.where(np.arange(40) < 3, np.nan, 1.0), "C4": np.full(40, 0.5)}
    where, found = positions(plan), paired_losses(plan, trained(tmp_path, plan, losses))
    assert where["C2"] not in found
    assert found[where["C4"]].against == ("T",)
    assert found[where["C4"]].bits == pytest.approx(0.5)


def test_the_error_of_a_paired_loss_respects_clusters_and_folds(tmp_path):
    plan, rng = lattice("C2"), np.random.default_rng(1)
    gain = rng.normal(size=200)
    several = np.repeat(np.arange(200), 4)
    losses = {"T": gain[several] + 2.0, "C2": np.full(800, 2.0)}
    (found,) = paired_losses(plan, trained(tmp_path, plan, losses, cluster=several)).values()
    assert found.error == pytest.approx(gain.std() / np.sqrt(200), rel=0.02)
    (naive,) = paired_losses(plan, trained(tmp_path, plan, losses)).values()
    assert naive.error == pytest.approx(found.error / 2, rel=0.05)
    fold = np.repeat(np.arange(4), 200)
    apart = {"T": np.array([1.0, -1.0, 2.0, 0.0])[fold] + 3.0, "C2": np.full(800, 3.0)}
    (by_fold,) = paired_losses(plan, trained(tmp_path, plan, apart, fold=fold)).values()
    assert by_fold.error == pytest.approx(np.std([1.0, -1.0, 2.0, 0.0], ddof=1) / 2)


def test_searches_are_ranked_with_and_without_read_outs(search):
    x, y, _ = plant("D1", "energy", n=300, side=10, seed=1)
    ranking, plan, trials = search(x[:, None], y, ["T", "D1"], epochs=6)
    rows = {row["evidence"]["name"]: row for row in ranking["rows"]}
    bits = trials[0]["metrics"]["features"]["log2_evidence"]
    assert {n: r["evidence"]["imposed_bits"] for n, r in rows.items()} == {
        "T": or_nearly(dict(enumerate(bits)), [{1}, set()], PATCHES.faint)[0],
        "D1": bits[1],
    }
    patches = trials[0]["metrics"]["patches"]
    assert rows["D1"]["evidence"]["patch_bits"] == pytest.approx(patches["log2_evidence"][1])
    assert rows["D1"]["posterior"] > 0.9
    assert rows["D1"]["evidence"]["paired_loss"]["against"] == ["T"]
    (mirror,) = ranking["elements"]
    assert mirror["defect"]["bound"] > mirror["defect"]["value"]
    certified = mirror["defect"]["bound"] <= 0.05
    assert (rows["D1"]["verdict"] == "certified") == certified
    assert rows["T"]["evidence"]["paired_loss"] is None
    old = copy.deepcopy(trials)
    del old[0]["metrics"]["features"]
    request = {"folds": 2, "seeds": 1, "seed": 0, "tolerance": 0.05, "weights": {}}
    again = rank_search({"plan": plan, "request": request, "trials": old})
    assert all(row["evidence"][key] is None for row in again["rows"] for key in ("imposed_bits", "patch_bits"))
    assert sum(row["posterior"] for row in again["rows"]) == pytest.approx(1.0)
    broken = copy.deepcopy(trials)
    position = next(r["position"] for r in ranking["rows"] if r["evidence"]["name"] == "D1")
    said = broken[0]["metrics"]["patches"]
    said["broken"] = [[[position, 1e3]], None]
    left = rank_search({"plan": plan, "request": request, "trials": broken})
    assert left["best"]["group"] == "T", "whatever else speaks for D1 speaks for what is left of it"
    said["share"] = 0.0
    blind = rank_search({"plan": plan, "request": request, "trials": broken})
    del said["broken"]
    plain = rank_search({"plan": plan, "request": request, "trials": broken})
    assert blind["rows"] == plain["rows"], "what is not trusted to see breaks supposes none"
    more = copy.deepcopy(trials)
    more[0]["metrics"]["features"]["log2_evidence"] = [0.0, bits[1] + 10.0]
    higher = rank_search({"plan": plan, "request": request, "trials": more})
    posterior = {row["evidence"]["name"]: row["posterior"] for row in higher["rows"]}
    assert posterior["D1"] > rows["D1"]["posterior"]
