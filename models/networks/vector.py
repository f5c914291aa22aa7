"""Blueprints of networks on vectors."""

from __future__ import annotations

from models.groups.action import from_spec
from models.networks.config import Layer, NetworkConfig

_LAYERS = 2


def blueprint(config: NetworkConfig) -> list[Layer]:
    """Lift x to {g^-1 x}, two group convolutions over G, then an invariant or covariant head."""
    d, f, p = config.x_shape[0], config.fields, config.outputs
    order = from_spec(config.spec).group.order
    layers = [
        Layer("Standardise", {"dimension": d}, flops=2 * d * d),
        Layer("VectorLifting", {"dimension": d, "fields": f}, f * d + f, 2 * f * d * order),
        Layer("SiLU", {}),
    ]
    for _ in range(_LAYERS):
        convolution = {"in_fields": f, "out_fields": f}
        layers += [Layer("GroupLinear", convolution, f * f * order + f, 2 * (f * order) ** 2), Layer("SiLU", {})]
    return [*layers, Layer("CovariantHead", {"fields": f, "outputs": p}, f * p + p, 2 * f * p)]
