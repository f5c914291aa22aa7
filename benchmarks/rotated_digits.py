"""Digits turned by random angles: what a symmetry is worth in labels, and the accuracy that it reaches.

- `curves`: test error against the number of labels for networks of different groups at matched parameters, and from
  that the factor of labels that each saves against T, with intervals over seeds
- `protocol`: 12,000 turned digits to train on and 50,000 to test on, all made from the 70,000 of MNIST (an .npz with
  arrays x, y, x_test, y_test); `--train` and `--test` take fewer
- `--flipped` mirrors half of the digits at random, picked by a boolean mask

Writes `benchmarks/results/rotated_digits_{curves,protocol}.json`.

    python -m benchmarks.rotated_digits curves --data mnist.npz
    python -m benchmarks.rotated_digits protocol --data mnist.npz --groups T,C8 --epochs 20
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage, stats

from models.groups.action import acting_group
from models.groups.planar import planar_generators
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import WIDTHS, matched_config, network_cost
from models.networks.standardise import standardise
from workers.fitting import FitOptions, fit, predict
from workers.folds import Split

RESULTS = Path(__file__).parent / "results"
GROUPS = "T,C4,C8,SO(2),D4"
LABELS = "100,200,400,800,1600"
Array = NDArray[Any]


def spec_of(name: str) -> dict[str, Any]:
    """The spec of a plane group over translations."""
    common = {"domain": "image2d", "translations": True}
    if name in ("SO(2)", "O(2)"):
        return {**common, "kind": "family", "family": name, "labels": "trivial"}
    return {**common, **acting_group((0, 1), [] if name == "T" else planar_generators(name) or []).spec()}


def turned_digits(path: Path, flipped: bool, count: int, halved: bool = False) -> tuple[Array, Array]:
    """`count` digits in random order, each turned by a uniform random angle; x (n, 1, 28, 28) in [0, 1], y (n,).

    `halved` takes the means of 2 x 2 pixels afterwards: (n, 1, 14, 14), a quarter of the work.
    """
    with np.load(path, allow_pickle=False) as data:
        x, y = np.concatenate([data["x"], data["x_test"]]), np.concatenate([data["y"], data["y_test"]])
    rng = np.random.default_rng(2024)
    chosen = rng.permutation(len(x))[:count]
    x, y = x[chosen].astype(np.float32) / 255.0, y[chosen].astype(np.int64)
    turned = [
        ndimage.rotate(image, angle, reshape=False, order=3)
        for image, angle in zip(x, rng.uniform(0.0, 360.0, len(x)), strict=True)
    ]
    x = np.stack(turned).clip(0.0, 1.0)
    if flipped:
        mask = rng.random(len(x)) < 0.5
        x[mask] = x[mask][:, :, ::-1]
    if halved:
        x = x.reshape(len(x), 14, 2, 14, 2).mean((2, 4))
    return np.ascontiguousarray(x[:, None]), y


def error_rate(config: NetworkConfig, x: Array, y: Array, rows: Array, test: Array, seed: int, epochs: int) -> float:
    """Train one network on `rows` (15 % of them choose the epoch) and return its error on `test`, in per cent."""
    held = max(20, round(0.15 * len(rows)))
    torch.manual_seed(seed)
    network = build_network(config)
    standardise(network, torch.from_numpy(x[rows]), config.spec)
    options = FitOptions(epochs=epochs, classification=True, seed=seed, deadline=math.inf, patience=max(8, epochs // 4))
    split = Split(rows[held:], rows[:held], test)
    fitted = fit([network], torch.from_numpy(x), torch.from_numpy(y), [split], options, lambda fraction, message: None)
    outputs = predict(fitted.networks[0], torch.from_numpy(x[test]))
    return 100.0 * float((outputs.argmax(1).numpy() != y[test]).mean())


def labels_needed(sizes: Sequence[int], errors: Array, level: float) -> float:
    """Labels at which a falling curve of errors crosses a level, interpolated in logarithms; inf if it never does."""
    falling = np.minimum.accumulate(errors)
    if falling[-1] > level:
        return math.inf
    if falling[0] <= level:
        return float(sizes[0])
    k = int(np.argmax(falling <= level))
    low, high = np.log(falling[k - 1]), np.log(max(falling[k], 1e-9))
    share = (low - math.log(level)) / (low - high)
    return float(np.exp(np.log(sizes[k - 1]) + share * np.log(sizes[k] / sizes[k - 1])))


def saved(sizes: Sequence[int], base: Array, other: Array) -> dict[str, Any]:
    """The factor of labels saved: how many times the labels of `other` the network T needs for the error that it
    reaches with all of them. Errors are (seeds, sizes); Student interval of the logarithm over paired seeds.

    `at_least` counts the seeds whose smallest size was enough already: their factor is a lower bound.
    """
    factors, censored = [], 0
    for own, theirs in zip(base, other, strict=True):
        level = float(np.minimum.accumulate(own)[-1])
        censored += bool(theirs[0] <= level)
        factors.append(math.log(sizes[-1] / labels_needed(sizes, theirs, level)))
    mean = float(np.mean(factors))
    half = float(stats.t.ppf(0.975, len(factors) - 1) * np.std(factors, ddof=1) / math.sqrt(len(factors)))
    return {"factor": math.exp(mean), "low": math.exp(mean - half), "high": math.exp(mean + half), "at_least": censored}


def curves(options: argparse.Namespace) -> dict[str, Any]:
    """Learning curves of every group over the same nested samples."""
    sizes = [int(n) for n in options.labels.split(",")]
    x, y = turned_digits(options.data, options.flipped, options.test + 20_000, options.halved)
    test = np.arange(options.test)
    rows: list[dict[str, Any]] = []
    errors: dict[str, Array] = {}
    for name in options.groups.split(","):
        config = matched_config(spec_of(name), x.shape[1:], 10, WIDTHS["image2d"])
        cost = network_cost(config)
        table = np.zeros((options.seeds, len(sizes)))
        started = time.perf_counter()
        for seed in range(options.seeds):
            pool = options.test + np.random.default_rng([7, seed]).permutation(20_000)
            for k, n in enumerate(sizes):
                table[seed, k] = error_rate(config, x, y, pool[:n], test, seed, options.epochs)
        seconds = time.perf_counter() - started
        errors[name] = table
        row: dict[str, Any] = {"group": name, "fields": config.fields, "parameters": cost.parameters}
        row |= {"flops": cost.flops, "seconds": seconds}
        row |= {"errors_percent": table.tolist(), "mean_percent": table.mean(0).tolist()}
        if name != "T" and "T" in errors:
            row["labels_saved"] = saved(sizes, errors["T"], table)
        rows.append(row)
        print(f"{name:6} {cost.parameters:6} parameters {seconds:5.0f} s", row.get("labels_saved", ""))
        print("  ", "  ".join(f"{n}: {e:5.2f}" for n, e in zip(sizes, table.mean(0), strict=True)), flush=True)
    return {"labels": sizes, "seeds": options.seeds, "test": options.test, "rows": rows}


def protocol(options: argparse.Namespace) -> dict[str, Any]:
    """One network per group on a single large split."""
    x, y = turned_digits(options.data, options.flipped, options.train + options.test)
    test = np.arange(options.train, options.train + options.test)
    rows = []
    for name in options.groups.split(","):
        config = matched_config(spec_of(name), (1, 28, 28), 10, options.width)
        cost = network_cost(config)
        started = time.perf_counter()
        found = [
            error_rate(config, x, y, np.arange(options.train), test, s, options.epochs) for s in range(options.seeds)
        ]
        row = {"group": name, "fields": config.fields, "parameters": cost.parameters, "flops": cost.flops,
               "error_percent": found, "seconds": time.perf_counter() - started}  # fmt: skip
        rows.append(row)
        print(row, flush=True)
    return {"train": options.train, "test": options.test, "epochs": options.epochs, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["curves", "protocol"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--groups", default=GROUPS)
    parser.add_argument("--labels", default=LABELS)
    parser.add_argument("--seeds", type=int, default=None, help="5 for curves, 1 for the protocol")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--train", type=int, default=12_000)
    parser.add_argument("--test", type=int, default=None, help="5,000 for curves, 50,000 for the protocol")
    parser.add_argument("--width", type=int, default=32, help="protocol: fields of the network T that others match")
    parser.add_argument("--flipped", action="store_true")
    parser.add_argument("--halved", action="store_true", help="curves: digits of 14 x 14 pixels")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.seeds is None:
        options.seeds = 5 if options.what == "curves" else 1
    if options.test is None:
        options.test = 5_000 if options.what == "curves" else 50_000
    found = curves(options) if options.what == "curves" else protocol(options)
    result = {"machine": platform.processor() or platform.machine(), "threads": options.threads,
              "flipped": options.flipped, "halved": options.halved, **found}  # fmt: skip
    (RESULTS / f"rotated_digits_{options.what}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
