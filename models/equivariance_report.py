"""How equivariant a trained network is, element by element and angle by angle, as plain data.

Images are known analytically (`models.waves`), so what is measured is the network and not the turning of its input. An
error is the root mean square of f(g x) - g f(x) over samples, relative to that of f(x) - f(blank), what the sample adds
to the answer to an empty one: 0 is exact, 1 as large as all that the sample does. Three settings, all band-limited:

- `centre`: an object in the middle, on nothing, that ends well within the frame.
- `boundary`: content up to the frame's edge and beyond. Turns other than right angles bring in what lay outside, and
  the padding of the border shows.
- `clutter`: the object of `centre` over a background of its own, and only the object moves: f(g object over background)
  against g f(object over background). Even an exactly equivariant network is not at 0 here: the figure says how much of
  the answer hangs on what surrounds the object, the sight of an object that turns in a scene that does not.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.groups.action import ActingGroup, from_spec, is_family
from models.groups.finite import FloatArray, permutation_matrix
from models.groups.naming import element_name
from models.groups.planar import planar_element, rotation
from models.groups.probed import Family
from models.layers.antialias import BlurPool2d, OversampledReLU
from models.networks.standardise import StandardiseChannels
from models.networks.standardise_vectors import Standardise, StandardiseCoordinates
from models.waves import Waves, band_limited, disc_window

BANDS = {"pi/4": math.pi / 4, "pi/2": math.pi / 2}  # radians per pixel
ANGLES = tuple(7.5 * k for k in range(1, 25))  # degrees
SETTINGS = ("centre", "boundary", "clutter")
_ELEMENTS = 64  # of a large group, evenly spread over its list
_OBJECT = 0.7  # radius of an object, over that of the inscribed disc
_NO_ANSWER = 1e-9

Row = dict[str, Any]


@dataclass(frozen=True)
class Move:
    """One element: its matrix on `coordinates` of a vector, or on the plane, (2, 2); its label map, None: labels stay.

    `member`: whether the network's group holds it, or it is one of the angles between.
    """

    element: str
    angle_degrees: float | None
    matrix: FloatArray
    labels: FloatArray | None = None
    member: bool = True
    coordinates: tuple[int, ...] = (0, 1)


def moves_of(spec: dict[str, Any], angles: Sequence[float] = ANGLES) -> list[Move]:
    """What to move samples by: the elements of a candidate's group, and on images turns by every angle.

    Angles are left out where labels move in a way that says nothing of the turns between the group's own.
    """
    if is_family(spec):
        family = _family(spec)
        moves = [Move(p.name, p.angle, _matrix(p.x), p.y, True, p.coordinates) for p in family.probes]
        if spec["domain"] == "image2d":
            turns = family.family != "Scale"
            moves += [_turn(a, family.label_map(rotation(a)), member=turns) for a in angles]
        return _distinct(moves)
    acting = from_spec(spec)
    moves = list(_elements(acting))
    if spec["domain"] == "image2d":
        moves += _between(acting, angles)
    return _distinct(moves)


def equivariance_report(
    network: nn.Module, x_shape: tuple[int, ...], moves: Sequence[Move], *, seed: int = 0, samples: int = 6
) -> list[Row]:
    """One row per move, setting and band: {element, angle_degrees, member, where, band, antialiased, error}.

    Images, x_shape (c, h, w): `where` is a setting, `band` the images' highest frequency in radians per pixel, and a
    network with anti-aliasing is measured as it is (`antialiased` true) and with plain strides and ReLUs in its place
    (false; null where there is none). Vectors, x_shape (d,): Gaussian samples, `where` is `vector`. Samples have the
    training samples' mean and scale when the network's first layer standardises; the blank one is their mean. `error`
    is null where the network does not answer to samples at all. The network is measured in evaluation mode and left in
    the mode it came in.
    """
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            if len(x_shape) == 1:
                return _vector_rows(network, x_shape[0], moves, seed, 8 * samples)
            plain = without_antialiasing(network)
            networks = [(network, None)] if plain is None else [(network, True), (plain, False)]
            return _image_rows(networks, x_shape, moves, seed, samples)
    finally:
        network.train(was_training)


class PlainStride2d(nn.Module):
    """(..., h, w) -> (..., ceil(h / 2), ceil(w / 2)): every second value, as a stride without a low-pass takes them."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., ::2, ::2]


