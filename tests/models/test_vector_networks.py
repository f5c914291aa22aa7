"""Every network on vectors commutes with its group, costs what its blueprint says, and learns what its group allows."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.utils.flop_counter import FlopCounterMode

from models.equivariance import assert_equivariant, turn_by_matrices, turn_labels, turn_vector
from models.export import fold_network
from models.groups.action import acting_group, from_spec
from models.groups.families import named_group
from models.groups.finite import permutation_matrix
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import blueprint, matched_config, network_cost
from models.networks.standardise import standardise

ON_VECTORS = {"domain": "vector", "translations": None}


def family(**rest):
    return {**ON_VECTORS, "kind": "family", "labels": "trivial", **rest}


def sets(*items):
    return family(family="S", sets=[[list(item) for item in one] for one in items])


def turning(name, degree, count, **rest):
    vectors = [list(range(i * degree, (i + 1) * degree)) for i in range(count)]
    return family(family=name, n=degree, vectors=vectors, **rest)


def finite(name, degree, y=None, on=None, **rest):
    group = named_group(name, degree)
    matrices = [permutation_matrix(g) if g.dtype.kind == "i" else g for g in group.generators]
    maps = None if y is None else [y(m) for m in matrices]
    return {**ON_VECTORS, **acting_group(on or range(group.degree), group.generators, maps).spec(), **rest}


def sign(p):
    return lambda m: np.eye(p) * round(np.linalg.det(m))


def swap(m):
    return np.eye(2)[:: round(np.linalg.det(m))].copy()


def beside_one(m):
    return np.block([[m, np.zeros((len(m), 1))], [np.zeros((1, len(m))), np.eye(1)]])


FINITE = {
    "nothing": (finite("E", 4), 4, 2),
    "D4": (finite("D4", 2, on=[2, 0]), 3, 2),
    "D4, sign": (finite("D4", 2, sign(2)), 3, 2),
    "Z3, permuted classes": (finite("Z3", 3, lambda m: m), 4, 3),
    "B2, vector": (finite("B2", 2, lambda m: m), 2, 2),
    "S4": (finite("S4", 4), 5, 1),
    "S4, sign": (finite("S4", 4, sign(3)), 4, 3),
    "S3, swap": (finite("S3", 3, swap), 4, 2),
    "S4, vector": (finite("S4", 4, beside_one), 5, 5),
    "S3 x S2": (finite("S3 x S2", 5), 6, 2),
    "S3 x S2, sign": (finite("S3 x S2", 5, sign(1)), 5, 1),
    "B4": (finite("B4", 4), 5, 2),
    "Ih, vector": (finite("Ih", 3, lambda m: m), 3, 3),
    "Ih, sign": (finite("Ih", 3, sign(1)), 3, 1),
    "S5, permuted classes": (finite("S5", 5, lambda m: m, architecture="emlp"), 6, 5),
    "D4, emlp": (finite("D4", 2, on=[0, 2], architecture="emlp"), 3, 2),
    "D4, emlp, swap": (finite("D4", 2, swap, architecture="emlp"), 2, 2),
}
FAMILIES = {
    "S6": (sets([[i] for i in range(6)]), 6, 1),
    "S20 and two": (sets([[i] for i in range(20)]), 22, 2),
    "pairs and others": (sets([[0, 1], [2, 3], [4, 5]], [[6], [7]]), 9, 3),
    "O(3)": (turning("O(n)", 3, 2), 7, 1),
    "SO(3)": (turning("SO(n)", 3, 3), 9, 2),
    "SO(3), many vectors": (turning("SO(n)", 3, 8), 24, 1),
    "SO(2)": (turning("SO(n)", 2, 1), 4, 1),
    "O(4), vector": (turning("O(n)", 4, 2, labels="vector"), 9, 4),
    "SO(3), vector": (turning("SO(n)", 3, 2, labels="vector"), 7, 3),
    "SO(2), vector": (turning("SO(n)", 2, 1, labels="vector"), 2, 2),
    "O(3), sign": (turning("O(n)", 3, 3, labels="sign", mirror_labels=[[-1.0]]), 10, 1),
    "O(2), swap": (turning("O(n)", 2, 2, labels="sign", mirror_labels=[[0.0, 1.0], [1.0, 0.0]]), 4, 2),
}
ALL = {**FINITE, **FAMILIES}


def built(name, dtype=torch.float32):
    """A network with biases and standardisation other than those it starts with, and samples."""
    spec, d, outputs = ALL[name]
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(0)
        network = build_network(NetworkConfig(spec, (d,), outputs, 5))
        standardise(network, 2.0 * torch.randn(50, d) + 0.5, spec)
        for parameter in network.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
        return network.eval(), 2.0 * torch.randn(8, d) + 0.5
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", FINITE)
def test_networks_of_finite_groups_are_covariant(name, dtype):
    network, x = built(name, dtype)
    acting = from_spec(FINITE[name][0])
    # An odd function of the icosahedron is what is left of features a thousand times as large.
    tolerance = 5e-3 if name == "Ih, sign" and dtype == torch.float32 else None
    assert_equivariant(network, turn_vector(acting), turn_labels(acting), acting.group.order, x, tolerance)


def family_elements(spec, d, outputs):
    """Matrices of some elements on x, (count, d, d), and on labels, (count, outputs, outputs)."""
    rng = np.random.default_rng(0)
    moves, labels = [], []
    for k in range(6):
        move, label = np.eye(d), np.eye(outputs)
        if spec["family"] == "S":
            for items in spec["sets"]:
                for a, b in zip(items, rng.permutation(len(items)), strict=True):
                    for source, to in zip(a, items[b], strict=True):
                        move[source, source] = 0.0
                        move[to, source] = 1.0
        else:
            turn, _ = np.linalg.qr(rng.normal(size=(spec["n"], spec["n"])))
            turn[0] *= np.sign(np.linalg.det(turn)) * (-1.0 if k % 2 and spec["family"] == "O(n)" else 1.0)
            for v in spec["vectors"]:
                move[np.ix_(v, v)] = turn
            if spec["labels"] == "vector":
                label = turn
            if spec["labels"] == "sign" and np.linalg.det(turn) < 0:
                label = np.asarray(spec["mirror_labels"])
        moves.append(move)
        labels.append(label)
    return np.stack(moves), np.stack(labels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", FAMILIES)
def test_networks_of_families_are_covariant(name, dtype):
    network, x = built(name, dtype)
    moves, labels = family_elements(*FAMILIES[name])
    assert_equivariant(network, turn_by_matrices(moves), turn_by_matrices(labels), len(moves), x)


@pytest.mark.parametrize("name", ALL)
def test_costs_are_polynomials_of_degree_two_in_the_fields(name):
    """What matching relies on."""
    spec, d, outputs = ALL[name]
    costs = [network_cost(NetworkConfig(spec, (d,), outputs, f)) for f in (1, 2, 3, 4, 9)]
    for kind in ("parameters", "flops"):
        one, two, three, four, nine = (getattr(cost, kind) for cost in costs)
        bend = three - 2 * two + one
        assert (four, nine) == (one + 3 * (two - one) + 3 * bend, one + 8 * (two - one) + 28 * bend)


@pytest.mark.parametrize("name", ALL)
def test_costs_are_those_of_the_network_that_is_built(name):
    spec, d, outputs = ALL[name]
    network, x = built(name)
    cost = network_cost(NetworkConfig(spec, (d,), outputs, 5))
    assert cost.parameters == sum(p.numel() for p in network.parameters())
    folded = fold_network(network)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        folded(x[:1])
    assert cost.flops == counter.get_total_flops()
    assert torch.allclose(folded(x), network(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_networks_train_stacked_as_they_do_one_by_one(name):
    spec, d, outputs = ALL[name]
    networks = [build_network(NetworkConfig(spec, (d,), outputs, 3)) for _ in range(2)]
    parameters, buffers = stack_module_state(networks)
    skeleton = copy.deepcopy(networks[0]).to("meta")
    fixed = {k: v for k, v in networks[0].named_buffers() if k not in networks[0].state_dict()}
    stored = {k: v for k, v in buffers.items() if k not in fixed}
    x = torch.randn(2, 6, d)

    def one(p, b, batch):
        return functional_call(skeleton, {**p, **b, **fixed}, (batch,))

    together = vmap(one)(parameters, stored, x)
    apart = torch.stack([network(batch) for network, batch in zip(networks, x, strict=True)])
    assert torch.allclose(together, apart, rtol=1e-3, atol=1e-4)
    gradients = torch.autograd.grad(together.square().sum(), list(parameters.values()), allow_unused=True)
    assert any(g is not None and bool(g.any()) for g in gradients)


def test_large_symmetric_groups_never_list_their_elements():
    config = matched_config(sets([[i] for i in range(300)]), (300,), 1, 24)
    kinds = [layer.kind for layer in blueprint(config)]
    assert "SetLinear" in kinds
    assert build_network(config)(torch.randn(2, 300)).shape == (2, 1)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (turning("O(n)", 3, 2, labels="sign", mirror_labels=[[-1.0]]), "at least 3 vectors"),
        (turning("SO(n)", 3, 3, labels="sign", mirror_labels=[[-1.0]]), "takes O"),
        (turning("O(n)", 3, 3, labels="vector"), "3 components"),
        (family(family="Scale"), "no network on vectors"),
    ],
)
def test_groups_without_a_network_are_refused_by_name(spec, message):
    with pytest.raises(ValueError, match=message):
        blueprint(NetworkConfig(spec, (9,), 1, 4))


@pytest.mark.parametrize("name", ALL)
def test_standardised_vectors_have_unit_scale(name):
    spec, d, outputs = ALL[name]
    network = build_network(NetworkConfig(spec, (d,), outputs, 2))
    x = torch.randn(400, d) * 10.0
    standardise(network, x, spec)
    spread = float(network[0](x).square().mean().sqrt())
    assert math.isclose(spread, 1.0, rel_tol=0.1)
