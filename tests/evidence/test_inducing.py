"""The bound of the evidence from inducing points, and the samples on which a search's evidence rests."""

import math

import numpy as np
import pytest
import torch

from models.groups.plan import plan_search
from models.inducing import NOISES, evidence_bound
from models.kernels import LENGTHS, evidence, group_kernel
from models.kernels import NOISES as FEWER_NOISES
from workers.kernel_evidence import kernel_said
from workers.samples import load_samples

KINDS = {
    "labels that stay": ("D4", "D4", {}),
    "sign": ({"group": "D1", "labels": "sign"}, "D1 [sign]", {}),
    "blocks": ({"group": "C4", "labels": "vector"}, "C4 [vector]", {"outputs": 2}),
}


def plan(candidate, d=2, *, outputs=1):
    facts = {"domain": "vector", "x_shape": [d], "task": "regression", "target_dim": outputs, "classes": None}
    return plan_search([candidate], **facts, include_subgroups=True, max_candidates=64)


def process(kind, n, noise):
    """(kernel, x, y): a function that the group of the kind keeps."""
    candidate, name, labels = KINDS[kind]
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(n, 2)))
    spec = next(node["spec"] for node in plan(candidate, **labels)["nodes"] if node["name"] == name)
    clean = {
        "labels that stay": torch.cos(2 * x[:, :1]) + torch.cos(2 * x[:, 1:]),
        "sign": torch.sin(2 * x[:, :1]) * torch.cos(x[:, 1:]),
        "blocks": torch.stack([-x[:, 1], x[:, 0]], 1) * torch.cos(x.norm(dim=1, keepdim=True)),
    }[kind]
    return group_kernel(spec, x, None), x, clean + noise * torch.from_numpy(rng.normal(size=clean.shape))


def dense_bound(kernel, x, y, z):
    """The bound by its definition, with matrices of all samples, amplitudes shared by all columns."""
    columns = y if kernel.width == 1 else y.reshape(-1, 1)
    count = columns.numel()
    scores = []
    for length in LENGTHS:
        full, across, among = (kernel.between(a, kernel.prepare(b), length) for a, b in ((x, x), (x, z), (z, z)))
        told = across @ torch.linalg.solve(among, across.T)
        for noise in NOISES:
            covariance = told + noise * torch.eye(len(told))
            fit = float((columns * torch.linalg.solve(covariance, columns)).sum())
            half = 0.5 * torch.logdet(covariance) + 0.5 * torch.log1p((full - told).diagonal() / noise).sum()
            scores.append(-0.5 * count * (math.log(2 * math.pi * fit / count) + 1) - columns.shape[1] * half)
    return float(torch.logsumexp(torch.stack(scores), 0)) - math.log(len(scores))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_bound_by_its_definition(kind):
    kernel, x, y = process(kind, 50, 0.3)
    assert kernel.width == (2 if kind == "blocks" else 1)
    found = evidence_bound(kernel, x, y, x[:20], shared=True)
    assert found.log_evidence == pytest.approx(dense_bound(kernel, x, y, x[:20]), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_exact_where_all_samples_are_inducing_points_and_below_with_fewer(kind):
    kernel, x, y = process(kind, 120, 0.3)
    exact = evidence(kernel, x, y, shared=True)
    wider = math.log(len(NOISES) / len(FEWER_NOISES))  # more noises, none of which explains these targets
    bounds = [evidence_bound(kernel, x, y, x[:m], shared=True) for m in (120, 60, 20)]
    assert bounds[0].log_evidence + wider == pytest.approx(exact.log_evidence, abs=1e-3)
    assert (bounds[0].length, bounds[0].noise) == (exact.length, exact.noise)
    assert bounds[0].log_evidence > bounds[1].log_evidence > bounds[2].log_evidence
    assert bounds[0].lost < 1e-3 < bounds[1].lost < bounds[2].lost


def test_a_column_of_zeros_says_nothing():
    kernel, x, y = process("labels that stay", 60, 0.3)
    more = torch.cat([y, torch.zeros_like(y)], 1)
    alone, beside = (evidence_bound(kernel, x, columns, x[:30]).log_evidence for columns in (y, more))
    assert beside == pytest.approx(alone)


@pytest.fixture
def said(tmp_path):
    """said(x, y, planned): what every candidate's process says."""

    def run(x, y, planned):
        np.save(tmp_path / "x.npy", x.astype(np.float32))
        np.save(tmp_path / "y.npy", y.astype(np.float32))
        facts = {"domain": "vector", "task": "regression", "target_dim": y.shape[1], "classes": None}
        dataset = {**facts, "x": str(tmp_path / "x.npy"), "y": str(tmp_path / "y.npy")}
        request = {"folds": 2, "seeds": 1, "seed": 0, "tolerance": 0.05, "weights": {}, "budget": {}}
        job = {"dataset": dataset, "plan": planned, "request": request}
        samples = load_samples(job)
        return [kernel_said(samples, job, node["spec"], set(node["classes"])) for node in planned["nodes"]]

    return run


@pytest.mark.slow
def test_all_candidates_see_all_samples_of_weak_signals_and_fewer_of_strong_ones(said):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3200, 2))
    x[-100:] = x[:100]  # copies count once
    clean, noise = np.sin(2 * np.abs(x[:, :1])), rng.normal(size=(3200, 1))
    for strength, rows, points in ((0.2, 3100, [800, 400]), (20.0, 1500, [0, 0])):
        found = said(x, strength * clean + noise, plan("D1"))
        assert [f.rows for f in found] == [rows] * 2
        assert [f.inducing for f in found] == points
        assert found[1].log2_evidence > found[0].log2_evidence + 2


def test_targets_that_turn_have_fewer_rows_and_points(said):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1600, 2))
    y = np.stack([-x[:, 1], x[:, 0]], 1) * np.cos(np.linalg.norm(x, axis=1, keepdims=True))
    found = said(x, 0.3 * y + rng.normal(size=y.shape), plan({"group": "C4", "labels": "vector"}, outputs=2))
    assert [f.rows for f in found] == [1600] * 3
    assert [f.inducing for f in found] == [400, 200, 100]
    assert found[2].log2_evidence > max(f.log2_evidence for f in found[:2])


@pytest.mark.slow
def test_a_search_counts_what_all_samples_say(search):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4000, 2)).astype(np.float32)
    y = 0.35 * np.sin(2 * np.abs(x[:, :1]) + x[:, 1:]) + rng.normal(size=(4000, 1))
    ranking, _, trials = search(x, y.astype(np.float32), ["D1"], task="regression", epochs=12)
    assert [t["metrics"]["kernel_rows"] for t in trials] == [4000] * 2
    assert [t["metrics"]["kernel_inducing"] for t in trials] == [800, 400]
    assert ranking["best"]["group"] == "D1"
    assert {r["evidence"]["name"]: r["evidence"]["imposed_bits"] for r in ranking["rows"]}["D1"] > 3.0
