"""What every network that a search can ask for must survive: folding, copies, precision, transforms and export."""

from __future__ import annotations

import copy
import io
import json
import pickle
from itertools import pairwise
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.func import functional_call, vmap

from models.export import (
    ONNX_OPSET,
    Predictor,
    Trained,
    fold_network,
    load_network,
    save_network,
    to_exported_program,
    to_onnx,
)
from tests.models.conforming import Case, each_kind, every_case

EVERY = every_case()
KINDS = each_kind()


def _slow_beyond(cases: list[Case], quick: set[str]) -> list[Any]:
    """All in continuous integration, some at every run of the tests."""
    return [pytest.param(c, marks=[] if c.name in quick else [pytest.mark.slow]) for c in cases]


names: dict[str, Any] = {"ids": lambda case: case.name}
each_kind_of_network = pytest.mark.parametrize("case", KINDS, **names)
every_network = pytest.mark.parametrize("case", _slow_beyond(EVERY, {case.name for case in KINDS}), **names)
some_of_each_domain = pytest.mark.parametrize("case", _slow_beyond(KINDS, {"image2d: D4", "vector: B2"}), **names)


def distance(a: Tensor, b: Tensor) -> float:
    """Largest difference, relative to the largest value of b."""
    return float((a - b).abs().max() / b.abs().max().clamp_min(1e-30))


def trained(case: Case, count: int = 3) -> Trained:
    outputs = case.config.outputs
    shift, scale = [0.5 * (k + 1) for k in range(outputs)], [3.0] * outputs
    return Trained(case.config, "regression", case.networks(count), [1.0, 0.5, 0.0][:count], shift, scale)


def expected(from_: Trained, x: Tensor) -> Tensor:
    """The prediction, from the networks as they were trained."""
    outputs = [t * net(x) for net, t in zip(from_.networks, from_.temperatures, strict=True)]
    mean = torch.stack(outputs).mean(0)
    return mean * torch.tensor(from_.target_scale) + torch.tensor(from_.target_shift)


def test_the_list_of_networks_is_complete() -> None:
    assert len(EVERY) > 150
    assert {case.config.spec["domain"] for case in EVERY} == {"image2d", "vector"}
    assert {case.order for case in EVERY} >= {1, 2, 3, 4, 6, 8, 16, 24, 120}
    names = {name.split(", ")[-1] for name in (case.name for case in EVERY)}
    assert names >= {"separable", "deformable", "hierarchical", "constrained", "emlp"}
    assert {case.config.spec.get("family") for case in EVERY} >= {
        "SO(2)",
        "O(2)",
        "Scale",
        "SIM(2)",
        "SO(n)",
        "O(n)",
        "S",
    }


@every_network
def test_folding_changes_nothing(case: Case) -> None:
    (network,) = case.networks()
    x = case.samples(5)
    with torch.no_grad():
        assert distance(fold_network(network)(x), network(x)) < 1e-5
        double = copy.deepcopy(network).double()
        assert distance(fold_network(double)(x.double()), double(x.double())) < 1e-10


@every_network
def test_weights_and_config_rebuild_the_networks(case: Case) -> None:
    before = trained(case, 1)
    after = load_network(save_network(before))
    x = case.samples(3)
    assert json.dumps(after.about()) == json.dumps(before.about())
    with torch.no_grad():
        assert torch.equal(before.networks[0](x), after.networks[0](x))


@each_kind_of_network
def test_state_dicts_of_training_and_evaluation_are_alike(case: Case) -> None:
    (network,) = case.networks()
    evaluated = {name: (t.shape, t.dtype) for name, t in network.eval().state_dict().items()}
    network.train()(case.samples(4))
    assert {name: (t.shape, t.dtype) for name, t in network.state_dict().items()} == evaluated


@each_kind_of_network
def test_a_folded_network_is_plain_and_shares_nothing(case: Case) -> None:
    (network,) = case.networks()
    folded = fold_network(network)
    assert not any(
        hasattr(layer, "fold") and not isinstance(layer, nn.Sequential) for layer in network if layer in folded
    )
    own = {t.data_ptr() for t in [*network.parameters(), *network.buffers()] if t.numel()}
    assert not own & {t.data_ptr() for t in [*folded.parameters(), *folded.buffers()]}
    assert not any(isinstance(a, nn.Conv2d) and isinstance(b, nn.BatchNorm2d) for a, b in pairwise(folded))
    assert not folded.training


