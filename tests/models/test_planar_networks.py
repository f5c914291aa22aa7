"""Networks on images: what they cost is known beforehand, and they commute with every grid symmetry of their group."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.equivariance import assert_equivariant, turn_image, unmoved
from models.export import fold_network
from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import matched_config, network_cost

COMMON = {"domain": "image2d", "translations": True}
FINITE = ["C1", "C2", "C3", "C4", "C8", "C16", "D1", "D2", "D3", "D4", "D8"]
FAMILIES = ["SO(2)", "O(2)", "Scale", "SIM(2)"]
ARCHITECTURES = [
    *((name, "separable") for name in ("C4", "D4", "C8")),
    *((name, "deformable") for name in ("C4", "D4", "C8")),
    *((name, "hierarchical") for name in ("C2", "C4", "C8", "D2", "D4")),
    *((name, "constrained") for name in ("D1", "C4", "D4")),
]
GRID = {"SO(2)": "C4", "O(2)": "D4", "Scale": "C1", "SIM(2)": "C4", "C8": "C4", "C16": "C4", "D8": "D4", "C3": "C1",
        "D3": "D1"}  # fmt: skip


def finite(name, **more):
    return {**COMMON, **acting_group((0, 1), planar_generators(name)).spec(), **more}


def family(name, labels="trivial"):
    return {**COMMON, "kind": "family", "family": name, "labels": labels}


CASES = {
    **{name: (name, finite(name)) for name in FINITE},
    **{f"{name} about the centre": (name, finite(name, translations=False)) for name in ("C1", "C4", "D4")},
    **{name: (name, family(name)) for name in FAMILIES},
    **{f"{name} {kind}": (name, finite(name, architecture=kind)) for name, kind in ARCHITECTURES},
}


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 9, 9)], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_parameters_and_operations_are_known_before_the_network_is_built(case, shape):
    config = matched_config(CASES[case][1], shape, 3, 16)
    cost = network_cost(config)
    network = build_network(config).eval()
    assert cost.parameters == sum(p.numel() for p in network.parameters())
    folded = fold_network(network)
    with FlopCounterMode(display=False) as counter:
        folded(torch.randn(1, *shape))
    assert cost.flops == pytest.approx(counter.get_total_flops(), rel=2e-3)  # products with one vector are not counted


@pytest.mark.parametrize("match", ["parameters", "flops"])
@pytest.mark.parametrize("case", ["C4", "D4", "C8", "SO(2)", "Scale", "D4 separable", "D4 constrained"])
def test_networks_are_matched_to_the_ordinary_one(case, match):
    ordinary = getattr(network_cost(NetworkConfig(finite("C1"), (1, 28, 28), 10, 32)), match)
    other = getattr(network_cost(matched_config(CASES[case][1], (1, 28, 28), 10, 32, match)), match)
    assert 0.7 * ordinary < other < 1.4 * ordinary


@pytest.mark.parametrize("case", CASES)
def test_costs_are_polynomials_of_degree_two_in_the_fields(case):
    """What matching relies on."""
    costs = [network_cost(NetworkConfig(CASES[case][1], (1, 16, 16), 3, f)) for f in (1, 2, 3, 4, 9)]
    for kind in ("parameters", "flops"):
        one, two, three, four, nine = (getattr(cost, kind) for cost in costs)
        bend = three - 2 * two + one
        assert four == one + 3 * (two - one) + 3 * bend
        assert nine == one + 8 * (two - one) + 28 * bend


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("side", [9, 16])
@pytest.mark.parametrize("case", CASES)
def test_networks_commute_with_the_grid_symmetries_of_their_group(case, side, dtype):
    name, spec = CASES[case]
    torch.manual_seed(1)
    network = build_network(NetworkConfig(spec, (2, side, side), 3, 4)).to(dtype)
    network(torch.randn(6, 2, side, side, dtype=dtype))  # running statistics that are not those of a fresh network
    network.eval()
    acting = acting_group((0, 1), planar_generators(GRID.get(name, name)))
    assert_equivariant(
        network, turn_image(acting), unmoved, acting.group.order, torch.randn(4, 2, side, side, dtype=dtype)
    )


def test_the_sign_network_of_o2_changes_sign_under_mirrors():
    network = build_network(NetworkConfig(family("O(2)", "sign"), (1, 16, 16), 1, 4)).eval()
    x = torch.randn(4, 1, 16, 16)
    with torch.no_grad():
        assert torch.allclose(network(x.flip(-1)), -network(x), atol=1e-6)
        assert torch.allclose(network(x.rot90(1, (-1, -2))), network(x), atol=1e-6)


def test_the_vector_network_of_so2_turns_its_output():
    network = build_network(NetworkConfig(family("SO(2)", "vector"), (1, 16, 16), 2, 4)).eval()
    x = torch.randn(4, 1, 16, 16)
    (quarter,) = planar_generators("C4")
    acting = acting_group((0, 1), [quarter])
    index = int(np.argmin(np.abs(acting.x_matrices() - quarter).sum((1, 2))))
    with torch.no_grad():
        moved = network(turn_image(acting)(x, index))
        assert torch.allclose(moved, network(x) @ torch.from_numpy(quarter).float().T, atol=1e-6)


def test_a_network_of_c4_is_not_one_of_c8():
    with pytest.raises(ValueError, match="hierarchical"):
        build_network(NetworkConfig(finite("C3", architecture="hierarchical"), (1, 16, 16), 3, 4))
