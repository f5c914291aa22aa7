"""Modules for the layers of image blueprints."""

from __future__ import annotations

from torch import nn

from models.groups.action import from_spec
from models.layers.planar import (
    CentredPool2d,
    FieldNorm2d,
    GroupConv2d,
    LiftingConv2d,
    PlaneMean,
    PositionReadout,
)
from models.layers.regular import CovariantHead, FieldNorm1d, GroupLinear
from models.networks.config import Layer, NetworkConfig
from models.networks.standardise import StandardiseChannels

_PLAIN: dict[str, type[nn.Module]] = {
    "ReLU": nn.ReLU,
    "StandardiseChannels": StandardiseChannels,
    "FieldNorm2d": FieldNorm2d,
    "FieldNorm1d": FieldNorm1d,
    "CentredPool2d": CentredPool2d,
    "PlaneMean": PlaneMean,
}
_OF_THE_GROUP: dict[str, type[nn.Module]] = {
    "LiftingConv2d": LiftingConv2d,
    "GroupConv2d": GroupConv2d,
    "PositionReadout": PositionReadout,
    "CovariantHead": CovariantHead,
}


def build_planar(layer: Layer, config: NetworkConfig) -> nn.Module:
    """The module that a layer of `models.networks.planar.blueprint` stands for."""
    if layer.kind in _PLAIN:
        return _PLAIN[layer.kind](**layer.arguments)
    acting = from_spec(config.spec)
    if layer.kind == "GroupLinear":
        return GroupLinear(acting.group, **layer.arguments)
    return _OF_THE_GROUP[layer.kind](acting, **layer.arguments)
