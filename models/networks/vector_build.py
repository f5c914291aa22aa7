"""Modules for the layers of vector blueprints."""

from __future__ import annotations

from torch import nn

from models.groups.action import from_spec
from models.layers.cosets import CosetHead, CosetLifting, CosetLinear
from models.layers.orthogonal import CovariantVectors, Invariants, Opposite, PseudoScalars
from models.layers.regular import CovariantHead, GroupLinear, VectorLifting
from models.layers.sets import RankPool, SetHead, SetLifting, SetLinear
from models.networks.config import Layer, NetworkConfig
from models.networks.standardise_vectors import Standardise, StandardiseCoordinates

_PLAIN: dict[str, type[nn.Module]] = {
    "SiLU": nn.SiLU,
    "Standardise": Standardise,
    "StandardiseCoordinates": StandardiseCoordinates,
    "SetLifting": SetLifting,
    "SetLinear": SetLinear,
    "RankPool": RankPool,
    "SetHead": SetHead,
    "Invariants": Invariants,
    "Opposite": Opposite,
}
_AROUND: dict[str, type[nn.Module]] = {"CovariantVectors": CovariantVectors, "PseudoScalars": PseudoScalars}
_OF_THE_GROUP: dict[str, type[nn.Module]] = {
    "VectorLifting": VectorLifting,
    "CovariantHead": CovariantHead,
    "CosetLifting": CosetLifting,
    "CosetLinear": CosetLinear,
    "CosetHead": CosetHead,
}


def build_vector(layer: Layer, config: NetworkConfig) -> nn.Module:
    """The module that a layer of `models.networks.vector.blueprint` stands for."""
    arguments = layer.arguments
    if layer.kind in _PLAIN:
        return _PLAIN[layer.kind](**arguments)
    if layer.kind == "Linear":
        return _linear(**arguments)
    if layer.kind in _AROUND:
        inside = nn.Sequential(*(build_vector(inner, config) for inner in arguments["network"]))
        return _AROUND[layer.kind](**{**arguments, "network": inside})
    acting = from_spec(config.spec)
    if layer.kind == "GroupLinear":
        return GroupLinear(acting.group, **arguments)
    return _OF_THE_GROUP[layer.kind](acting, **arguments)


def _linear(in_features: int, out_features: int, gain: float, spread: float) -> nn.Linear:
    """A linear layer whose weights start with variance gain / in_features, its biases between -spread and spread."""
    layer = nn.Linear(in_features, out_features)
    nn.init.normal_(layer.weight, 0.0, (gain / in_features) ** 0.5)
    nn.init.uniform_(layer.bias, -spread, spread)
    return layer