@each_kind_of_network
def test_copies_are_equal_and_independent(case: Case) -> None:
    (network,) = case.networks()
    x = case.samples(3)
    with torch.no_grad():
        before = network(x)
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert torch.equal(other(x), before)
            for parameter in other.parameters():
                parameter.zero_()
        assert torch.equal(network(x), before)


@each_kind_of_network
def test_double_precision_leaves_siblings_alone(case: Case) -> None:
    one, sibling = case.networks(2)
    x = case.samples(3)
    with torch.no_grad():
        before = sibling(x)
        assert one.double()(x.double()).dtype == torch.float64
        assert torch.equal(sibling(x), before)
        assert sibling.float()(x).dtype == torch.float32


@each_kind_of_network
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_stacked_networks_run_as_one(case: Case, training: bool) -> None:
    networks = [network.train(training) for network in case.networks(3)]
    x = torch.stack([case.samples(6, seed) for seed in range(3)])
    names = dict(networks[0].named_parameters())
    held = [copy.deepcopy(network.state_dict()) for network in networks]
    weights = {n: torch.stack([h[n] for h in held]) for n in held[0] if n in names}
    states = {n: torch.stack([h[n] for h in held]) for n in held[0] if n not in names}

    def one(w: dict[str, Tensor], s: dict[str, Tensor], batch: Tensor) -> Tensor:
        return functional_call(networks[0], (w, s), (batch,))  # type: ignore[no-any-return]

    with torch.no_grad():
        together = vmap(one)(weights, states, x)
        apart = torch.stack([network(batch) for network, batch in zip(networks, x, strict=True)])
    assert distance(together, apart) < 1e-4


@each_kind_of_network
def test_gradients_reach_every_weight(case: Case) -> None:
    (network,) = case.networks()
    (network.train()(case.samples(8)) ** 2).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@each_kind_of_network
def test_autocast_runs_in_half_precision(case: Case) -> None:
    (network,) = case.networks()
    x = case.samples(6)
    with torch.no_grad():
        exact = network(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = network(x)
    assert torch.isfinite(rough).all()
    assert distance(rough.float(), exact) < 0.25


@each_kind_of_network
def test_onnx_agrees_for_every_batch_size(case: Case) -> None:
    ensemble = trained(case)
    model = to_onnx(Predictor(ensemble), case.config.x_shape)
    onnx.checker.check_model(onnx.load_from_string(model))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for count in (1, 2, 7):
        x = case.samples(count, seed=count)
        with torch.no_grad():
            want = expected(ensemble, x)
        (got,) = session.run(["y"], {"x": x.numpy()})
        assert got.shape == want.shape
        assert distance(torch.from_numpy(got), want) < 1e-4


@some_of_each_domain
def test_torch_export_takes_any_batch(case: Case) -> None:
    (network,) = case.networks()
    program = to_exported_program(network, case.config.x_shape)
    file = io.BytesIO()
    torch.export.save(program, file)
    for count in (1, 5):
        x = case.samples(count, seed=count)
        with torch.no_grad():
            assert distance(program.module()(x), network(x)) < 1e-5


def test_the_predictor_averages_calibrated_outputs_in_original_units() -> None:
    case = next(case for case in KINDS if case.config.spec.get("y") is not None)
    ensemble = trained(case)
    x = case.samples(9)
    with torch.no_grad():
        got = Predictor(ensemble)(x)
        assert distance(got, expected(ensemble, x)) < 1e-5
    # The last network has temperature 0: it learned nothing and only dilutes the others.
    others = [ensemble.temperatures[k] * ensemble.networks[k](x).detach() / 3 for k in range(2)]
    assert distance(got, sum(others) * torch.tensor(ensemble.target_scale) + torch.tensor(ensemble.target_shift)) < 1e-5


def test_onnx_states_its_opset_and_names() -> None:
    case = KINDS[0]
    model = onnx.load_from_string(to_onnx(Predictor(trained(case)), case.config.x_shape))
    assert [(o.domain, o.version) for o in model.opset_import] == [("", ONNX_OPSET)]
    (x,), (y,) = model.graph.input, model.graph.output
    assert (x.name, y.name) == ("x", "y")
    dimensions = x.type.tensor_type.shape.dim
    assert dimensions[0].dim_param == "n"
    assert tuple(d.dim_value for d in dimensions[1:]) == case.config.x_shape


def test_only_its_own_files_are_loaded() -> None:
    with pytest.raises(SafetensorError):
        load_network(pickle.dumps({"weights": [1.0]}))