def without_antialiasing(network: nn.Module) -> nn.Module | None:
    """A copy with plain strides and pointwise nonlinearities; None when the network has no anti-aliasing to lose."""
    if not any(isinstance(module, BlurPool2d | OversampledReLU) for module in network.modules()):
        return None
    return _plain(copy.deepcopy(network))


def _plain(module: nn.Module) -> nn.Module:
    if isinstance(module, BlurPool2d):
        return PlainStride2d()
    if isinstance(module, OversampledReLU):
        return module.pointwise
    for name, child in module.named_children():
        setattr(module, name, _plain(child))
    return module


def _image_rows(
    networks: Sequence[tuple[nn.Module, bool | None]],
    x_shape: tuple[int, ...],
    moves: Sequence[Move],
    seed: int,
    samples: int,
) -> list[Row]:
    channels, height, width = x_shape
    radius = min(height, width) / 2
    rng = np.random.default_rng(seed)
    full = [band_limited(rng, samples, channels, band) for band in BANDS.values()]
    behind = [band_limited(rng, samples, channels, band).image(height, width) for band in BANDS.values()]
    level, unit = _image_units(networks[0][0], channels)

    def scenes(inverse: FloatArray | None) -> Tensor:
        """(bands * settings * samples, c, h, w) of the moved images."""
        parts = [_settings(waves, back, radius, inverse) for waves, back in zip(full, behind, strict=True)]
        return torch.from_numpy(np.concatenate(parts) * unit[:, None, None] + level[:, None, None])

    blank = torch.from_numpy(np.broadcast_to(level[:, None, None], x_shape)[None].copy())
    outputs = [(_outputs(network, scenes(None)), _outputs(network, blank)) for network, _ in networks]
    rows = []
    for move in moves:
        moved = scenes(np.asarray(np.linalg.inv(move.matrix)))
        for (network, antialiased), (before, empty) in zip(networks, outputs, strict=True):
            errors = _errors(before, _outputs(network, moved), empty, move.labels, len(BANDS) * len(SETTINGS))
            places = [(where, band) for band in BANDS for where in SETTINGS]
            rows += [_row(move, where, band, antialiased, e) for (where, band), e in zip(places, errors, strict=True)]
    return rows


def _settings(waves: Waves, background: FloatArray, radius: float, inverse: FloatArray | None) -> FloatArray:
    """The same images in each setting, moved: (settings * samples, c, h, w)."""
    height, width = background.shape[-2:]
    filled = waves.image(height, width, inverse)
    window = disc_window(height, width, _OBJECT * radius, inverse)
    return np.concatenate([filled * window, filled, filled * window + background * (1.0 - window)])


def _vector_rows(network: nn.Module, dimension: int, moves: Sequence[Move], seed: int, samples: int) -> list[Row]:
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(samples + 1, dimension)))
    x[-1] = 0.0
    first = next(iter(network.children()), None)
    if isinstance(first, Standardise):
        x = x @ torch.linalg.inv(first.scale.double().cpu()).T + first.shift.double().cpu()
    elif isinstance(first, StandardiseCoordinates):
        x = x / first.scale.double().cpu() + first.shift.double().cpu()
    x, blank = x[:-1], x[-1:]
    before, empty = _outputs(network, x), _outputs(network, blank)
    rows = []
    for move in moves:
        moved, where = x.clone(), list(move.coordinates)
        moved[:, where] = x[:, where] @ torch.from_numpy(move.matrix).T
        error = _errors(before, _outputs(network, moved), empty, move.labels, 1)[0]
        rows.append(_row(move, "vector", None, None, error))
    return rows


