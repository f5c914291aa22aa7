"""Objects of any size: how far a change of scale moves whole networks, and what scale invariance saves in labels.

- `moved`: untrained networks of 28 x 28 pixels whose norms and standard size come from samples. An object (waves up to
  a band, faded out on a disc) is drawn anew at factors of its size, nothing is resampled. Root mean square of
  f(g x) - f(x) over that of f(x) - f(blank)
- `curves`: test error against the number of labels on shapes with three to six soft lobes, of a radius from 4 to 8
  pixels in frames of 24, slightly turned, shifted and noisy; the size says nothing of the class. The factor of labels
  saved against T is that of `benchmarks.rotated_digits`

Prints tables and writes `benchmarks/results/sizes.json`.

    OMP_NUM_THREADS=1 python -m benchmarks.sizes
"""

from __future__ import annotations

import argparse
import json
import math
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.rotated_digits import error_rate, saved
from models.equivariance_report import BANDS
from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.networks.build import build_network
from models.networks.matching import WIDTHS, matched_config, network_cost
from models.networks.standardise import standardise
from models.waves import band_limited, disc_window

RESULTS = Path(__file__).parent / "results" / "sizes.json"
SIDE = 28
RADIUS = 0.7 * SIDE / 2  # of an object that is enlarged by sqrt(2) and still ends within the frame
FACTORS = {"2^(1/4)": 2**0.25, "2^(1/2)": 2**0.5, "2^(-1/4)": 2**-0.25, "2^(-1/2)": 2**-0.5}
LOBES = (3, 4, 5, 6)
FRAME = 24
Array = NDArray[Any]


def spec_of(name: str) -> dict[str, Any]:
    common = {"domain": "image2d", "translations": True}
    if name in ("Scale", "SIM(2)"):
        return {**common, "kind": "family", "family": name, "labels": "trivial"}
    return {**common, **acting_group((0, 1), [] if name == "T" else planar_generators(name) or []).spec()}


def objects(rng: np.random.Generator, count: int, band: float, factor: float = 1.0) -> Array:
    """Objects enlarged by `factor`, (count, 1, SIDE, SIDE)."""
    inverse = np.eye(2) / factor
    window = disc_window(SIDE, SIDE, RADIUS, inverse)
    return np.asarray(band_limited(rng, count, 1, band).image(SIDE, SIDE, inverse) * window)


@torch.no_grad()
def moved(seeds: int, images: int) -> list[dict[str, Any]]:
    """How far each network's answers move, by band and factor: the mean over seeds."""
    rows = []
    for name in ("T", "Scale", "C8", "SIM(2)"):
        config = matched_config(spec_of(name), (1, SIDE, SIDE), 10, WIDTHS["image2d"])
        cost = network_cost(config)
        found: dict[tuple[str, str], list[float]] = {}
        for seed in range(seeds):
            torch.manual_seed(seed)
            network = build_network(config)
            rng = np.random.default_rng([1, seed])
            sizes = np.exp(rng.uniform(-0.35, 0.35, 20))
            samples = np.concatenate([objects(rng, 16, math.pi / 2 * rng.uniform(0.3, 1.0), s) for s in sizes])
            x = torch.from_numpy(samples).float()
            standardise(network, x, config.spec)
            for batch in x[torch.randperm(len(x))].split(32) * 3:
                network(batch)
            network.eval()
            blank = network(torch.zeros(1, 1, SIDE, SIDE))
            for band, limit in BANDS.items():
                still, *others = (
                    network(torch.from_numpy(objects(np.random.default_rng([2, seed]), images, limit, s)).float())
                    for s in (1.0, *FACTORS.values())
                )
                answer = float((still - blank).square().mean().sqrt())
                for factor, other in zip(FACTORS, others, strict=True):
                    error = float((other - still).square().mean().sqrt()) / answer
                    found.setdefault((band, factor), []).append(error)
        for (band, factor), errors in found.items():
            error = round(float(np.mean(errors)), 4)
            rows.append({"group": name, "band": band, "factor": factor, "error": error,
                         "parameters": cost.parameters, "flops": cost.flops})  # fmt: skip
            print(f"{name:7} {band:5} {factor:9} {error:.4f}", flush=True)
    return rows


def lobed(count: int, seed: int, noise: float) -> tuple[Array, Array]:
    """Shapes x (count, 1, FRAME, FRAME) and the index of their number of lobes y (count,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(LOBES), count)
    axis = np.arange(FRAME) - (FRAME - 1) / 2
    size, turn = 4.0 * 2.0 ** rng.uniform(0.0, 1.0, count), rng.normal(0.0, 0.15, count)
    cx, cy = rng.uniform(-1.5, 1.5, (2, count))
    dx, dy = axis[None, None, :] - cx[:, None, None], axis[None, :, None] - cy[:, None, None]
    waves = np.cos(np.asarray(LOBES)[y][:, None, None] * (np.arctan2(dy, dx) - turn[:, None, None]))
    x = np.exp(-((np.hypot(dx, dy) / (size[:, None, None] * (1.0 + 0.3 * waves))) ** 6))
    return (x + rng.normal(0.0, noise, x.shape)).astype(np.float32)[:, None], y


def curves(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Learning curves over the same nested samples."""
    sizes = [int(n) for n in options.labels.split(",")]
    x, y = lobed(options.test + 4_000, 0, options.noise)
    test = np.arange(options.test)
    rows: list[dict[str, Any]] = []
    base: Array | None = None
    for name in ("T", "Scale"):
        config = matched_config(spec_of(name), x.shape[1:], len(LOBES), WIDTHS["image2d"])
        table = np.zeros((options.seeds, len(sizes)))
        for seed in range(options.seeds):
            pool = options.test + np.random.default_rng([7, seed]).permutation(4_000)
            for k, n in enumerate(sizes):
                table[seed, k] = error_rate(config, x, y, pool[:n], test, seed, options.epochs)
        base = table if base is None else base
        rows.append({"group": name, "labels": sizes, "error": table.mean(0).round(2).tolist(),
                     "parameters": network_cost(config).parameters,
                     "saved": None if base is table else saved(sizes, base, table)})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--images", type=int, default=24, help="objects for each untrained network")
    parser.add_argument("--labels", default="25,50,100")
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--noise", type=float, default=0.1, help="standard deviation, the shape being 1")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = {
        "machine": platform.processor() or platform.machine(),
        "options": {name: value for name, value in vars(options).items() if name != "output"},
        "moved": moved(options.seeds, options.images),
        "curves": curves(options),
    }
    options.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
