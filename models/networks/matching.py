"""How wide a candidate's network is: matched in parameters or in operations to the network that knows no symmetry."""

from __future__ import annotations

from typing import Any, Literal

from models.networks import planar, vector
from models.networks.config import Cost, Layer, NetworkConfig

Match = Literal["parameters", "flops"]
_WIDEST = 8  # times the fields of the trivial group's network
WIDTHS = {"image2d": 16, "vector": 24}  # fields of the trivial group's network


def blueprint(config: NetworkConfig) -> list[Layer]:
    """The layers of a candidate's network, in order."""
    return planar.blueprint(config) if config.spec["domain"] == "image2d" else vector.blueprint(config)


def network_cost(config: NetworkConfig) -> Cost:
    """What a network costs, before it is built.

    Weight sharing divides a layer's parameters by |G|, not its operations: every turned copy of a filter is applied.
    """
    layers = blueprint(config)
    return Cost(sum(layer.parameters for layer in layers), sum(layer.flops for layer in layers))


def trivial_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of the network that all candidates of a search are matched to.

    For images that is the ordinary convolutional network, also for groups about the centre.
    """
    dimensions = [0, 1] if spec["domain"] == "image2d" else [0]
    translations = True if spec["domain"] == "image2d" else None
    return {"domain": spec["domain"], "translations": translations, "kind": "permutation", "coordinates": dimensions,
            "x": [], "y": None}  # fmt: skip


def matched_config(
    spec: dict[str, Any], x_shape: tuple[int, ...], outputs: int, width: int, match: Match = "parameters"
) -> NetworkConfig:
    """The config whose parameters (or operations) are nearest to the trivial group's network with `width` fields.

    Both are polynomials of degree two in the number of fields, so three blueprints tell the rest. Two fields at least,
    or one where operations are matched: those of large groups grow with the square of their order.
    """

    def cost(of: dict[str, Any], fields: int) -> int:
        value: int = getattr(network_cost(NetworkConfig(of, x_shape, outputs, fields)), match)
        return value

    target = cost(trivial_spec(spec), width)
    one, two, three = (cost(spec, fields) for fields in (1, 2, 3))

    def distance(fields: int) -> int:
        bend = three - 2 * two + one
        return abs(one + (fields - 1) * (two - one) + (fields - 1) * (fields - 2) // 2 * bend - target)

    fewest = 1 if match == "flops" else 2
    return NetworkConfig(spec, x_shape, outputs, min(range(fewest, _WIDEST * width + 1), key=distance))