def _outputs(network: nn.Module, x: Tensor) -> FloatArray:
    like = next(iter(network.state_dict().values()), x)
    y: Tensor = network(x.to(dtype=like.dtype, device=like.device))
    return np.asarray(y.flatten(1).double().cpu())


def _errors(
    before: FloatArray, after: FloatArray, empty: FloatArray, labels: FloatArray | None, parts: int
) -> list[float | None]:
    """The error of each of `parts` equal runs of samples; outputs (n, p), and (1, p) of the blank sample."""
    expected = before if labels is None else before @ np.asarray(labels).T
    errors: list[float | None] = []
    for y, gap in zip(np.split(before, parts), np.split(after - expected, parts), strict=True):
        answer = math.sqrt(float(np.mean((y - empty) ** 2)))
        heard = answer > _NO_ANSWER * (1.0 + float(np.abs(y).max()))
        errors.append(float(f"{math.sqrt(float(np.mean(gap**2))) / answer:.4g}") if heard else None)
    return errors


def _row(move: Move, where: str, band: str | None, antialiased: bool | None, error: float | None) -> Row:
    return {
        "element": move.element,
        "angle_degrees": move.angle_degrees,
        "member": move.member,
        "where": where,
        "band": band,
        "antialiased": antialiased,
        "error": error,
    }


def _image_units(network: nn.Module, channels: int) -> tuple[FloatArray, FloatArray]:
    """Mean and scale of the images that a network expects, (c,) each."""
    first = next((module for module in network.modules() if isinstance(module, StandardiseChannels)), None)
    if first is not None:
        return np.asarray(first.shift.double().cpu()), 1.0 / np.asarray(first.scale.double().cpu())
    return np.zeros(channels), np.ones(channels)


def _elements(acting: ActingGroup) -> Iterator[Move]:
    step = max(1, math.ceil((acting.group.order - 1) / _ELEMENTS))
    for i in range(1, acting.group.order, step):
        name, _, angle = element_name(acting, i, f"g{i}")
        y = None if acting.y is None else acting.y[i]
        yield Move(name, angle, _matrix(acting.x[i]), y, True, acting.coordinates)


def _between(acting: ActingGroup, angles: Sequence[float]) -> list[Move]:
    x, y = acting.x_matrices(), acting.y
    turns = np.linalg.det(x) > 0
    if y is None or np.allclose(y[turns], np.eye(y.shape[1])):
        return [_turn(a, None, member=False) for a in angles]
    if y.shape == x.shape and np.allclose(y, x):
        return [_turn(a, rotation(a), member=False) for a in angles]
    return []


def _turn(degrees: float, labels: FloatArray | None, *, member: bool) -> Move:
    matrix = rotation(degrees)
    name, _, angle = planar_element(matrix)
    return Move(name, angle, matrix, labels, member)


def _distinct(moves: Sequence[Move]) -> list[Move]:
    """Each element once, as it comes first: an angle that is the group's own stays a member."""
    named: dict[str, Move] = {}
    for move in moves:
        named.setdefault(move.element, move)
    return list(named.values())


def _family(spec: dict[str, Any]) -> Family:
    return Family(
        spec["domain"],
        spec["family"],
        spec.get("labels", "trivial"),
        tuple(tuple(v) for v in spec.get("vectors", [])),
        tuple(tuple(tuple(item) for item in items) for items in spec.get("sets", [])),
        None if spec.get("mirror_labels") is None else tuple(tuple(row) for row in spec["mirror_labels"]),
    )


def _matrix(x: FloatArray) -> FloatArray:
    return permutation_matrix(x) if x.dtype.kind == "i" else np.asarray(x, dtype=np.float64)
