"""How nearly layers and networks commute with turns that do not map the pixel grid to itself.

Inputs are sums of plane waves up to a band, evaluated at turned coordinates, so that no input is interpolated. Layers
have random weights; nothing is trained.

- `depth`: relative L2 between the turned centre fibre of f(x) and that of f(g x), g a turn by 45 degrees, for one layer
  and for three with a ReLU between, on the grid and on a finer one; filters from interpolated pixels beside them
- `stride`: the same for a lifting layer, a ReLU, a halving of the grid and a group convolution
- `angles`: how far three layers' invariants at the centre (the mean over the fibre after a last ReLU) move, relative
  L2, angle by angle
- `orders_and_cost`: the mean and the worst over angles against the order of the group, at as nearly equal operations as
  whole fields allow
- `networks`: the report of whole networks as searches build them

Prints tables and writes `benchmarks/results/equivariance.json`.

    OMP_NUM_THREADS=1 python -m benchmarks.equivariance
"""

from __future__ import annotations

import argparse
import json
import math
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.equivariance import turn_regular
from models.equivariance_report import BANDS, PlainStride2d, equivariance_report, moves_of
from models.groups.action import ActingGroup, acting_group
from models.groups.planar import planar_generators, rotation
from models.layers.antialias import BlurPool2d, OversampledReLU
from models.layers.circular import coefficient_count, function_action
from models.layers.planar import CentredPool2d, GroupConv2d, LiftingConv2d, TurnedConv2d
from models.layers.steerable import FourierReLU, SteerableConv2d, SteerableLifting2d
from models.networks.build import build_network
from models.networks.matching import WIDTHS, matched_config
from models.waves import band_limited

RESULTS = Path(__file__).parent / "results" / "equivariance.json"
SIDE = 29  # odd, so that a centre pixel exists, and wide enough that it does not see the border
FIELDS = 6
FREQUENCY = 3
WIDTH = 56  # channels at which groups are compared
ANGLES = tuple(7.5 * k for k in range(1, 25))
TARGETS = {
    "1 layer, 7x7": (0.0027, 0.0026),
    "3 layers on a finer grid, 7x7": (0.0071, 0.019),
    "stride, binomial of 5": (0.045, 0.087),
}

Make = Callable[[], nn.Module]


