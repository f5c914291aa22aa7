"""Blueprints of networks on vectors.

A finite group lifts x to functions on the group; where it is large, or when asked for, to functions on cosets. Groups
that permute items in every way keep sets, and O(n) and SO(n) take invariants: neither lists elements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.groups.action import ActingGroup, from_spec
from models.groups.blocks import Sets, fixed_coordinates, labels_of_sets, rank_nodes, symmetric_blocks
from models.groups.isotropy import coset_features, feature_subgroups
from models.groups.representations import Representation, defining, label_representation
from models.groups.vectors import choice_parameters, determinant_count, frame_count, invariant_count, uses_pairs
from models.networks.config import Layer, NetworkConfig

_LAYERS = 2
_LARGEST_LIFTING = 64  # order of the groups whose functions are the features
_OUTPUT_GAIN = 1.0 / 3.0  # of the last layer: outputs start smaller than what they are to become
_SILU = Layer("SiLU", {})


def blueprint(config: NetworkConfig) -> list[Layer]:
    """The layers of a candidate's network on vectors. Raises ValueError for a group that no network is known for."""
    spec = config.spec
    if spec["kind"] == "family":
        if spec["family"] == "S":
            return _sets(config, spec["sets"], spec["labels"])
        if spec["family"] in ("SO(n)", "O(n)"):
            return _orthogonal(config)
        raise ValueError(f"no network on vectors is known for {spec['family']}")
    acting = from_spec(spec)
    if spec.get("architecture") == "emlp":
        return _cosets(config, acting)
    sets = symmetric_blocks(acting)
    labels = None if sets is None else labels_of_sets(acting, config.x_shape[0])
    if sets is not None and labels is not None:
        return _sets(config, sets, labels)
    return _lifting(config, acting) if acting.group.order <= _LARGEST_LIFTING else _cosets(config, acting)


def _lifting(config: NetworkConfig, acting: ActingGroup) -> list[Layer]:
    """Lift x to {g^-1 x}, group convolutions over G, then an invariant or covariant head."""
    d, f, p = config.x_shape[0], config.fields, config.outputs
    order = acting.group.order
    layers = [
        Layer("Standardise", {"dimension": d}, flops=2 * d * d),
        Layer("VectorLifting", {"dimension": d, "fields": f}, f * d + f, 2 * f * d * order),
        _SILU,
    ]
    for _ in range(_LAYERS):
        convolution = {"in_fields": f, "out_fields": f}
        layers += [Layer("GroupLinear", convolution, f * f * order + f, 2 * (f * order) ** 2), _SILU]
    values = 1 if acting.y is None else order  # labels that stay put are read off the mean over the group
    return [*layers, Layer("CovariantHead", {"fields": f, "outputs": p}, f * p + p, 2 * f * p * values)]


def _cosets(config: NetworkConfig, acting: ActingGroup) -> list[Layer]:
    """The same with functions on cosets as features: an equivariant perceptron with shared weights."""
    d, f, p = config.x_shape[0], config.fields, config.outputs
    rep, labels = defining(acting), label_representation(acting, p)
    subgroups = [sorted(h) for h in feature_subgroups(rep, labels)]
    hidden = coset_features(acting.group, subgroups)
    kinds, rest, n = len(subgroups), d - rep.dimension, hidden.dimension
    lifting = {"dimension": d, "subgroups": subgroups, "fields": f}
    layers = [
        Layer("Standardise", {"dimension": d}, flops=2 * d * d),
        Layer("CosetLifting", lifting, f * (_maps(rep, hidden) + kinds * rest + kinds), 2 * f * d * n),
        _SILU,
    ]
    for _ in range(_LAYERS):
        linear = {"subgroups": subgroups, "in_fields": f, "out_fields": f}
        layers += [Layer("CosetLinear", linear, f * f * _maps(hidden, hidden) + f * kinds, 2 * (f * n) ** 2), _SILU]
    head = {"subgroups": subgroups, "fields": f, "outputs": p}
    fixed = round(float(labels.character.mean()))
    return [*layers, Layer("CosetHead", head, f * _maps(hidden, labels) + fixed, 2 * f * n * p)]


def _maps(a: Representation, b: Representation) -> int:
    return round(float((a.character * b.character).mean()))


@dataclass(frozen=True)
class _Slots:
    """The slots of set features, in numbers."""

    sizes: tuple[int, ...]
    widths: tuple[int, ...]  # coordinates of an item of each set, then of the fixed slot where there is one

    @property
    def kinds(self) -> int:
        return len(self.widths)

    @property
    def counts(self) -> tuple[int, ...]:
        return self.sizes + (1,) * (len(self.widths) - len(self.sizes))

    @property
    def arguments(self) -> dict[str, Any]:
        return {"sizes": list(self.sizes), "fixed": len(self.widths) > len(self.sizes)}

    def pool(self, fields: int) -> tuple[int, int]:
        """(parameters, operations) of pooling by rank."""
        nodes = [rank_nodes(n) for n in self.sizes]
        interpolated = [2 * fields * n * k for n, k in zip(self.sizes, nodes, strict=True) if k < n]
        return fields * sum(nodes), sum(interpolated)


