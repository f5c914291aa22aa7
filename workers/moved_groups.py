"""The groups of a plan by what their elements make of images and of targets: what imposing them needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.actions.grid import maps_grid_to_itself
from models.groups.action import ActingGroup, from_spec, is_family
from models.groups.finite import FloatArray, element_key
from models.kernels import is_orthogonal, on_basis, turning_group

MAX_ELEMENTS = 64  # of one group
_TURNS = 16  # stand for all turns of the plane


@dataclass(frozen=True)
class MovedGroup:
    """`members`: names of the elements; `rho`: what they do to targets (order, p, p), None where all stay put;
    `off_grid`: whether some element moves pixels off the grid."""

    members: list[bytes]
    rho: FloatArray | None
    off_grid: bool


@dataclass(frozen=True)
class MovedGroups:
    """`groups`: one for each node of a plan, None where there is none; `actions`: the moves of x by name."""

    groups: Sequence[MovedGroup | None]
    actions: dict[bytes, dict[str, Any]]

    @property
    def labels_move(self) -> bool:
        """Whether some group moves targets."""
        return any(g is not None and g.rho is not None for g in self.groups)


def moved_groups(
    plan: dict[str, Any], position: int, side: tuple[int, int], basis: FloatArray | None, affordable: bool
) -> MovedGroups:
    """The groups of a plan that take the same translations for granted as the node at `position`.

    None for Scale and SIM(2), for groups of more than 64 elements, for matrices on targets that are not orthogonal, and
    where labels move unless that is `affordable`. SO(2) and O(2) are stood for by 16 turns and as many mirrors.
    `basis`: the combinations of label components that are modelled.
    """
    over = plan["nodes"][position]["spec"]["translations"]
    actions: dict[bytes, dict[str, Any]] = {}
    groups: list[MovedGroup | None] = []
    for node in plan["nodes"]:
        acting = _listed(node["spec"]) if node["spec"]["translations"] == over else None
        rho = None if acting is None else on_basis(acting.y, basis)
        known = acting is not None and (rho is None or (is_orthogonal(rho) and affordable))
        groups.append(_group(acting, rho, side, actions) if acting is not None and known else None)
    return MovedGroups(groups, actions)


def _listed(spec: dict[str, Any]) -> ActingGroup | None:
    if is_family(spec):
        return turning_group(spec, [(0, 1)], _TURNS) if spec["family"] in ("SO(2)", "O(2)") else None
    acting = from_spec(spec)
    return acting if acting.group.order <= MAX_ELEMENTS else None


def _group(
    acting: ActingGroup, rho: FloatArray | None, side: tuple[int, int], actions: dict[bytes, dict[str, Any]]
) -> MovedGroup:
    """The group by the names of its elements' maps of x, which are added to `actions` where they are new."""
    members = []
    for matrix in acting.x_matrices():
        name = element_key(matrix)
        members.append(name)
        off_grid = not maps_grid_to_itself(*side, matrix)
        about = {"matrix": matrix.tolist(), "coordinates": [0, 1], "labels": None, "interpolated": off_grid}
        actions.setdefault(name, about)
    return MovedGroup(members, rho, any(actions[m]["interpolated"] for m in members))
