"""Several networks trained as one are what they would be one by one."""

import copy

import pytest
import torch

from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from workers.fitting import _Together


@pytest.fixture
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("domain", "translations", "name", "shape"),
    [
        ("image2d", True, "D4", (2, 9, 9)),
        ("image2d", True, "C1", (1, 6, 6)),
        ("image2d", False, "C4", (1, 14, 14)),
        ("vector", None, "D3", (2,)),
    ],
)
def test_stacked_networks_learn_what_separate_ones_do(domain, translations, name, shape, double_precision):
    """Outputs, gradients and running statistics agree: on a GPU the networks run stacked, on a CPU in turn."""
    acting = acting_group((0, 1), planar_generators(name))
    config = NetworkConfig({"domain": domain, "translations": translations, **acting.spec()}, shape, 3, 4)
    torch.manual_seed(0)
    separate = [build_network(config).train() for _ in range(3)]
    stacked = copy.deepcopy(separate)
    runs = [(nets, _Together(nets, stacked=flag)) for nets, flag in ((separate, False), (stacked, True))]
    optimisers = [torch.optim.AdamW([p for net in nets for p in net.parameters()], lr=0.01) for nets, _ in runs]
    for _ in range(4):
        x = torch.randn(3, 8, *shape)
        outputs = []
        for (_, together), optimiser in zip(runs, optimisers, strict=True):
            outputs.append(together(x))
            optimiser.zero_grad()
            (outputs[-1] ** 2).mean().backward()
        torch.testing.assert_close(outputs[1], outputs[0])
        for one, other in zip(separate, stacked, strict=True):
            gradients = [[p.grad for p in net.parameters()] for net in (one, other)]
            torch.testing.assert_close(gradients[1], gradients[0])
            torch.testing.assert_close(other.state_dict(), one.state_dict(), rtol=1e-5, atol=1e-7)
        for optimiser in optimisers:
            optimiser.step()
    moved = {k for k, v in separate[0].state_dict().items() if k.endswith("num_batches_tracked") and int(v) == 4}
    assert bool(moved) == (domain == "image2d")
