"""What the data alone says: support in few and many dimensions, poses that tell the label, and the three laws apart."""

import time

import numpy as np
import pytest

from models.groups.plan import plan_search
from workers.evidence.laws import conditional_law, data_laws, element_laws, search_laws
from workers.evidence.orbits import UNKNOWN, Defect
from workers.evidence.pose import pose_predicts_label
from workers.evidence.support import support, supports
from workers.evidence.verdicts import ClassEvidence
from workers.samples import Samples
from workers.training import cut_short

QUARTER = {"matrix": [[0.0, -1.0], [1.0, 0.0]], "coordinates": [0, 1], "labels": None, "interpolated": False}
HALF = {**QUARTER, "matrix": [[-1.0, 0.0], [0.0, -1.0]]}


def samples_of(x, y=None, cluster=None, classification=True):
    y = np.zeros(len(x), dtype=np.int64) if y is None else y
    cluster = np.arange(len(x)) if cluster is None else cluster
    return Samples(x.astype(np.float32), y, classification, 2, cluster, [], [], np.zeros(2), np.ones(2))


def stripes(rng, n, spread):
    rows, columns = np.mgrid[:12, :12] - 5.5
    t = rng.uniform(-spread, spread, n)[:, None, None]
    waves = np.cos(1.2 * (rows * np.cos(t) + columns * np.sin(t)) + rng.uniform(0, 2 * np.pi, (n, 1, 1)))
    return (waves + 0.3 * rng.normal(size=waves.shape))[:, None]


def test_images_of_one_sector_do_not_show_a_quarter_turn():
    rng = np.random.default_rng(0)
    # Every sample's negative is as likely, so the mean image says nothing: only what varies does.
    assert support(samples_of(stripes(rng, 300, np.pi / 6)), QUARTER, "image2d")["status"] == "not_shown"
    assert support(samples_of(stripes(rng, 300, np.pi)), QUARTER, "image2d")["status"] == "shown"


def test_noise_in_many_dimensions_shows_every_pose():
    x = np.random.default_rng(1).normal(size=(400, 1, 14, 14))
    assert support(samples_of(x), QUARTER, "image2d")["status"] == "shown"


def test_large_images_are_compared_as_small_ones_are():
    small = stripes(np.random.default_rng(0), 300, np.pi / 6)
    large = samples_of(np.kron(small, np.ones((1, 5, 5))), np.arange(300) % 2)  # more pixels than samples
    first = support(samples_of(small), QUARTER, "image2d")
    for found in supports(large, [QUARTER, QUARTER], "image2d"):
        assert found["overlap"] == pytest.approx(first["overlap"], abs=0.02)
        assert found["coverage"] == pytest.approx(first["coverage"], abs=0.02)
    assert pose_predicts_label(large, QUARTER, 4, "image2d")["p_value"] > 0.01


def test_a_pose_that_every_tenth_sample_has_is_shown():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1000, 4)) + np.array([4.0, 0, 0, 0])
    x[rng.random(1000) < 0.1] *= -1
    found = support(samples_of(x), {**HALF, "matrix": (-np.eye(4)).tolist(), "coordinates": [0, 1, 2, 3]}, "vector")
    assert found["status"] == "shown"
    assert found["p_value"] < 1e-3


def test_shots_of_one_object_are_not_what_shows_its_pose():
    rng = np.random.default_rng(8)
    owner = np.repeat(np.arange(80), 10)
    shots = rng.normal(size=(80, 6))[owner] + 0.02 * rng.normal(size=(800, 6))  # every pose of objects is as likely
    assert support(samples_of(shots, cluster=owner), QUARTER, "vector")["status"] == "shown"
    alone = support(samples_of(shots), QUARTER, "vector")
    assert alone["overlap"] < 0.1  # as independent samples they would seem to show no turned pose


@pytest.mark.parametrize("d", [2, 10])
def test_vectors_of_one_sector_do_not_show_turns(d):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, d))
    t, radius = rng.uniform(-0.5, 0.5, 300), rng.uniform(1, 2, 300)
    x[:, 0], x[:, 1] = radius * np.cos(t), radius * np.sin(t)
    for action in (QUARTER, HALF):
        assert support(samples_of(x), action, "vector")["status"] == "not_shown"
    assert support(samples_of(rng.normal(size=(300, d))), QUARTER, "vector")["status"] == "shown"


def test_a_class_and_its_turned_copy_are_told_apart_by_the_pose():
    rng = np.random.default_rng(4)
    x = np.abs(rng.normal(size=(400, 1, 6, 6))) * np.linspace(1, 0, 6)[:, None]
    y = rng.integers(0, 2, 400)
    x[y == 1] = x[y == 1, :, ::-1, ::-1]
    found = pose_predicts_label(samples_of(x, y), HALF, 2, "image2d")
    assert found["bits"] > 0.8
    assert found["p_value"] < 0.01


