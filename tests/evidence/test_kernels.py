"""Gaussian processes under groups: what they predict turns with x, and their evidence favours the planted group."""

import numpy as np
import pytest
import torch

from models.actions.samples import transform_outputs, transform_samples
from models.groups.plan import plan_search
from models.kernels import LENGTHS, Regressor, SphereKernel, evidence, group_kernel


def plan(candidates, d, *, task="regression", outputs=1):
    facts = {
        "domain": "vector",
        "x_shape": [d],
        "task": task,
        "target_dim": outputs if task == "regression" else None,
        "classes": outputs if task == "classification" else None,
    }
    return plan_search(candidates, **facts, include_subgroups=True, max_candidates=64)


def node(planned, name):
    return next(n for n in planned["nodes"] if n["name"] == name)


def vectors(rng, n, d):
    return torch.from_numpy(rng.normal(size=(n, d)))


MOVING = [
    pytest.param([{"group": "D4", "on": [0, 1]}], 3, "D4", {"outputs": 2}, id="labels that stay"),
    pytest.param([{"group": "D4", "on": [0, 1], "labels": "sign"}], 3, "D4 [sign]", {}, id="sign"),
    pytest.param([{"group": "C4", "labels": "vector"}], 2, "C4 [vector]", {"outputs": 2}, id="vector"),
    pytest.param(
        [{"group": "S3", "labels": "permutation", "label_generators": [[1, 0, 2], [1, 2, 0]]}],
        3,
        "S3 [permutation]",
        {"task": "classification", "outputs": 3},
        id="classes",
    ),
    pytest.param([{"group": "O(n)", "on": [[0, 1], [2, 3]], "labels": "sign"}], 4, "O(n) [sign]", {}, id="O(2), sign"),
    pytest.param([{"group": "SO(n)", "on": [[0, 1, 2]]}], 4, "SO(3)", {"outputs": 2}, id="SO(3)"),
    pytest.param(["S7"], 8, "S7", {}, id="S7 on seven of eight"),
]


@pytest.mark.parametrize(("candidates", "d", "name", "labels"), MOVING)
def test_kernels_are_covariances_whose_predictions_turn_with_x(candidates, d, name, labels):
    if name == "S7":
        candidates = [{"group": "S7", "on": list(range(7))}]
    planned = plan(candidates, d, **labels)
    name = name if any(n["name"] == name for n in planned["nodes"]) else planned["nodes"][-1]["name"]
    wanted = node(planned, name)
    rng = np.random.default_rng(0)
    x, p = vectors(rng, 30, d), labels.get("outputs", 1)
    kernel = group_kernel(wanted["spec"], x, None)
    gram = kernel.between(x, kernel.prepare(x), 0.5)
    assert torch.allclose(gram, gram.T, atol=1e-9)
    assert float(torch.linalg.eigvalsh(gram)[0]) > -1e-7
    y = torch.from_numpy(rng.normal(size=(30, p)))
    fitted = Regressor(kernel, x, y, evidence(kernel, x, y, shared=True))
    new = vectors(rng, 20, d)
    assert len(wanted["classes"]) > 0
    for c in wanted["classes"]:
        action = planned["classes"][c]["action"]
        turned = fitted(transform_samples(new, action, "vector"))
        assert torch.allclose(turned, transform_outputs(fitted(new), action), atol=1e-5)


@pytest.mark.parametrize(("candidates", "d", "name", "labels"), MOVING)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_diagonal_is_that_of_the_covariances(candidates, d, name, labels, length):
    planned = plan([{"group": "S7", "on": list(range(7))}] if name == "S7" else candidates, d, **labels)
    x = vectors(np.random.default_rng(6), 40, d) * 2.0 + 0.5
    for one in planned["nodes"]:
        kernel = group_kernel(one["spec"], x, None)
        gram = kernel.between(x, kernel.prepare(x), length)
        assert torch.allclose(kernel.diagonal(x, length), gram.diagonal(), atol=1e-6)


@pytest.mark.parametrize("offset", [3.0, 1e6])
@pytest.mark.parametrize("group", ["Flips", "S3", "SO(n)"])
def test_kernels_of_samples_far_from_the_origin_are_covariances(group, offset):
    x = vectors(np.random.default_rng(0), 60, 4)
    x[:, 1] = 0.0  # the same in all samples, and far from its mirror image once it is standardised
    x += offset
    candidate = {"group": group, "on": [[0, 1, 2]] if group == "SO(n)" else [0, 1, 2]}
    kernel = group_kernel(plan([candidate], 4)["nodes"][-1]["spec"], x, None)
    for length in LENGTHS:
        values = torch.linalg.eigvalsh(kernel.between(x, kernel.prepare(x), length))
        assert float(values[0]) > -1e-7


