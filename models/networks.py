"""One builder per domain: from a candidate's group and a size budget to an equivariant network.

Networks of different candidates have the same depth and as nearly as possible the same number of parameters; the width
(number of fields) is what gives way.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.actions.scaling import invariant_scaling
from models.groups.action import ActingGroup, from_spec
from models.layers.planar import (
    CentredPool2d,
    FieldNorm2d,
    GroupConv2d,
    LiftingConv2d,
    PlaneMean,
    PositionReadout,
)
from models.layers.regular import CovariantHead, FieldNorm1d, GroupLinear, VectorLifting

_MAX_POSITIONS = 64
_SIZE = 3
_VECTOR_LAYERS = 2


@dataclass(frozen=True)
class NetworkConfig:
    """What rebuilds a network: the group's spec, the sample's shape, the number of outputs and the fields per layer."""

    spec: dict[str, Any]
    x_shape: tuple[int, ...]
    outputs: int
    fields: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Standardise(nn.Module):
    """x -> A (x - m), with m fixed by the group and A commuting with it; set from the training samples."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(dimension))
        self.register_buffer("scale", torch.eye(dimension))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) @ self.scale.T


class StandardiseChannels(nn.Module):
    """Images: one shift and one factor per channel, the same at every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift[:, None, None]) * self.scale[:, None, None]


@dataclass(frozen=True)
class _Plane:
    """The grid at each stage of an image network: (pooled before?, height, width) of the two group convolutions, then
    how often the grid is halved before it is read by position."""

    lifting_size: int
    stages: tuple[tuple[bool, int, int], ...]
    readout_pools: int
    readout: tuple[int, int]


def _plane(height: int, width: int, translations: bool) -> _Plane:
    h, w = height, width
    stages = []
    for block in range(2):
        pooled = min(h, w) > 4 and (block == 0 or min(h, w) > 9)
        if pooled:
            h, w = (h + 1) // 2, (w + 1) // 2
        stages.append((pooled, h, w))
    pools = 0
    while not translations and h * w > _MAX_POSITIONS:
        h, w, pools = (h + 1) // 2, (w + 1) // 2, pools + 1
    return _Plane(3 if min(height, width) < 8 else 5, tuple(stages), pools, (h, w))


def build_network(config: NetworkConfig) -> nn.Sequential:
    """The network of a candidate, with fresh random weights (from torch's current generator)."""
    acting = from_spec(config.spec)
    build = _image_network if config.spec["domain"] == "image2d" else _vector_network
    return build(acting, config)


def _image_network(acting: ActingGroup, config: NetworkConfig) -> nn.Sequential:
    """Lifting, two group convolutions with centred pooling between, then the plane averaged (or read by position)."""
    channels, height, width = config.x_shape
    fields, order = config.fields, acting.group.order
    plane = _plane(height, width, config.spec["translations"])
    layers: list[nn.Module] = [StandardiseChannels(channels)]
    layers += [LiftingConv2d(acting, channels, fields, plane.lifting_size), FieldNorm2d(fields, order), nn.ReLU()]
    for pooled, _, _ in plane.stages:
        layers += [CentredPool2d()] if pooled else []
        layers += [GroupConv2d(acting, fields, fields, _SIZE), FieldNorm2d(fields, order), nn.ReLU()]
    if config.spec["translations"]:
        layers.append(PlaneMean(order))
    else:
        inner = fields * plane.readout[0] * plane.readout[1]
        layers += [CentredPool2d() for _ in range(plane.readout_pools)]
        layers += [PositionReadout(acting, *plane.readout), GroupLinear(acting.group, inner, fields)]
        layers += [FieldNorm1d(fields), nn.ReLU()]
    layers.append(CovariantHead(acting, fields, config.outputs))
    return nn.Sequential(*layers)


def _vector_network(acting: ActingGroup, config: NetworkConfig) -> nn.Sequential:
    """Lift x to {g^-1 x}, two group convolutions over G, then an invariant or covariant head."""
    d, fields = config.x_shape[0], config.fields
    layers: list[nn.Module] = [Standardise(d), VectorLifting(acting, d, fields), nn.SiLU()]
    for _ in range(_VECTOR_LAYERS):
        layers += [GroupLinear(acting.group, fields, fields), nn.SiLU()]
    layers.append(CovariantHead(acting, fields, config.outputs))
    return nn.Sequential(*layers)


@dataclass(frozen=True)
class Cost:
    """Free parameters, and floating point operations of one forward pass of one sample (two per multiply-add)."""

    parameters: int
    flops: int


def network_cost(config: NetworkConfig, order: int) -> Cost:
    """What a network costs, before it is built; `order` is |G|.

    Weight sharing divides a layer's parameters by |G|, not its operations: every turned copy of a filter is applied.
    """
    f, p = config.fields, config.outputs
    head_parameters, head_flops = f * p + p, 2 * f * p
    if config.spec["domain"] == "vector":
        d = config.x_shape[0]
        parameters = f * d + f + _VECTOR_LAYERS * (f * f * order + f) + head_parameters
        flops = 2 * f * d * order + _VECTOR_LAYERS * 2 * (f * order) ** 2 + head_flops
        return Cost(parameters, flops)
    c, h, w = config.x_shape
    plane = _plane(h, w, config.spec["translations"])
    area = _SIZE * _SIZE
    norm = 2 * f
    parameters = f * c * plane.lifting_size**2 + f + norm
    flops = 2 * f * order * c * plane.lifting_size**2 * h * w
    for _, rows, columns in plane.stages:
        parameters += f * f * order * area + f + norm
        flops += 2 * (f * order) ** 2 * area * rows * columns
    if not config.spec["translations"]:
        inner = f * plane.readout[0] * plane.readout[1]
        parameters += inner * f * order + f + norm
        flops += 2 * inner * order * f * order
    return Cost(parameters + head_parameters, flops + head_flops)


def matched_config(spec: dict[str, Any], x_shape: tuple[int, ...], outputs: int, width: int) -> NetworkConfig:
    """The config whose parameter count is nearest to that of the trivial group's network with `width` fields.

    The yardstick of images is the ordinary convolutional network, also for groups about the centre.
    """
    trivial = {**spec, "x": [], "y": None, "translations": True}
    target = network_cost(NetworkConfig(trivial, x_shape, outputs, width), 1).parameters
    order = from_spec(spec).group.order

    def distance(fields: int) -> int:
        return abs(network_cost(NetworkConfig(spec, x_shape, outputs, fields), order).parameters - target)

    return NetworkConfig(spec, x_shape, outputs, min(range(2, width + 1), key=distance))


def standardise(network: nn.Sequential, x: Tensor, spec: dict[str, Any]) -> None:
    """Set the first layer from samples x (n, ...) so that it commutes with the group.

    Vectors: the mean is projected on the vectors that the group fixes; the variances are averaged over the group to
    S = mean g diag(v) g^T, and x is scaled by S^(-1/2), which commutes with every orthogonal g. A group that is not
    orthogonal gets one common factor.
    """
    first = network[0]
    if isinstance(first, StandardiseChannels):
        first.shift.copy_(x.mean((0, 2, 3)))
        first.scale.copy_(1.0 / x.std((0, 2, 3)).clamp_min(1e-6))
    elif isinstance(first, Standardise):
        shift, scale = invariant_scaling(x.double().cpu().numpy(), from_spec(spec))
        first.shift.copy_(torch.from_numpy(shift))
        first.scale.copy_(torch.from_numpy(scale))