def _sets(config: NetworkConfig, sets: Sets, labels: str) -> list[Layer]:
    """Features of items, each time with the whole sets in view; then what the labels ask for.

    trivial: the pooled sets and an ordinary layer; vector: an affine map of every item.
    """
    d, f, p = config.x_shape[0], config.fields, config.outputs
    fixed = fixed_coordinates(sets, d)
    slots = _Slots(tuple(map(len, sets)), tuple(len(s[0]) for s in sets) + ((len(fixed),) if fixed else ()))
    where = {"sets": [[list(item) for item in items] for items in sets], "dimension": d}
    pool, pooling = slots.pool(f)
    own = 2 * f * f * sum(slots.counts)
    linear = Layer(
        "SetLinear",
        {**slots.arguments, "in_fields": f, "out_fields": f},
        pool + slots.kinds * (2 * f * f + f),
        pooling + own + 2 * f * f * slots.kinds,
    )
    layers = [
        Layer("StandardiseCoordinates", {"dimension": d}),
        Layer("SetLifting", {**where, "fields": f}, f * (sum(slots.widths) + slots.kinds), 2 * f * d),
        _SILU,
        linear,
        _SILU,
    ]
    if labels == "vector":
        head = Layer("SetHead", {**where, "fields": f}, (f + 1) * sum(slots.widths), 2 * f * d)
        return [*layers, linear, _SILU, head]
    return [
        *layers,
        Layer("RankPool", {**slots.arguments, "fields": f}, pool, pooling),
        _linear(f * slots.kinds, f),
        _SILU,
        _linear(f, p, _OUTPUT_GAIN),
    ]


def _linear(inputs: int, outputs: int, gain: float = 2.0, spread: float = 0.0) -> Layer:
    arguments = {"in_features": inputs, "out_features": outputs, "gain": gain, "spread": spread}
    return Layer("Linear", arguments, inputs * outputs + outputs, 2 * inputs * outputs)


def _orthogonal(config: NetworkConfig) -> list[Layer]:
    """An ordinary network on invariants; its outputs are coefficients of vectors or determinants where labels move."""
    spec, d, f, p = config.spec, config.x_shape[0], config.fields, config.outputs
    vectors, special = [list(v) for v in spec["vectors"]], spec["family"] == "SO(n)"
    count, degree = len(vectors), len(vectors[0])
    scalars = sorted(set(range(d)) - {c for v in vectors for c in v})
    inner = f if not uses_pairs(count) else 0
    mixed = choice_parameters(count, degree) if special and determinant_count(count, degree) else 0
    total = invariant_count(count, degree, len(scalars), special, f)
    invariants = Layer(
        "Invariants",
        {"vectors": vectors, "scalars": scalars, "special": special, "mixtures": f},
        inner * count + mixed,
        2 * (inner * count + mixed) * degree,
    )

    def network(outputs: int, terms: int = 1) -> list[Layer]:
        hidden = [layer for _ in range(_LAYERS) for layer in (_linear(f, f), _SILU)]
        return [
            invariants,
            _linear(total, f, 1.0, 1.0),
            _SILU,
            *hidden,
            _linear(f, outputs * terms, _OUTPUT_GAIN / terms),
        ]

    first = Layer("StandardiseCoordinates", {"dimension": d})
    if spec["labels"] == "trivial":
        return [first, *network(p)]
    if spec["labels"] == "vector":
        if p % degree:
            raise ValueError(f"labels that turn as vectors have {degree} components each, not {p} in all")
        frame = frame_count(count, degree, special)
        extra = choice_parameters(count, degree - 1) if frame > count else 0
        arguments = {"vectors": vectors, "special": special, "outputs": p // degree}
        return [first, _around("CovariantVectors", arguments, network(p // degree, frame), extra, 2 * extra * degree)]
    if special or count < degree:
        raise ValueError(
            f"labels cannot change sign under the reflections of {spec['family']} with n = {degree}: that takes "
            f"O(n) and at least {degree} vectors, not {count}"
        )
    swapped = _exchanges(spec.get("mirror_labels"))
    outputs = 1 if swapped else p
    extra = choice_parameters(count, degree)
    inside = network(outputs, 2 * determinant_count(count, degree))
    head = _around("PseudoScalars", {"vectors": vectors, "outputs": outputs}, inside, extra, 2 * extra * degree)
    return [first, head, Layer("Opposite", {})] if swapped else [first, head]


def _exchanges(mirror: Sequence[Sequence[float]] | None) -> bool:
    """Whether a reflection exchanges two classes rather than changing the sign of targets."""
    return mirror is not None and len(mirror) == 2 and math.isclose(mirror[0][1], 1.0)


def _around(kind: str, arguments: dict[str, Any], inside: list[Layer], parameters: int, flops: int) -> Layer:
    """A layer with a network inside; its cost includes that of the network."""
    parameters += sum(layer.parameters for layer in inside)
    flops += sum(layer.flops for layer in inside)
    return Layer(kind, {**arguments, "network": inside}, parameters, flops)
