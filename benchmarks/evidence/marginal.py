"""Size and power of the test that the law of x is symmetric, on the simulations of Chiu and Bloem-Reddy (2023).

n = 200 samples, level .05, 200 replicates, as published (arXiv:2307.15834, table of the synthetic experiments):
- SO(4): x ~ N(0, I) against a mean shifted by .4 along one axis; rotations drawn uniformly;
- S10: x ~ N(0, S), S with ones on the diagonal and 1/10 (H0+) or -1/9 (H0-) off it, against S = W W' with a fresh
  matrix W of standard normals in every run.
Four moved copies a sample. Writes `benchmarks/results/marginal.json`.

    python -m benchmarks.evidence.marginal [--runs 1000]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workers.evidence.marginal import gaussian_kernel, invariance_test
from workers.folds import Array

RESULTS = Path(__file__).parents[1] / "results" / "marginal.json"
N, COPIES, REPLICATES, LEVEL = 200, 4, 200, 0.05
Draw = Callable[[np.random.Generator], Array]


def rotations(x: Array, rng: np.random.Generator) -> Array:
    """Each row turned by a rotation of its own, uniform on SO(d)."""
    n, d = x.shape
    q, r = np.linalg.qr(rng.standard_normal((n, d, d)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    q[:, :, 0] *= np.sign(np.linalg.det(q))[:, None]
    return np.asarray(np.einsum("nij,nj->ni", q, x))


def permutations(x: Array, rng: np.random.Generator) -> Array:
    """Each row shuffled on its own."""
    return np.asarray(rng.permuted(x, axis=1))


def gaussian(covariance: Array) -> Draw:
    return lambda rng: rng.multivariate_normal(np.zeros(len(covariance)), covariance, N)


def shifted(rng: np.random.Generator) -> Array:
    return np.asarray(rng.standard_normal((N, 4)) + np.array([0.4, 0, 0, 0]))


def wishart(rng: np.random.Generator) -> Array:
    return np.asarray(rng.standard_normal((N, 10)) @ rng.standard_normal((10, 10)).T)


def _exchangeable(rho: float) -> Array:
    return np.asarray((1 - rho) * np.eye(10) + rho * np.ones((10, 10)))


CASES: list[tuple[str, Callable[[Array, np.random.Generator], Array], Draw, float]] = [
    ("SO(4), symmetric", rotations, lambda rng: rng.standard_normal((N, 4)), 0.050),
    ("SO(4), mean shifted by .4", rotations, shifted, 0.984),
    ("S10, symmetric, correlation 1/10", permutations, gaussian(_exchangeable(1 / 10)), 0.047),
    ("S10, symmetric, correlation -1/9", permutations, gaussian(_exchangeable(-1 / 9)), 0.053),
    ("S10, random covariance", permutations, wishart, 1.000),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    print(f"{'case':34} {'rejected':>8} {'+-':>6} {'published':>9} {'seconds':>8}")
    for number, (name, mover, draw, published) in enumerate(CASES):
        started = time.monotonic()
        rejected = 0
        for run in range(options.runs):
            rng = np.random.default_rng([number, run])
            x = draw(rng)
            pool = np.concatenate([x, *(mover(x, rng) for _ in range(COPIES))])
            found = invariance_test(gaussian_kernel(pool), np.arange(N), rng, REPLICATES)
            rejected += found["p_value"] <= LEVEL
        rate = rejected / options.runs
        row = {
            "case": name,
            "runs": options.runs,
            "rejected": rate,
            "standard_error": float(np.sqrt(rate * (1 - rate) / options.runs)),
            "published": published,
            "seconds": time.monotonic() - started,
        }
        rows.append(row)
        print(f"{name:34} {rate:8.3f} {row['standard_error']:6.3f} {published:9.3f} {row['seconds']:8.1f}", flush=True)
    settings = {"n": N, "copies": COPIES, "replicates": REPLICATES, "level": LEVEL}
    options.output.write_text(json.dumps({**settings, "cases": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