class Centre(nn.Module):
    """(batch, fields * fibre, h, w) -> (batch, fields, fibre) at the pixel in the middle."""

    def __init__(self, fibre: int) -> None:
        super().__init__()
        self.fibre = fibre

    def forward(self, x: Tensor) -> Tensor:
        return x[..., x.shape[-2] // 2, x.shape[-1] // 2].unflatten(1, (-1, self.fibre))


def planar(name: str) -> ActingGroup:
    return acting_group((0, 1), planar_generators(name) or [])


def interpolated(layer: TurnedConv2d) -> TurnedConv2d:
    """The layer with every pixel of a filter free, and bilinear interpolation to turn it."""
    size, acting = layer.size, layer.acting
    axis = np.arange(size) - (size - 1) / 2
    y, x = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    turned = np.zeros((size * size, acting.group.order, size * size))
    for g, matrix in enumerate(acting.x_matrices()):
        from_x, from_y = matrix.T @ np.stack([x, y])
        weight = np.clip(1 - np.abs(from_x - x[:, None]), 0, None) * np.clip(1 - np.abs(from_y - y[:, None]), 0, None)
        turned[:, g] = weight
    shape = (*layer.weight.shape[:-1], size * size)
    layer.weight = nn.Parameter(torch.randn(shape) * math.sqrt(2.0 / math.prod(shape[1:])))
    layer.basis = torch.from_numpy(turned).flatten(1).float()
    return layer


def regular(
    acting: ActingGroup, size: int, depth: int, fields: int, fine: bool, bilinear: bool = False
) -> list[nn.Module]:
    def turned(layer: TurnedConv2d) -> nn.Module:
        return interpolated(layer) if bilinear else layer

    layers = [turned(LiftingConv2d(acting, 1, fields, size))]
    for _ in range(depth - 1):
        layers += [rectifier(fine), turned(GroupConv2d(acting, fields, fields, size))]
    return layers


def steerable(frequency: int, size: int, depth: int, fields: int, fine: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [SteerableLifting2d("SO(2)", frequency, 1, fields, size)]
    for _ in range(depth - 1):
        layers += [rectifier(fine, FourierReLU("SO(2)", frequency, fields))]
        layers += [SteerableConv2d("SO(2)", frequency, fields, fields, size)]
    return layers


def rectifier(fine: bool, pointwise: nn.Module | None = None) -> nn.Module:
    return OversampledReLU(SIDE, SIDE, pointwise) if fine else pointwise or nn.ReLU()


def at_the_centre(layers: Callable[[], list[nn.Module]], fibre: int, *after: nn.Module) -> nn.Module:
    return nn.Sequential(*layers(), Centre(fibre), *after)


def by_band(errors: list[float]) -> dict[str, float]:
    return dict(zip(BANDS, errors, strict=True))


@torch.no_grad()
def turning_errors(
    make: Make, moves: dict[float, Callable[[Tensor], Tensor]], options: argparse.Namespace
) -> dict[float, list[float]]:
    """For each angle and band the mean over random networks of |f(g x) - g f(x)| / |f(x)|; `moves` act on outputs."""
    found: dict[float, list[list[float]]] = {angle: [[] for _ in BANDS] for angle in moves}
    for seed in range(options.seeds):
        torch.manual_seed(seed)
        network = make().eval()
        for i, band in enumerate(BANDS.values()):
            waves = band_limited(np.random.default_rng(seed), options.images, 1, band)
            still = network(torch.from_numpy(waves.image(SIDE, SIDE)).float())
            for angle, moved in moves.items():
                turned = network(torch.from_numpy(waves.image(SIDE, SIDE, rotation(angle).T)).float())
                found[angle][i].append(float((turned - moved(still)).norm() / still.norm()))
    return {angle: [round(float(np.mean(e)), 5) for e in errors] for angle, errors in found.items()}


def fibre_turn(acting: ActingGroup, degrees: float) -> Callable[[Tensor], Tensor]:
    """What the group's turn by `degrees` does to a regular fibre."""
    index = next(i for i, m in enumerate(acting.x_matrices()) if np.allclose(m, rotation(degrees)))
    act = turn_regular(acting)
    return lambda y: act(y, index)


def function_turn(frequency: int, degrees: float) -> Callable[[Tensor], Tensor]:
    """What a turn does to the coefficients of a function on SO(2)."""
    matrix = torch.from_numpy(function_action("SO(2)", frequency, rotation(degrees))).float()
    return lambda y: y @ matrix.T


def depth_table(options: argparse.Namespace) -> list[dict[str, Any]]:
    depths: list[tuple[str, int, bool]] = [
        ("1 layer", 1, False),
        ("3 layers", 3, False),
        ("3 layers on a finer grid", 3, True),
    ]
    rows = []
    for filters in ("C8", "C8, bilinear", "D8", "SO(2)"):
        for size in (5, 7):
            for what, depth, fine in depths:
                if filters == "SO(2)":
                    layers = partial(steerable, FREQUENCY, size, depth, FIELDS, fine)
                    fibre, moved = coefficient_count("SO(2)", FREQUENCY), function_turn(FREQUENCY, 45.0)
                else:
                    name, _, bilinear = filters.partition(", ")
                    acting = planar(name)
                    fibre, moved = acting.group.order, fibre_turn(acting, 45.0)
                    layers = partial(regular, acting, size, depth, FIELDS * 8 // fibre, fine, bool(bilinear))
                make = partial(at_the_centre, layers, fibre)
                errors = turning_errors(make, {45.0: moved}, options)[45.0]
                rows.append({"filters": filters, "size": size, "network": what, "errors": by_band(errors)})
                print(f"{filters:14} {size}x{size} {what:26} {errors[0]:8.4f} {errors[1]:8.4f}", flush=True)
    return rows


def stride_table(options: argparse.Namespace) -> list[dict[str, Any]]:
    acting = planar("C8")
    moved = fibre_turn(acting, 45.0)
    pools: dict[str, Make] = {
        "plain stride": PlainStride2d,
        "mean of 3": CentredPool2d,
        "binomial of 5": partial(BlurPool2d, SIDE, SIDE, 5),
        "binomial of 7": partial(BlurPool2d, SIDE, SIDE, 7),
    }

    def layers(fine: bool, pool: Make) -> list[nn.Module]:
        lifting, convolution = LiftingConv2d(acting, 1, FIELDS, 7), GroupConv2d(acting, FIELDS, FIELDS, 5)
        return [lifting, rectifier(fine), pool(), convolution]

    rows = []
    for fine in (False, True):
        for name, pool in pools.items():
            make = partial(at_the_centre, partial(layers, fine, pool), acting.group.order)
            errors = turning_errors(make, {45.0: moved}, options)[45.0]
            rows.append({"finer_grid": fine, "stride": name, "errors": by_band(errors)})
            print(
                f"{'ReLU on a finer grid' if fine else 'ReLU':22} {name:16} {errors[0]:8.4f} {errors[1]:8.4f}",
                flush=True,
            )
    return rows


class Invariants(nn.Module):
    """(batch, fields, fibre) -> (batch, fields): the mean of a function on the group after a ReLU."""

    def __init__(self, relu: nn.Module | None) -> None:
        super().__init__()
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        if self.relu is None:
            return torch.relu(x).mean(-1)
        return self.relu(x.flatten(1)[..., None, None]).unflatten(1, x.shape[1:])[..., 0, 0, 0]


def candidates() -> dict[str, tuple[Make, int]]:
    """Three layers, 7x7, on a finer grid, at nearly equal width: a maker, and the multiply-adds per pixel without what
    the finer grid costs each of them alike."""
    found: dict[str, tuple[Make, int]] = {}
    for filters in ("C4", "C6", "C8", "C8, bilinear", "C12", "C16", "D8"):
        name, _, bilinear = filters.partition(", ")
        acting = planar(name)
        order = acting.group.order
        fields = max(1, round(WIDTH / order))
        layers = partial(regular, acting, 7, 3, fields, True, bool(bilinear))
        work = 49 * (2 * (fields * order) ** 2 + fields * order)
        found[filters] = partial(at_the_centre, layers, order, Invariants(None)), work
    for frequency, samples in ((2, 12), (3, 16)):
        width = coefficient_count("SO(2)", frequency)
        fields = round(WIDTH / width)
        layers = partial(steerable, frequency, 7, 3, fields, True)
        after = Invariants(FourierReLU("SO(2)", frequency, fields, samples))
        transforms = 4 * 2 * 2 * fields * width * samples  # on four times the pixels, there and back, after two layers
        work = 49 * (2 * (fields * width) ** 2 + fields * width) + transforms
        found[f"SO(2), F={frequency}"] = partial(at_the_centre, layers, width, after), work
    return found


def angle_tables(options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The error against the angle, and what it comes to against the order of the group and at equal cost."""
    angles, orders = [], []
    for name, (make, work) in candidates().items():
        found = turning_errors(make, dict.fromkeys(ANGLES, lambda y: y), options)
        curves = {band: [found[angle][i] for angle in ANGLES] for i, band in enumerate(BANDS)}
        mean = {band: round(float(np.mean(curve)), 5) for band, curve in curves.items()}
        worst = {band: max(curve) for band, curve in curves.items()}
        angles.append({"group": name, "angles": list(ANGLES), "errors": curves})
        orders.append({"group": name, "multiply_adds_per_pixel": work, "mean": mean, "worst": worst})
        print(f"{name:14} {work:9,}   mean {mean}   worst {worst}", flush=True)
    return angles, orders


def network_rows() -> list[dict[str, Any]]:
    """The reports of untrained networks of 28 x 28 images, their norms set by waves."""
    rows: list[dict[str, Any]] = []
    for name in ("T", "C4", "C8", "C16", "D8", "SO(2)"):
        spec: dict[str, Any] = {"domain": "image2d", "translations": True}
        if name == "SO(2)":
            spec |= {"kind": "family", "family": name, "labels": "trivial"}
        else:
            spec |= planar("C1" if name == "T" else name).spec()
        torch.manual_seed(0)
        network = build_network(matched_config(spec, (1, 28, 28), 10, WIDTHS["image2d"]))
        rng = np.random.default_rng(1)
        with torch.no_grad():
            for _ in range(30):
                network(torch.from_numpy(band_limited(rng, 16, 1, math.pi / 2).image(28, 28)).float())
        moves = [m for m in moves_of(spec) if m.element in ("r22.5", "r45", "r90")]
        found = equivariance_report(network, (1, 28, 28), moves)
        rows += [{"group": name, **row} for row in found]
        for row in found:
            if row["band"] == "pi/4":
                print(
                    f"{name:6} {row['where']:9} {row['element']:6} {row['antialiased']!s:6} {row['error']}", flush=True
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4, help="random networks for each figure")
    parser.add_argument("--images", type=int, default=12, help="random images for each network")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "bands": BANDS,
        "seeds": options.seeds,
        "images": options.images,
        "targets": TARGETS,
        "depth": depth_table(options),
        "stride": stride_table(options),
    }
    result["angles"], result["orders_and_cost"] = angle_tables(options)
    result["networks"] = network_rows()
    options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
