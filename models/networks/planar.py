"""Blueprints of networks on images: lifting, two group convolutions with the grid halved between, then a readout.

The depth is the same for every group; the kind of feature is what differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.groups.action import ActingGroup, acting_group, from_spec
from models.groups.planar import planar_generators, planar_name
from models.layers.filter_counts import (
    coefficient_count,
    convolution_count,
    lifting_count,
)
from models.layers.turning import basis_count, maps_the_grid
from models.networks.config import Layer, NetworkConfig

_MAX_POSITIONS = 64
_FREQUENCY = 3  # of steerable features
_SAMPLES = 16  # angles at which their nonlinearity is taken
_POINTS = 3  # side of the window of a deformable convolution
_DOUBLED = {"C2": "C4", "C4": "C8", "C8": "C16", "D2": "D4", "D4": "D8"}


@dataclass
class Sketch:
    """The layers so far, and the grid and the channels that they have reached."""

    height: int
    width: int
    channels: int
    layers: list[Layer] = field(default_factory=list)

    def add(self, kind: str, parameters: int = 0, flops: int = 0, **arguments: Any) -> None:
        self.layers.append(Layer(kind, arguments, parameters, flops))

    def convolve(self, kind: str, channels: int, parameters: int, products: int, size: int, **arguments: Any) -> None:
        """A convolution to `channels` channels that multiplies `products` pairs of input and output channels."""
        self.add(kind, parameters, 2 * products * size**2 * self.height * self.width, size=size, **arguments)
        self.channels = channels

    def work(self, flops: int) -> None:
        """Operations that the last layer does at every pixel beside its convolution."""
        last = self.layers[-1]
        self.layers[-1] = replace(last, flops=last.flops + flops * self.height * self.width)

    def halve(self, *, smooth: bool) -> None:
        """Halve the grid; `smooth` by a low-pass that lets turns by any angle through."""
        h, w = (self.height + 1) // 2, (self.width + 1) // 2
        if smooth:
            work = 2 * self.channels * (self.height * self.width * w + h * self.height * w)
            self.add("BlurPool2d", 0, work, height=self.height, width=self.width)
        else:
            self.add("CentredPool2d")
        self.height, self.width = h, w

    def halves_before(self, block: int) -> bool:
        """Whether the grid is halved before group convolution number `block`."""
        side = min(self.height, self.width)
        return side > 4 and (block == 0 or side > 9)

    def average(self, fibre: int, *, disc: bool) -> None:
        """The mean over the plane, or over the inscribed disc."""
        if disc:
            work = 2 * self.channels * self.height * self.width
            self.add("DiscMean", 0, work, fibre=fibre, height=self.height, width=self.width)
        else:
            self.add("PlaneMean", order=fibre)


def blueprint(config: NetworkConfig) -> list[Layer]:
    """The layers of a candidate's network on images."""
    channels, height, width = config.x_shape
    sketch = Sketch(height, width, channels)
    sketch.add("StandardiseChannels", channels=channels)
    family, architecture = config.spec.get("family"), config.spec.get("architecture")
    if family in ("SO(2)", "O(2)"):
        _steerable(sketch, config)
    elif family is not None:
        _canonical_scale(sketch)
        _regular(sketch, config, rotation_part(config))
    elif architecture == "constrained":
        _constrained(sketch, config)
    else:
        _regular(sketch, config, from_spec(config.spec))
    return sketch.layers


def doubled(acting: ActingGroup) -> ActingGroup:
    """The group of twice as many turns that the deeper layers of a hierarchical network use. ValueError for others."""
    name = planar_name(acting.x_matrices())
    if name not in _DOUBLED:
        raise ValueError(f'architecture "hierarchical" is for {", ".join(_DOUBLED)}, not {name}')
    return acting_group((0, 1), planar_generators(_DOUBLED[name]) or [])


def whole_group(config: NetworkConfig) -> ActingGroup:
    """The group whose network a subgroup's network was: see `models.networks.subgroup`."""
    return from_spec(config.spec["within"])


