"""Blueprints of networks on images."""

from __future__ import annotations

from dataclasses import dataclass

from models.groups.action import from_spec
from models.networks.config import Layer, NetworkConfig

_MAX_POSITIONS = 64
_SIZE = 3


@dataclass(frozen=True)
class Plane:
    """The grid at each stage of an image network: (pooled before?, height, width) of the two group convolutions, then
    how often the grid is halved before it is read by position."""

    lifting_size: int
    stages: tuple[tuple[bool, int, int], ...]
    readout_pools: int
    readout: tuple[int, int]


def plane(height: int, width: int, translations: bool) -> Plane:
    """How a network halves a grid of this size."""
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
    return Plane(3 if min(height, width) < 8 else 5, tuple(stages), pools, (h, w))


def blueprint(config: NetworkConfig) -> list[Layer]:
    """Lifting, two group convolutions with centred pooling between, then the plane averaged (or read by position)."""
    channels, height, width = config.x_shape
    f, p = config.fields, config.outputs
    order = from_spec(config.spec).group.order
    grid = plane(height, width, config.spec["translations"])
    norm = [Layer("FieldNorm2d", {"fields": f, "order": order}, 2 * f), Layer("ReLU", {})]
    size = grid.lifting_size
    lifting = {"in_channels": channels, "out_fields": f, "size": size}
    work = 2 * f * order * channels * size**2 * height * width
    layers = [
        Layer("StandardiseChannels", {"channels": channels}),
        Layer("LiftingConv2d", lifting, f * channels * size**2 + f, work),
        *norm,
    ]
    for pooled, rows, columns in grid.stages:
        layers += [Layer("CentredPool2d", {})] if pooled else []
        convolution = {"in_fields": f, "out_fields": f, "size": _SIZE}
        work = 2 * (f * order * _SIZE) ** 2 * rows * columns
        layers += [Layer("GroupConv2d", convolution, f * f * order * _SIZE**2 + f, work), *norm]
    if config.spec["translations"]:
        layers.append(Layer("PlaneMean", {"order": order}))
    else:
        h, w = grid.readout
        layers += [Layer("CentredPool2d", {})] * grid.readout_pools
        inner = f * h * w
        layers += [
            Layer("PositionReadout", {"height": h, "width": w}),
            Layer(
                "GroupLinear", {"in_fields": inner, "out_fields": f}, f * inner * order + f, 2 * inner * f * order**2
            ),
            Layer("FieldNorm1d", {"fields": f}, 2 * f),
            Layer("ReLU", {}),
        ]
    return [*layers, Layer("CovariantHead", {"fields": f, "outputs": p}, f * p + p, 2 * f * p)]
