"""Modules for the layers of image blueprints."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from models.groups.action import from_spec
from models.layers.antialias import BlurPool2d
from models.layers.canonical import CanonicalScale2d
from models.layers.deformable import DeformableGroupConv2d
from models.layers.planar import CentredPool2d, FieldNorm2d, GroupConv2d, LiftingConv2d, PlaneMean, PositionReadout
from models.layers.readout import DiscMean
from models.layers.regular import CovariantHead, FieldNorm1d, GroupLinear
from models.layers.restriction import InducedConv2d, Restrict
from models.layers.separable import SeparableGroupConv2d
from models.layers.steerable import FourierReLU, SteerableConv2d, SteerableHead, SteerableLifting2d, SteerableNorm2d
from models.layers.turning import maps_the_grid
from models.layers.wallpaper import IsotropicConv2d
from models.networks.config import Layer, NetworkConfig
from models.networks.planar import doubled, rotation_part, whole_group
from models.networks.standardise import StandardiseChannels

Constructor = Callable[..., nn.Module]

_PLAIN: dict[str, Constructor] = {
    "BlurPool2d": BlurPool2d,
    "CanonicalScale2d": CanonicalScale2d,
    "CentredPool2d": CentredPool2d,
    "DiscMean": DiscMean,
    "FieldNorm1d": FieldNorm1d,
    "FieldNorm2d": FieldNorm2d,
    "FourierReLU": FourierReLU,
    "PlaneMean": PlaneMean,
    "ReLU": nn.ReLU,
    "StandardiseChannels": StandardiseChannels,
    "SteerableConv2d": SteerableConv2d,
    "SteerableHead": SteerableHead,
    "SteerableLifting2d": SteerableLifting2d,
    "SteerableNorm2d": SteerableNorm2d,
}
_OF_THE_GROUP: dict[str, Constructor] = {
    "CovariantHead": CovariantHead,
    "IsotropicConv2d": IsotropicConv2d,
    "PositionReadout": PositionReadout,
}
_BEFORE_A_NORM: dict[str, Constructor] = {
    "DeformableGroupConv2d": DeformableGroupConv2d,
    "GroupConv2d": GroupConv2d,
    "LiftingConv2d": LiftingConv2d,
    "SeparableGroupConv2d": SeparableGroupConv2d,
}


def build_planar(layer: Layer, config: NetworkConfig) -> nn.Module:
    """The module that a layer of `models.networks.planar.blueprint` stands for."""
    arguments = layer.arguments
    if layer.kind in _PLAIN:
        return _PLAIN[layer.kind](**arguments)
    acting = rotation_part(config) if config.spec["kind"] == "family" else from_spec(config.spec)
    deep = doubled(acting) if config.spec.get("architecture") == "hierarchical" else acting
    if layer.kind == "GroupLinear":
        return GroupLinear(acting.group, **arguments)
    if layer.kind == "InducedConv2d":
        return InducedConv2d(acting, deep, bias=False, **arguments)
    if layer.kind == "Restrict":
        return Restrict(deep, acting)
    if layer.kind in _BEFORE_A_NORM:  # which takes any bias out again
        of = acting if layer.kind == "LiftingConv2d" else deep
        if "within" in config.spec and not maps_the_grid(acting):
            arguments = arguments | {"basis_of": whole_group(config)}
        return _BEFORE_A_NORM[layer.kind](of, bias=False, **arguments)
    return _OF_THE_GROUP[layer.kind](acting, **arguments)