def rotation_part(config: NetworkConfig) -> ActingGroup:
    """The turns of a network on images of one scale: none for Scale, C8 for SIM(2)."""
    return acting_group((0, 1), planar_generators("C8" if config.spec["family"] == "SIM(2)" else "C1") or [])


def _window(sketch: Sketch, *, exact: bool) -> int:
    """Side of the first filters: wider where they must be turned by any angle."""
    side = min(sketch.height, sketch.width)
    return 3 if side < 8 else 5 if exact or side < 16 else 7


def _norm(sketch: Sketch, fields: int, order: int) -> None:
    sketch.add("FieldNorm2d", 2 * fields, fields=fields, order=order)
    sketch.add("ReLU")


def _canonical_scale(sketch: Sketch) -> None:
    """The image at a standard size: rows and columns are read by one matrix product each."""
    h, w = sketch.height, sketch.width
    sketch.add("CanonicalScale2d", 0, 2 * sketch.channels * h * w * (h + w), height=h, width=w)


def _regular(sketch: Sketch, config: NetworkConfig, acting: ActingGroup) -> None:
    """Functions on a finite group; about the centre alone, read by position."""
    f, p = config.fields, config.outputs
    order, architecture = acting.group.order, config.spec.get("architecture")
    deep = doubled(acting) if architecture == "hierarchical" else acting
    wide = deep.group.order
    whole = deep if "within" not in config.spec else whole_group(config)
    exact = maps_the_grid(whole)
    size, inner = _window(sketch, exact=exact), 3 if exact or min(sketch.height, sketch.width) < 8 else 5
    # In a subgroup of turns off the grid the basis is that of the whole group, once for each coset.
    blocks = 1 if maps_the_grid(deep) else whole.group.order // wide
    filters = blocks * basis_count(deep if blocks == 1 else whole, inner)
    first, c = blocks * basis_count(acting if blocks == 1 else whole, size), sketch.channels
    sketch.convolve("LiftingConv2d", f * order, f * c * first, c * f * order, size, in_channels=c, out_fields=f)
    _norm(sketch, f, order)
    for block in range(2):
        if sketch.halves_before(block):
            sketch.halve(smooth=not exact)
        fields = {"in_fields": f, "out_fields": f}
        if architecture == "hierarchical" and block == 0:
            parameters, products = f * f * wide * filters, f * order * f * wide
            sketch.convolve("InducedConv2d", f * wide, parameters, products, inner, **fields)
        elif architecture == "separable":
            parameters = f * f * order + f * filters
            sketch.convolve("SeparableGroupConv2d", f * order, parameters, f * order, inner, **fields)
            sketch.work(2 * (f * order) ** 2)  # that mixes fields before
        elif architecture == "deformable" and block == 1:
            points = _POINTS**2
            offsets = 2 * points * (f * order * basis_count(acting, _POINTS) + 1)
            parameters, products = f * f * order * points + offsets, 2 * points * f * order**2
            sketch.convolve("DeformableGroupConv2d", f * order, parameters, products, _POINTS, **fields)
            sketch.work(2 * points * (f * order) ** 2 + 8 * order * points)  # the values to read, the offsets turned
        else:
            sketch.convolve("GroupConv2d", f * wide, f * f * wide * filters, (f * wide) ** 2, inner, **fields)
        _norm(sketch, f, wide)
    if architecture == "hierarchical":
        sketch.add("Restrict")
        f *= wide // order
    if config.spec["translations"]:
        sketch.average(order, disc=not exact)
    else:
        _read_positions(sketch, f, order)
    _head(sketch, f, p, acting)


def _read_positions(sketch: Sketch, fields: int, order: int) -> None:
    """A hidden layer on what stands where, (batch, fields, |G|)."""
    while sketch.height * sketch.width > _MAX_POSITIONS:
        sketch.halve(smooth=False)
    inner = fields * sketch.height * sketch.width
    sketch.add("PositionReadout", height=sketch.height, width=sketch.width)
    work = 2 * inner * fields * order**2
    sketch.add("GroupLinear", (inner * order + 1) * fields, work, in_fields=inner, out_fields=fields)
    sketch.add("FieldNorm1d", 2 * fields, fields=fields)
    sketch.add("ReLU")


