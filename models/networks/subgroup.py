"""A trained network of a group as a network of one of its subgroups: the same function, free to leave the symmetry.

Every field on G becomes one field on H for each coset H c (`models.layers.restriction`), so the network is wider in
fields, equally wide in channels, and computes what it computed. Trained further it keeps H and may give up the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.groups.action import ActingGroup, acting_group, from_spec
from models.layers.antialias import BlurPool2d
from models.layers.planar import (
    CentredPool2d,
    FieldNorm2d,
    GroupConv2d,
    LiftingConv2d,
    PlaneMean,
    PositionReadout,
    turned_pixels,
)
from models.layers.readout import DiscMean
from models.layers.regular import CovariantHead, FieldNorm1d, GroupLinear
from models.layers.restriction import subgroup_layer
from models.layers.turning import coset_elements
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import blueprint
from models.networks.standardise import StandardiseChannels

_UNCHANGED = (StandardiseChannels, nn.ReLU, CentredPool2d, BlurPool2d, PlaneMean, DiscMean, PositionReadout)


def subgroup_network(
    network: nn.Sequential, config: NetworkConfig, sub: ActingGroup
) -> tuple[nn.Sequential, NetworkConfig]:
    """The network of the subgroup `sub` that computes what `network` computes, and the config that rebuilds it.

    For standard networks on images of a finite group, with or without translations and with any label action, which
    the subgroup inherits: `sub.y` is not read. Raises TypeError for other networks, ValueError when `sub` is not a
    subgroup or `network` is a subgroup's already.
    """
    if config.spec["domain"] != "image2d" or config.spec["kind"] == "family" or config.spec.get("architecture"):
        raise TypeError("only standard networks of finite groups on images have a form in a subgroup")
    if "within" in config.spec:
        raise ValueError("this is a subgroup's network already: start from the whole group's")
    acting = from_spec(config.spec)
    cosets = torch.from_numpy(coset_elements(acting, sub))  # (cosets, |H|), by the given order of the elements
    part = _with_labels(acting, sub, cosets[0])
    spec = {**config.spec, **part.spec(), "within": {k: config.spec[k] for k in ("kind", "coordinates", "x", "y")}}
    smaller = NetworkConfig(spec, config.x_shape, config.outputs, config.fields * len(cosets))
    part = from_spec(spec)  # whose elements are in the order that the built network has
    cosets = torch.from_numpy(coset_elements(acting, part))
    like = next(network.parameters())
    built = build_network(smaller).to(like)
    with torch.no_grad():
        for layer, target in zip(network, built, strict=True):
            state = _state(layer, acting, part, cosets, config)
            target.load_state_dict(layer.state_dict() if state is None else state)
    return built.train(network.training), smaller


def _with_labels(acting: ActingGroup, sub: ActingGroup, members: Tensor) -> ActingGroup:
    """The subgroup with the label action that it has in the group."""
    if sub.group.order == 1:
        return acting_group(acting.coordinates, [])
    chosen = [int(members[i]) for i in sub.group.generators_of(frozenset(range(sub.group.order)))]
    labels = None if acting.y is None else [acting.y[g] for g in chosen]
    return acting_group(acting.coordinates, [acting.x[g] for g in chosen], labels)


def _state(
    layer: nn.Module, acting: ActingGroup, sub: ActingGroup, cosets: Tensor, config: NetworkConfig
) -> dict[str, Tensor] | None:
    """The parameters and statistics of a layer in the subgroup; None where they are the layer's own."""
    if isinstance(layer, LiftingConv2d | GroupConv2d | FieldNorm2d):
        return subgroup_layer(layer, acting, sub).state_dict()
    if isinstance(layer, FieldNorm1d):
        state: dict[str, Tensor] = layer.state_dict()
        return {k: v if v.dim() == 0 else v.repeat_interleave(len(cosets)) for k, v in state.items()}
    if isinstance(layer, CovariantHead):
        return _head(layer, cosets)
    if isinstance(layer, GroupLinear):
        return _linear(layer, acting, sub, cosets, config)
    if isinstance(layer, _UNCHANGED):
        return None
    raise TypeError(f"{type(layer).__name__} has no form in a subgroup")


def _head(head: CovariantHead, cosets: Tensor) -> dict[str, Tensor]:
    """The mean over G is that over the cosets of the means over H: rho(h c) = rho(h) rho(c)."""
    weight, bias = head.linear.weight, head.linear.bias
    outputs, fields = weight.shape
    moved = torch.eye(outputs).to(weight).expand(len(cosets), -1, -1)
    if head.label_maps is not None:
        moved = head.label_maps[cosets[:, 0]]
    copies = torch.einsum("cpq,qf->pfc", moved, weight).reshape(outputs, fields * len(cosets))
    return {"linear.weight": copies / len(cosets), "linear.bias": moved.mean(0) @ bias}


def _linear(
    layer: GroupLinear, acting: ActingGroup, sub: ActingGroup, cosets: Tensor, config: NetworkConfig
) -> dict[str, Tensor]:
    """The layer after a readout by position, whose fields (f, p) on G are fields (f, c, c p) on H."""
    height, width = next(
        (part.arguments["height"], part.arguments["width"])
        for part in blueprint(config)
        if part.kind == "PositionReadout"
    )
    order, count = acting.group.order, len(cosets)
    kernel, _ = layer.kernel()
    outs = layer.weight.shape[0]
    whole = kernel.view(outs, order, -1, height * width, order)  # (out, g, f, p, g')
    back = turned_pixels(acting, height, width)[cosets[:, 0]]  # (c, q): c^-1 q
    rows = whole[:, cosets[:, 0]]  # at the element c of each coset, the identity of H
    parts = [rows[:, :, :, back[c]][..., cosets[c]] for c in range(count)]
    weight = torch.stack(parts, dim=3).flatten(2, 4).flatten(0, 1)  # (out c, f c' q, h')
    fitted = GroupLinear(sub.group, 1, 1).to(weight)
    assert fitted.index is not None
    assert fitted.scale is not None
    free = torch.empty_like(weight)
    free[..., fitted.index[0]] = weight
    return {"weight": free / fitted.scale, "bias": layer.bias.repeat_interleave(count, 0)}
