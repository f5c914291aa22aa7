"""Powers of one element of a search's plan: the cyclic group that it generates, as actions on samples and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.actions.interpolation import move, similarity
from models.actions.samples import transform_samples

_TURN = np.pi / 8  # off the grid for every element, so that every copy is interpolated twice
_DENSE = 64  # powers that stand for the group in which those of an element without finite order are dense


def action_power(action: dict[str, Any], exponent: int) -> dict[str, Any]:
    """The action of g^exponent, exponent >= 0, in the form of the action of g."""
    powered = dict(action)
    if "shift" in action:
        powered["shift"] = [exponent * v for v in action["shift"]]
    elif "permutation" in action:
        square, images = np.asarray(action["permutation"]), np.arange(len(action["permutation"]))
        for bit in reversed(f"{exponent:b}"):  # the order of a shuffle of many items has many digits
            images = square[images] if bit == "1" else images
            square = square[square]
        powered["permutation"] = images.tolist()
    else:
        powered["matrix"] = np.linalg.matrix_power(np.asarray(action["matrix"], dtype=np.float64), exponent).tolist()
    if action["labels"] is not None:
        powered["labels"] = np.linalg.matrix_power(np.asarray(action["labels"]), exponent).tolist()
    return powered


def power_samples(x: Tensor, action: dict[str, Any], exponent: int, domain: str) -> Tensor:
    """g^exponent . x for a batch, (n, ...).

    Where g moves pixels off the grid, every power (the zeroth too) is a turn by pi/8 and then the move from there, so
    that all copies of one sample lose the same by interpolation and differ by their pose alone.
    """
    powered = action_power(action, exponent)
    if not action.get("interpolated"):
        return transform_samples(x, powered, domain)
    c, s = np.cos(_TURN), np.sin(_TURN)
    turn = np.array([[c, -s], [s, c]])
    return move(move(x, similarity(turn)), similarity(np.asarray(powered["matrix"]) @ turn.T))


def cyclic_order(action: dict[str, Any], order: int | None, x_shape: tuple[int, ...]) -> int | None:
    """Number of elements of the cyclic group of g that can be drawn from; None where it is not compact.

    A wrapped shift has the order of the image's side. An orthogonal map without finite order is dense in a compact
    group, for which its first 64 powers stand. Scalings generate no compact group.
    """
    if order is not None:
        return order
    if "shift" in action:
        return int(np.lcm.reduce([side for side, step in zip(x_shape[-2:], action["shift"], strict=True) if step]))
    if "matrix" in action:
        matrix = np.asarray(action["matrix"], dtype=np.float64)
        return _DENSE if np.allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-6) else None
    return None


def draw_exponents(size: int, count: int, clusters: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Powers for each cluster, (copies, clusters): zero first, then others without return, at most `count` in all.

    Every cluster draws its own set, uniformly among the sets that hold zero: seen as a set about the sample's place
    in its orbit, it does not tell which copy was the sample.
    """
    drawn = np.zeros((min(count, size), clusters), dtype=np.int64)
    for k, last in enumerate(range(size - len(drawn) + 1, size), start=1):
        # Floyd's algorithm: as many draws as copies, however large the group is.
        place = rng.integers(1, last, clusters, endpoint=True)
        drawn[k] = np.where((drawn[1:k] == place).any(0), last, place)
    return drawn


def moved_copies(x: Tensor, action: dict[str, Any], exponents: NDArray[np.int64], domain: str) -> Tensor:
    """Copies (copies, n, ...) of x (n, ...): copy k of sample i moved by g^exponents[k, i]."""
    copies = torch.empty((len(exponents), *x.shape), dtype=x.dtype)
    for exponent in np.unique(exponents):
        k, i = np.nonzero(exponents == exponent)
        copies[torch.from_numpy(k), torch.from_numpy(i)] = power_samples(
            x[torch.from_numpy(i)], action, int(exponent), domain
        )
    return copies
