"""Applying one element of a search's plan to samples and to labels.

An action is the JSON object of `models.groups.classes`: `permutation` or `matrix` on `coordinates`, or `shift`;
`labels`, the matrix on label vectors (None: labels stay put); `interpolated`, when it moves pixels off the grid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.actions.grid import grid_source
from models.actions.interpolation import move, move_and_return, similarity


def transform_samples(x: Tensor, action: dict[str, Any], domain: str) -> Tensor:
    """g.x for a batch: x (n, c, h, w) for images, (n, d) for vectors."""
    if "shift" in action:
        return torch.roll(x, tuple(action["shift"]), dims=(-2, -1))
    if action.get("interpolated"):
        return move(x, similarity(np.asarray(action["matrix"])))
    if domain == "image2d":
        h, w = x.shape[-2:]
        source = torch.from_numpy(grid_source(h, w, np.asarray(action["matrix"]))).to(x.device)
        return x.flatten(-2)[..., source].view_as(x)
    where = torch.tensor(action["coordinates"], device=x.device)
    out = x.clone()
    if "permutation" in action:
        out[..., where[torch.tensor(action["permutation"], device=x.device)]] = x[..., where]
        return out
    matrix = torch.tensor(action["matrix"], dtype=x.dtype, device=x.device)
    out[..., where] = x[..., where] @ matrix.T
    return out


def sham_samples(x: Tensor, action: dict[str, Any]) -> Tensor:
    """x with the blur of g and without its move: interpolated there and back; x itself where g is exact."""
    return move_and_return(x, similarity(np.asarray(action["matrix"]))) if action.get("interpolated") else x


def transform_outputs(y: Tensor, action: dict[str, Any]) -> Tensor:
    """g.y for label vectors, (..., p): class scores (log-probabilities) are permuted, regression targets turned."""
    if action["labels"] is None:
        return y
    return y @ torch.tensor(action["labels"], dtype=y.dtype, device=y.device).T


def transform_classes(y: Tensor, action: dict[str, Any]) -> Tensor:
    """g.y for class indices, (n,)."""
    if action["labels"] is None:
        return y
    images = np.argmax(np.asarray(action["labels"]), axis=0)
    return torch.from_numpy(images).to(y.device)[y]


def transform_labels(y: Tensor, action: dict[str, Any]) -> Tensor:
    """g.y for labels as data sets hold them: class indices (n,) of integers, or targets (n, p)."""
    return transform_outputs(y, action) if y.is_floating_point() else transform_classes(y, action)