def test_the_pose_says_nothing_where_the_joint_law_is_symmetric():
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng([5, seed])
        x = rng.normal(size=(120, 2))
        y = ((x**2).sum(1) > 1.4).astype(np.int64)
        p_values.append(pose_predicts_label(samples_of(x, y), QUARTER, 4, "vector", seed)["p_value"])
    assert (np.asarray(p_values) <= 0.1).mean() <= 0.25
    assert np.mean(p_values) > 0.35


def test_a_pose_that_carries_its_label_along_says_nothing():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(400, 2)).astype(np.float32)
    y = x * (1.0 + (x**2).sum(1, keepdims=True))
    turned = {**QUARTER, "labels": QUARTER["matrix"]}
    samples = samples_of(x, y.astype(np.float32), classification=False)
    assert pose_predicts_label(samples, turned, 4, "vector")["p_value"] > 0.02
    assert pose_predicts_label(samples, QUARTER, 4, "vector")["p_value"] < 0.01


def known(value, error, support="shown", p_adjusted=None):
    found = Defect(value, error, 500, 0.8, ("w",))
    p = (0.001 if value > 0.2 else 1.0) if p_adjusted is None else p_adjusted
    return ClassEvidence("g", "turn g", found, support, p, p, 0.0)


def test_what_can_be_said_of_the_conditional_law():
    def said(found, p_marginal=0.5):
        return conditional_law(found, p_marginal, 2.0, 0.05)[0]

    assert said(known(0.0, 0.01)) == "symmetric"
    assert said(known(0.6, 0.01)) == "broken"
    assert said(known(0.6, 0.01), p_marginal=0.001) == "broken"
    assert said(known(0.6, 0.01, support="unclear"), p_marginal=0.001) == "cannot be said"
    assert said(known(0.6, 0.01, support="not_shown")) == "cannot be said"
    assert said(known(0.0, 0.1)) == "cannot be said"
    assert said(ClassEvidence("g", "turn g", UNKNOWN, "shown", 1.0, 1.0, 0.0)) == "cannot be said"


def test_what_the_budget_leaves_no_time_for_is_not_known_and_named():
    x = np.random.default_rng(8).normal(size=(300, 2))
    facts = {"domain": "vector", "x_shape": [2], "task": "classification", "target_dim": None, "classes": 2}
    plan = plan_search([{"group": "C4", "on": [0, 1]}], **facts, include_subgroups=True, max_candidates=64)
    late = time.monotonic() - 1.0
    poses = supports(samples_of(x), [QUARTER, HALF], "vector", late)
    assert [p["status"] for p in poses] == ["unclear", "unclear"]
    laws = data_laws(samples_of(x), plan, "vector", late)
    assert {law["conditional"] for law in element_laws([{"laws": laws}], [known(0.6, 0.01)] * 2, 2.0, 0.05)} == {
        "broken"
    }
    (warning,) = cut_short({"support": poses, "laws": laws})
    assert "2 of 2 elements" in warning
    assert "max_seconds" in warning
    assert cut_short({"laws": data_laws(samples_of(x), plan, "vector")}) == []
    assert "read-outs" in cut_short({"features": {"cut": True}})[0]


def test_the_laws_of_a_group_are_those_of_its_elements():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 2)) + np.array([0.0, 1.5])  # p(x) keeps x -> -x alone
    facts = {"domain": "vector", "x_shape": [2], "task": "classification", "target_dim": None, "classes": 2}
    plan = plan_search([{"group": "D2", "on": [0, 1]}], **facts, include_subgroups=True, max_candidates=64)
    measured = data_laws(samples_of(x, rng.integers(0, 2, 300)), plan, "vector")
    evidence = [known(0.0, 0.001) for _ in plan["classes"]]
    laws = element_laws([{}, {"laws": measured}], evidence, 2.0, 0.05)
    broken = {
        c["element"] for c, law in zip(plan["classes"], laws, strict=True) if law["marginal"]["status"] == "broken"
    }
    assert len(broken) == 2
    found = {c["name"]: c for c in search_laws(plan, laws)["candidates"]}
    assert {name for name, c in found.items() if c["marginal"] == "symmetric"} == {"E", "D1"}
    assert {c["conditional"] for c in found.values()} == {"symmetric"}
    unmeasured = element_laws([], evidence, 2.0, 0.05)
    assert {law["marginal"]["status"] for law in unmeasured} == {"cannot be said"}
