"""Trained networks for other programs: plain torch modules, ONNX, torch.export, and weights that rebuild a network.

Nothing here pickles: what is stored is tensors (safetensors) and JSON.
"""

from __future__ import annotations

import copy
import io
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from models.actions.preparation import DiscView
from models.networks.build import build_network
from models.networks.config import NetworkConfig

ONNX_OPSET = 17
INPUT, OUTPUT, BATCH = "x", "y", "n"
_METADATA = "erlangen"


@dataclass(frozen=True)
class Trained:
    """The networks of a trial, one per fold and seed, and what turns their outputs into predictions.

    `temperatures[k]` multiplies the outputs of network k; predictions are shift + scale * output, (p,) each: targets in
    their own unit, or class scores, which the shift moves towards the shares of the classes.
    `disc`: the networks know images as `DiscView` shows them, because the search moved pixels off the grid.
    """

    config: NetworkConfig
    task: str
    networks: Sequence[nn.Module]
    temperatures: Sequence[float]
    target_shift: Sequence[float]
    target_scale: Sequence[float]
    disc: bool = False

    def about(self) -> dict[str, Any]:
        """All but the weights, as JSON."""
        return {
            "config": self.config.as_json(),
            "task": self.task,
            "networks": len(self.networks),
            "temperatures": list(self.temperatures),
            "target_shift": list(self.target_shift),
            "target_scale": list(self.target_scale),
            "disc": self.disc,
        }


class Predictor(nn.Module):
    """x: (n, ...) raw samples -> (n, p) class scores (logits), or targets in their own unit.

    The mean over the networks of temperature times output, each network folded; evaluation only.
    """

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.networks = nn.ModuleList(fold_network(network) for network in trained.networks)
        like = next(trained.networks[0].parameters())
        self.temperatures: Tensor
        self.shift: Tensor
        self.scale: Tensor
        for name, values in (
            ("temperatures", trained.temperatures),
            ("shift", trained.target_shift),
            ("scale", trained.target_scale),
        ):
            self.register_buffer(name, torch.tensor(values, dtype=like.dtype, device=like.device))
        self.view = DiscView(*trained.config.x_shape).to(like) if trained.disc else nn.Identity()
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.view(x)
        outputs = torch.stack([network(x) for network in self.networks])
        return (outputs * self.temperatures[:, None, None]).mean(0) * self.scale + self.shift


def fold_network(network: nn.Module) -> nn.Sequential:
    """The same map, in evaluation mode, by plain torch modules: kernels expanded, norms merged into convolutions.

    Shares no tensor with the network.
    """
    layers: list[nn.Module] = []
    for layer in _plain(network):
        layers[-1:] = _merged(layers[-1], layer) if layers else [layer]
    return nn.Sequential(*layers).eval()


def _plain(module: nn.Module) -> Iterable[nn.Module]:
    if isinstance(module, nn.Sequential):
        for layer in module:
            yield from _plain(layer)
        return
    fold: Callable[[], nn.Module] | None = getattr(module, "fold", None)
    folded = module if fold is None else fold()
    if isinstance(folded, nn.Sequential):
        yield from _plain(folded)
    else:
        yield copy.deepcopy(folded).eval()


def _merged(first: nn.Module, second: nn.Module) -> list[nn.Module]:
    if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
        return [fuse_conv_bn_eval(first, second)]
    if isinstance(first, nn.Linear) and isinstance(second, nn.BatchNorm1d):
        return [fuse_linear_bn_eval(first, second)]
    return [first, second]


def to_onnx(module: nn.Module, x_shape: tuple[int, ...]) -> bytes:
    """An ONNX model (opset 17) of a module: input `x` (n, *x_shape), output `y` (n, p), any n from 1 on.

    Raises torch.onnx.OnnxExporterError for what cannot be said in ONNX.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter by tracing is deprecated, and a hundred times quicker than the one that replaces it (see
        # docs/decisions/onnx-by-tracing.md). It warns that sizes of the plane become constants: they are.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        torch.onnx.export(
            module.eval(),
            (_example(module, x_shape),),
            file,  # type: ignore[arg-type]  # by tracing it writes to open files as well
            dynamo=False,
            opset_version=ONNX_OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: BATCH}, OUTPUT: {0: BATCH}},
        )
    return file.getvalue()


def to_exported_program(module: nn.Module, x_shape: tuple[int, ...]) -> torch.export.ExportedProgram:
    """The module in evaluation mode as a graph of torch operations that takes (n, *x_shape) for any n."""
    return torch.export.export(
        module.eval(), (_example(module, x_shape),), dynamic_shapes=({0: torch.export.Dim(BATCH)},)
    )


def _example(module: nn.Module, x_shape: tuple[int, ...]) -> Tensor:
    like = next(iter(module.state_dict().values()))
    return torch.zeros(2, *x_shape, dtype=like.dtype, device=like.device)


def save_network(trained: Trained) -> bytes:
    """A safetensors file: tensor `k.name` of network k, and under the metadata key `erlangen` the JSON of the rest."""
    tensors = {
        f"{k}.{name}": tensor.detach().cpu().contiguous()
        for k, network in enumerate(trained.networks)
        for name, tensor in network.state_dict().items()
    }
    return save(tensors, metadata={_METADATA: json.dumps(trained.about())})


def load_network(data: bytes) -> Trained:
    """The networks of a file that `save_network` wrote, in evaluation mode on the CPU.

    Raises SafetensorError for bytes of another format, KeyError for a safetensors file of another program, ValueError
    for weights that do not fit the architecture that this release builds from the config.
    """
    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = json.loads(header["__metadata__"][_METADATA])
    config = NetworkConfig(**{**about["config"], "x_shape": tuple(about["config"]["x_shape"])})
    networks = []
    for k in range(about["networks"]):
        state = {name.partition(".")[2]: t for name, t in tensors.items() if name.partition(".")[0] == str(k)}
        network = build_network(config)
        try:
            network.to(next(t.dtype for t in state.values() if t.is_floating_point())).load_state_dict(state)
        except RuntimeError as error:
            raise ValueError("these weights are of another release, whose networks were built otherwise") from error
        networks.append(network.eval())
    return Trained(
        config,
        about["task"],
        networks,
        about["temperatures"],
        about["target_shift"],
        about["target_scale"],
        about.get("disc", False),
    )
