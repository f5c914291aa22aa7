"""Near copies: how many are found, and how often samples that are merely close are taken for copies.

False alarms: data sets without planted copies. Recall: 30 % of the samples once more with noise, a given share of the
standard deviation. Writes `benchmarks/results/duplicates.json`.

    python -m benchmarks.evidence.duplicates --data FOLDER

FOLDER holds mnist.npz, digits_8x8.npz, tic_tac_toe.npz, waveform40.npz, sprites_dn.npz, blood_cells_bccd.npz,
textures_cc0.npz (overlapping windows of three photographs) and stereocentres.npz, with an array x.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workers.evidence.duplicates import NearCopies
from workers.folds import Array

RESULTS = Path(__file__).parents[1] / "results" / "duplicates.json"
REAL = "tic_tac_toe waveform40 stereocentres digits_8x8 sprites_dn blood_cells_bccd textures_cc0 mnist".split()
VECTORS = ("tic_tac_toe", "waveform40", "stereocentres")


def clean(folder: Path, rng: np.random.Generator) -> Iterator[tuple[str, Array, bool]]:
    """(name, samples without planted copies, whether the coordinates have units of their own)."""
    for d in (1, 2, 3, 5, 10):
        for n in (200, 1000, 5000):
            yield f"normal, d = {d}, n = {n}", rng.standard_normal((n, d)), True
    yield "Student t with 2 degrees of freedom, d = 4, n = 2000", rng.standard_t(2, (2000, 4)), True
    yield "log-normal, d = 6, n = 2000", np.exp(rng.standard_normal((2000, 6))), True
    tight = np.concatenate([rng.standard_normal((1000, 5)), 5 + 0.01 * rng.standard_normal((1000, 5))])
    yield "two clusters, one a hundred times tighter, d = 5, n = 2000", tight, True
    yield "integers 0 to 4, d = 6, n = 2000", rng.integers(0, 5, (2000, 6)), True
    yield "white noise 14x14, n = 2000", rng.standard_normal((2000, 196)), False
    for name in REAL:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
            yield f"{name}, n = {min(len(data['x']), 20_000)}", data["x"][:20_000], name in VECTORS


def leaked(folder: Path, rng: np.random.Generator) -> Iterator[tuple[str, Array, bool]]:
    for name in ("mnist", "digits_8x8"):
        with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
            yield f"{name}, n = {len(data['x'][:2000])}", data["x"][:2000], False
    yield "white noise 14x14, n = 1000", rng.standard_normal((1000, 196)), False
    for d in (5, 10):
        yield f"normal, d = {d}, n = 1000", rng.standard_normal((1000, d)), True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    alarms, recall = [], []
    for name, x, standardise in clean(options.data, rng):
        different = np.unique(x.reshape(len(x), -1), axis=0).astype(np.float32)
        started = time.process_time()
        copies = NearCopies(different, standardise)
        pairs = copies.pairs().shape[1]
        seconds = time.process_time() - started
        alarms.append({"set": name, "dimension": copies.dimension, "pairs": pairs, "seconds": seconds})
        print(f"{name:58} dimension {copies.dimension:5.1f} pairs {pairs:3} {seconds:.2f} s", flush=True)
    for name, x, standardise in leaked(options.data, rng):
        flat = x.reshape(len(x), -1).astype(np.float32)
        again = int(0.3 * len(flat))
        for jitter in (0.01, 0.05, 0.2):
            noise = jitter * flat.std() * rng.standard_normal((again, flat.shape[1]))
            both = np.concatenate([flat, (flat[:again] + noise).astype(np.float32)])
            pairs = {(int(i), int(j)) for i, j in NearCopies(both, standardise).pairs().T}
            true = {(i, len(flat) + i) for i in range(again)}
            row = {"set": name, "jitter": jitter, "found": len(pairs & true) / again, "others": len(pairs - true)}
            recall.append(row)
            print(f"{name:30} jitter {jitter:4} found {row['found']:.2f} others {row['others']}", flush=True)
    RESULTS.write_text(json.dumps({"without_copies": alarms, "leaked": recall}, indent=1) + "\n")


if __name__ == "__main__":
    main()
