"""How nearly a map commutes with a group: rho_out(g) f(x) = f(rho_in(g) x), measured element by element.

An action is a function of a batch and the index of an element; those made here act as the layers of this package do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from models.actions.grid import grid_source
from models.groups.action import ActingGroup
from models.groups.finite import FloatArray
from models.layers.circular import function_action

Action = Callable[[Tensor, int], Tensor]

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def equivariance_errors(
    module: Callable[[Tensor], Tensor], action_in: Action, action_out: Action, order: int, x: Tensor
) -> list[float]:
    """For each element g, max |f(g x) - g f(x)| over max |f(x)|; x: (batch, ...). Raises ValueError when f(x) = 0."""
    with torch.no_grad():
        y = module(x)
        scale = float(y.abs().max())
        if not scale > 0.0:
            raise ValueError("the output is zero (or not a number) on these samples: they show nothing")
        return [float((module(action_in(x, g)) - action_out(y, g)).abs().max()) / scale for g in range(order)]


def assert_equivariant(
    module: nn.Module | Callable[[Tensor], Tensor],
    action_in: Action,
    action_out: Action,
    order: int,
    x: Tensor,
    tolerance: float | None = None,
) -> None:
    """Raise AssertionError, naming the worst element, unless the map commutes with every element on samples x.

    The error is relative to the output's largest absolute value; the tolerance is 1e-5 in single and 1e-10 in double
    precision unless given. A module is left in the mode (training or evaluation) it is in.
    """
    bound = TOLERANCE[x.dtype] if tolerance is None else tolerance
    errors = equivariance_errors(module, action_in, action_out, order, x)
    worst = int(np.argmax(errors))
    if not errors[worst] <= bound:
        raise AssertionError(
            f"element {worst} of {order} is off by {errors[worst]:.3g}, more than {bound:.3g}: {module}"
        )


def turn_image(acting: ActingGroup) -> Action:
    """(..., h, w): (g.x)(p) = x(g^-1 p). The action raises ValueError where g does not map the grid to itself."""
    matrices = acting.x_matrices()

    def act(x: Tensor, index: int) -> Tensor:
        source = torch.from_numpy(grid_source(x.shape[-2], x.shape[-1], matrices[index])).to(x.device)
        turned: Tensor = x.flatten(-2)[..., source].unflatten(-1, x.shape[-2:])
        return turned

    return act


def turn_fibres(acting: ActingGroup) -> Action:
    """Regular features on the plane, (batch, fields * |G|, h, w): (h.f)(g, p) = f(h^-1 g, h^-1 p)."""
    turn, order = turn_image(acting), acting.group.order

    def act(x: Tensor, index: int) -> Tensor:
        fibres = turn(x, index).unflatten(-3, (-1, order))
        moved: Tensor = fibres[..., _moved(acting, index, x.device), :, :].flatten(-4, -3)
        return moved

    return act


def turn_regular(acting: ActingGroup) -> Action:
    """Functions on the group, (batch, fields, |G|): (h.f)(g) = f(h^-1 g)."""
    return lambda x, index: x[..., _moved(acting, index, x.device)]


def turn_functions(acting: ActingGroup, group: str, frequency: int) -> Action:
    """Steerable features (batch, fields * C, h, w): band-limited functions on SO(2) or O(2), see layers.circular."""
    turn = turn_image(acting)
    matrices = [function_action(group, frequency, matrix) for matrix in acting.x_matrices()]

    def act(x: Tensor, index: int) -> Tensor:
        fibres = turn(x, index).unflatten(-3, (-1, len(matrices[index])))
        moved: Tensor = torch.einsum("cd,...dhw->...chw", _like(matrices[index], x), fibres).flatten(-4, -3)
        return moved

    return act


def turn_vector(acting: ActingGroup) -> Action:
    """Vectors (batch, d), of which the group moves its coordinates and leaves the others."""
    matrices, where = acting.x_matrices(), torch.tensor(acting.coordinates)

    def act(x: Tensor, index: int) -> Tensor:
        return x.index_copy(-1, where.to(x.device), x[..., where] @ _like(matrices[index], x).T)

    return act


def turn_labels(acting: ActingGroup) -> Action:
    """Class scores or targets, (batch, p), by the label maps; unmoved where labels are invariant."""
    return turn_by_matrices(acting.y) if acting.y is not None else unmoved


def turn_by_matrices(matrices: FloatArray) -> Action:
    """The last axis, of length n, by a representation's matrices, (order, n, n)."""
    return lambda x, index: x @ _like(matrices[index], x).T


def unmoved(x: Tensor, index: int) -> Tensor:
    """The trivial action: for invariant maps."""
    return x


def _moved(acting: ActingGroup, index: int, device: torch.device) -> Tensor:
    return torch.from_numpy(acting.group.table[acting.group.inverse[index]]).to(device)


def _like(matrix: FloatArray, x: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(matrix, dtype=np.float64)).to(dtype=x.dtype, device=x.device)