def test_the_sphere_average_is_the_average_over_the_angle():
    rng = np.random.default_rng(1)
    x = vectors(rng, 12, 4)
    kernel = SphereKernel((0, 1, 2), x)
    r, rest = (x / kernel.scale)[:, :3].norm(dim=1), (x / kernel.scale)[:, 3]
    cosines = torch.linspace(-1, 1, 20_001, dtype=torch.float64)[:, None, None]  # uniform on a sphere in space
    for length in LENGTHS:
        turned = r[:, None] ** 2 + r[None] ** 2 - 2 * cosines * torch.outer(r, r) + (rest[:, None] - rest[None]) ** 2
        scaled = torch.sqrt(3 * turned.clamp_min(0) / (4 * length**2))
        exact = ((1 + scaled) * torch.exp(-scaled)).mean(0)
        assert torch.allclose(kernel.between(x, kernel.prepare(x), length) - 1.0, exact, atol=1e-3)


def favourite(planned, x, y, *, basis=None):
    shared = any(n["labels"] != "trivial" for n in planned["nodes"])
    found = {
        n["name"]: evidence(group_kernel(n["spec"], x, basis), x, y, shared=shared).log_evidence
        for n in planned["nodes"]
    }
    return max(found, key=found.get)


def test_evidence_prefers_the_group_that_was_planted():
    rng = np.random.default_rng(2)
    x = vectors(rng, 60, 2)
    noise = torch.from_numpy(0.1 * rng.normal(size=(60, 1)))
    lattice = plan(["D4"], 2)
    mirrored = torch.sin(2 * x[:, :1].abs()) + x[:, 1:]
    assert favourite(lattice, x, mirrored - mirrored.mean() + noise) == "D1"
    squares = torch.sin(x[:, :1]) ** 2 + torch.sin(x[:, 1:]) ** 2
    assert favourite(lattice, x, squares - squares.mean() + noise) == "D4"
    skew = torch.sin(2 * x[:, :1]) + x[:, 1:] + x[:, :1] * x[:, 1:]
    assert favourite(lattice, x, skew - skew.mean() + noise) == "E"


def test_evidence_tells_label_actions_apart():
    rng = np.random.default_rng(3)
    x = vectors(rng, 50, 2)
    both = plan(["D1", {"group": "D1", "labels": "sign"}], 2)
    noise = torch.from_numpy(0.1 * rng.normal(size=(50, 1)))
    assert favourite(both, x, torch.sin(2 * x[:, :1]) + 0.3 * x[:, :1] * x[:, 1:] + noise) == "D1 [sign]"
    assert favourite(both, x, torch.cos(2 * x[:, :1]) + x[:, 1:] + noise) == "D1"
    turning = plan([{"group": "C4", "labels": "vector"}], 2, outputs=2)
    swirl = torch.stack([-x[:, 1], x[:, 0]], 1) * torch.cos(x.norm(dim=1, keepdim=True)) + noise
    assert favourite(turning, x, swirl) == "C4 [vector]"


def test_evidence_weighs_families_against_no_symmetry():
    rng = np.random.default_rng(4)
    x = vectors(rng, 60, 3)
    rotations = plan([{"group": "SO(n)", "on": [[0, 1, 2]]}], 3)
    radial, skew = torch.sin(2 * x.norm(dim=1, keepdim=True)), torch.sin(2 * x[:, :1])
    assert favourite(rotations, x, radial - radial.mean()) == "SO(3)"
    assert favourite(rotations, x, skew - skew.mean()) == "E"
    items = vectors(rng, 60, 7)
    sets = plan(["S7"], 7)
    even = torch.tanh(2 * items).sum(1, keepdim=True)
    assert favourite(sets, items, even - even.mean()) == "S7"
    assert favourite(sets, items, items[:, :1] - items[:, 1:2] + items[:, 2:3] * items[:, 3:4]) == "E"


def test_label_matrices_that_are_not_orthogonal_have_no_kernel():
    mirror = {"group": "custom", "name": "m", "generators": [[[-1, 0], [0, 1]]], "labels": "matrix"}
    x = vectors(np.random.default_rng(0), 10, 2)
    for matrix, known in (([[1.0, 9.0], [0.0, -1.0]], False), ([[0.0, 1.0], [1.0, 0.0]], True)):
        planned = plan([{**mirror, "label_matrices": [matrix]}], 2, outputs=2)
        assert (group_kernel(planned["nodes"][-1]["spec"], x, None) is not None) == known


def test_rotations_of_several_vectors_in_space_have_no_kernel():
    several = plan([{"group": "SO(n)", "on": [[0, 1, 2], [3, 4, 5]]}], 6)
    x = vectors(np.random.default_rng(5), 10, 6)
    assert group_kernel(several["nodes"][-1]["spec"], x, None) is None
