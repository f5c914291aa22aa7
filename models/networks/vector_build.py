"""Modules for the layers of vector blueprints."""

from __future__ import annotations

from torch import nn

from models.groups.action import from_spec
from models.layers.regular import CovariantHead, GroupLinear, VectorLifting
from models.networks.config import Layer, NetworkConfig
from models.networks.standardise import Standardise


def build_vector(layer: Layer, config: NetworkConfig) -> nn.Module:
    """The module that a layer of `models.networks.vector.blueprint` stands for."""
    arguments = layer.arguments
    if layer.kind == "SiLU":
        return nn.SiLU()
    if layer.kind == "Standardise":
        return Standardise(**arguments)
    acting = from_spec(config.spec)
    if layer.kind == "GroupLinear":
        return GroupLinear(acting.group, **arguments)
    if layer.kind == "VectorLifting":
        return VectorLifting(acting, **arguments)
    return CovariantHead(acting, **arguments)
