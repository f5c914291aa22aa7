"""What every layer promises beside its equivariance: folding, copies, precision, and weights stacked by vmap."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


def assert_keeps_promises(layer: nn.Module, x: Tensor) -> None:
    """Check a layer on an input of double precision, (batch, ...)."""
    layer = layer.double().eval()
    _shake(layer)
    with torch.no_grad():
        expected = layer(x)
    folded = layer.fold()
    assert type(folded) is not type(layer) or not list(layer.parameters())
    for same in (folded, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), _reloaded(layer)):
        with torch.no_grad():
            assert torch.allclose(same(x), expected, rtol=1e-10, atol=1e-10)
    assert set(layer.state_dict()) == set(copy.deepcopy(layer).train().state_dict())
    assert repr(layer).startswith(type(layer).__name__ + "(")
    _assert_stacks(layer, x)
    single = copy.deepcopy(layer).float()
    with torch.no_grad():
        y = single(x.float())
        assert y.dtype == torch.float32
        assert torch.allclose(y.double(), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    if list(layer.parameters()):
        layer(x).square().sum().backward()
        assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in layer.parameters())


def _shake(layer: nn.Module) -> None:
    generator = torch.Generator().manual_seed(3)
    for parameter in layer.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)


def _reloaded(layer: nn.Module) -> nn.Module:
    """Another layer with the weights of this one, brought over through a file."""
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = copy.deepcopy(layer)
    for parameter in other.parameters():
        parameter.data.zero_()
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


def _assert_stacks(layer: nn.Module, x: Tensor) -> None:
    copies = [copy.deepcopy(layer) for _ in range(3)]
    for i, one in enumerate(copies):
        for parameter in one.parameters():
            parameter.data *= 1.0 + 0.5 * i
    with torch.no_grad():
        expected = torch.stack([one(x) for one in copies])
        parameters, buffers = stack_module_state(copies)  # type: ignore[arg-type]
        with warnings.catch_warnings():
            # vmap says when an operation falls back to a loop: the result is what counts here.
            warnings.simplefilter("ignore", UserWarning)
            if not parameters:
                return
            y = vmap(lambda p, b: functional_call(layer, (p, b), (x,)))(parameters, buffers)
    assert torch.allclose(y, expected, rtol=1e-9, atol=1e-9)
