"""From a blueprint to an equivariant network.

Networks of different candidates have the same depth and as nearly as possible the same number of parameters; the width
(number of fields) is what gives way.
"""

from __future__ import annotations

from torch import nn

from models.networks.config import NetworkConfig
from models.networks.matching import blueprint
from models.networks.planar_build import build_planar
from models.networks.vector_build import build_vector


def build_network(config: NetworkConfig) -> nn.Sequential:
    """The network of a candidate, with fresh random weights (from torch's current generator)."""
    build = build_planar if config.spec["domain"] == "image2d" else build_vector
    return nn.Sequential(*(build(layer, config) for layer in blueprint(config)))
