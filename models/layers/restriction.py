"""From a group to its subgroups and back: features relabelled, layers between groups, weights used again.

With the elements of G written h c, h in the subgroup H and c one element of each coset H c, a function on G is one
function on H for each coset, exactly: restriction. A function on H is one on G that is zero off H; a group convolution
of it fills the rest: induction.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.groups.action import ActingGroup
from models.groups.planar import planar_name
from models.layers.planar import FieldNorm2d, GroupConv2d, LiftingConv2d, TurnedConv2d
from models.layers.turning import coset_elements, maps_the_grid


class Restrict(nn.Module):
    """(batch, fields * |G|, h, w) -> (batch, fields * |G : H| * |H|, h, w): fields on a group as fields on a subgroup.

    One field for each coset; no value is lost. Raises ValueError when `sub` is not a subgroup.
    """

    def __init__(self, acting: ActingGroup, sub: ActingGroup) -> None:
        super().__init__()
        self.title = f"{planar_name(acting.x_matrices())} -> {planar_name(sub.x_matrices())}"
        self.elements: Tensor
        elements = torch.from_numpy(coset_elements(acting, sub).flatten())
        self.register_buffer("elements", elements, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        *batch, channels, h, w = x.shape
        order = len(self.elements)
        fibres = x.reshape(*batch, channels // order, order, h, w)
        return fibres.index_select(-3, self.elements).reshape(x.shape)

    def fold(self) -> nn.Module:
        """A gather already."""
        return self

    def extra_repr(self) -> str:
        return self.title


class InducedConv2d(TurnedConv2d):
    """(batch, in * |H|, h, w) -> (batch, out * |G|, h, w): y(g, p) = sum_hq w(g^-1 h, g^-1 (q - p)) x(h, q), h in H.

    The group convolution of G on fields that live on the subgroup H; it commutes with H. weight: (out, in, |G|, basis).
    Raises ValueError when `sub` is not a subgroup of `acting`.
    """

    def __init__(
        self, sub: ActingGroup, acting: ActingGroup, in_fields: int, out_fields: int, size: int, *, bias: bool = True
    ) -> None:
        group, part = acting.group, sub.group.order
        members = torch.from_numpy(coset_elements(acting, sub)[0])
        super().__init__(acting, (out_fields, in_fields, group.order), size, bias, None)
        self.in_fields, self.sub_order, self.source = in_fields, part, planar_name(sub.x_matrices())
        with torch.no_grad():
            self.weight.mul_(math.sqrt(group.order / part))  # a value of y reads |H| values of a field, not |G|
        # Each filter meets |H| of its |G| copies: those that fall on a pair (g, h) with h in H.
        fields = torch.arange(out_fields * in_fields).view(out_fields, 1, in_fields, 1)
        index = torch.from_numpy(group.table[group.inverse])[:, members]  # (g, h): g^-1 h
        rows = (fields * group.order + index[:, None]) * group.order + torch.arange(group.order)[:, None, None]
        self.rows: Tensor
        self.register_buffer("rows", rows.flatten(), persistent=False)

    def kernel(self) -> Tensor:
        bank = self.turned().flatten(0, 1).index_select(0, self.rows)
        return bank.view(-1, self.in_fields * self.sub_order, self.size, self.size)

    def extra_repr(self) -> str:
        return f"{self.source} -> {self._repr(str(self.in_fields))}"


def subgroup_layer(layer: nn.Module, acting: ActingGroup, sub: ActingGroup) -> nn.Module:
    """A trained layer of a group as a layer of one of its subgroups: the same map between the restricted fields.

    It computes what the layer computes, and is free to leave the symmetry that the subgroup lacks when trained further.
    Takes LiftingConv2d, GroupConv2d and FieldNorm2d. Raises TypeError for other layers, ValueError when `sub` is not a
    subgroup or the layer is one of a subgroup already and `sub` has turns off the grid.
    """
    elements = torch.from_numpy(coset_elements(acting, sub))
    if isinstance(layer, FieldNorm2d):
        norm = FieldNorm2d(layer.fields * len(elements), sub.group.order).to(layer.norm.weight)
        state = layer.state_dict()
        norm.load_state_dict({k: v if v.dim() == 0 else v.repeat_interleave(len(elements)) for k, v in state.items()})
        return norm.train(layer.training)
    if isinstance(layer, LiftingConv2d):
        return _filled(layer, layer.weight[:, None].expand(-1, len(elements), -1, -1), layer.in_channels, elements, sub)
    if isinstance(layer, GroupConv2d):
        group = acting.group
        backwards = torch.from_numpy(group.table[group.inverse])
        between = backwards[elements[:, 0, None, None], elements]  # c^-1 k c', (c, c', k): h^-1 h' = k
        filters = layer.weight[:, :, between].transpose(1, 2).flatten(2, 3)  # (out, c, in c', k, basis)
        return _filled(layer, filters, layer.in_fields * len(elements), elements, sub)
    raise TypeError(f"{type(layer).__name__} has no form in a subgroup")


def _filled(
    layer: LiftingConv2d | GroupConv2d, filters: Tensor, sources: int, elements: Tensor, sub: ActingGroup
) -> nn.Module:
    """The subgroup's layer of filters (out, c, sources, ..., basis), those of coset c turned by c."""
    cosets, count = len(elements), len(layer.basis)
    on_grid = maps_the_grid(sub)
    if layer.basis_of is not None and not on_grid:
        raise ValueError("this is a subgroup's layer already: start from the whole group's")
    with torch.no_grad():
        if on_grid:  # every filter is at hand there: the turned ones, pixel by pixel
            turned = layer.basis.view(count, -1, layer.size**2)[:, elements[:, 0]]
            weight = torch.einsum("oc...b,bcp->oc...p", filters, turned)
        else:  # a basis of one block for each coset
            chosen = torch.eye(cosets).to(filters).view(1, cosets, *[1] * (filters.dim() - 3), cosets, 1)
            weight = (filters.unsqueeze(-2) * chosen).flatten(-2)
        out = type(layer)(
            sub,
            sources,
            layer.out_fields * cosets,
            layer.size,
            bias=layer.bias is not None,
            basis_of=None if on_grid else layer.acting,
        ).to(layer.weight)
        out.weight.copy_(weight.flatten(0, 1))
        if out.bias is not None and layer.bias is not None:
            out.bias.copy_(layer.bias.repeat_interleave(cosets))
    return out.train(layer.training)
