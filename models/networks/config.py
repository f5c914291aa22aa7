"""What a network will be, as data: enough to rebuild it, and to tell its cost before anything is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkConfig:
    """What rebuilds a network: the group's spec, the sample's shape, the number of outputs and the fields per layer."""

    spec: dict[str, Any]
    x_shape: tuple[int, ...]
    outputs: int
    fields: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Cost:
    """Free parameters, and floating point operations of one forward pass of one sample (two per multiply-add)."""

    parameters: int
    flops: int


@dataclass(frozen=True)
class Layer:
    """One layer of a blueprint: its kind, what its constructor needs, its free parameters and its operations.

    `flops` counts the convolutions and matrix products of one sample with kernels already expanded, two per
    multiply-add; pointwise work, pooling and norms are left out.
    """

    kind: str
    arguments: dict[str, Any]
    parameters: int = 0
    flops: int = 0