def _head(sketch: Sketch, fields: int, outputs: int, acting: ActingGroup | None = None) -> None:
    """Class scores or targets from functions on the group; one affine map for each element where labels move."""
    copies = 1 if acting is None or acting.y is None else acting.group.order
    work = 2 * fields * outputs * copies + (0 if copies == 1 else 2 * copies * outputs**2)
    sketch.add("CovariantHead", fields * outputs + outputs, work, fields=fields, outputs=outputs)


def _constrained(sketch: Sketch, config: NetworkConfig) -> None:
    """Scalar features and kernels that are themselves symmetric: the fewest parameters, invariant labels only."""
    f, acting = config.fields, from_spec(config.spec)
    size = _window(sketch, exact=True)
    for block, window in enumerate((size, 3, 3)):
        if block and sketch.halves_before(block - 1):
            sketch.halve(smooth=False)
        c, fields = sketch.channels, f
        parameters = c * fields * _pixel_orbits(acting, window) + fields
        sketch.convolve("IsotropicConv2d", fields, parameters, c * fields, window, in_channels=c, out_channels=fields)
        _norm(sketch, fields, 1)
    sketch.average(1, disc=False)
    _head(sketch, f, config.outputs)


def _pixel_orbits(acting: ActingGroup, size: int) -> int:
    """Orbits of the pixels of a size x size window: the free values of a symmetric kernel."""
    rows, columns = np.divmod(np.arange(size * size), size)
    points = np.stack([columns, rows]) - (size - 1) / 2.0
    moved = np.round(2.0 * acting.x_matrices() @ points).astype(np.int64)  # (order, 2, pixels)
    return len({min(map(tuple, moved[:, :, pixel])) for pixel in range(size * size)})


def _steerable(sketch: Sketch, config: NetworkConfig) -> None:
    """Band-limited functions on SO(2) or O(2), by their Fourier coefficients."""
    f, p, group = config.fields, config.outputs, config.spec["family"]
    size, inner = _window(sketch, exact=False), 3 if min(sketch.height, sketch.width) < 8 else 5
    width = coefficient_count(group, _FREQUENCY)
    about = {"group": group, "frequency": _FREQUENCY}
    for block, window in enumerate((size, inner, inner)):
        if block and sketch.halves_before(block - 1):
            sketch.halve(smooth=True)
        c = sketch.channels
        if block == 0:
            kind, parameters = "SteerableLifting2d", f * c * lifting_count(group, _FREQUENCY, window) + f
            fields = {"in_channels": c, "out_fields": f}
        else:
            kind, parameters = "SteerableConv2d", f * f * convolution_count(group, _FREQUENCY, window) + f
            fields = {"in_fields": f, "out_fields": f}
        sketch.convolve(kind, f * width, parameters, c * f * width, window, **fields, **about)
        sketch.add("SteerableNorm2d", 2 * f, fields=f, **about)
        samples = _SAMPLES * (width // (1 + 2 * _FREQUENCY))
        work = 4 * f * width * samples * sketch.height * sketch.width
        sketch.add("FourierReLU", 0, work, fields=f, samples=_SAMPLES, **about)
    sketch.average(width, disc=True)
    labels, mirror = config.spec.get("labels", "trivial"), config.spec.get("mirror_labels")
    involution = np.eye(p) if labels == "trivial" else -np.eye(p) if mirror is None else np.asarray(mirror)
    fixed = 0 if labels == "vector" else round((p + float(np.trace(involution))) / 2)  # outputs that mirrors leave
    head = {"fields": f, "outputs": p, "labels": labels, "mirror": mirror}
    sketch.add("SteerableHead", f * p + fixed, 2 * f * width * p, **head, **about)
