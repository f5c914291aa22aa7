"""The networks of a search, fixed when it is planned: what the API promises is what the worker trains."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from models.networks.config import NetworkConfig
from models.networks.matching import WIDTHS, Match, matched_config, network_cost, trivial_spec

_FAR = 1.5  # times the ordinary network's size


def plan_networks(plan: dict[str, Any], x_shape: tuple[int, ...], outputs: int, match: Match) -> dict[str, Any]:
    """The plan with `network` in every node: {fields, parameters, flops}, and a warning where sizes do not match.

    Raises ValueError, naming the group, where its network cannot be built for samples of this shape.
    """
    nodes = [{**node, "network": _network(node, x_shape, outputs, match)} for node in plan["nodes"]]
    domain = nodes[0]["spec"]["domain"]
    ordinary = NetworkConfig(trivial_spec(nodes[0]["spec"]), x_shape, outputs, WIDTHS[domain])
    target = getattr(network_cost(ordinary), match)
    far = [f"{n['name']} ({n['network'][match] / target:.1f})" for n in nodes if n["network"][match] > _FAR * target]
    if not far:
        return {**plan, "nodes": nodes}
    unit = "free parameters" if match == "parameters" else "operations"
    warning = f"even the smallest networks of some groups have more {unit} than the ordinary one, by the factor given: "
    return {**plan, "nodes": nodes, "warnings": [*plan["warnings"], warning + ", ".join(far)]}


def planned_config(node: dict[str, Any], x_shape: tuple[int, ...], outputs: int) -> NetworkConfig:
    """The network that a node of the plan names; a plan that names none gets one of matched parameters."""
    if "network" in node:
        return NetworkConfig(node["spec"], x_shape, outputs, node["network"]["fields"])
    return matched_config(node["spec"], x_shape, outputs, WIDTHS[node["spec"]["domain"]])


def _network(node: dict[str, Any], x_shape: tuple[int, ...], outputs: int, match: Match) -> dict[str, int]:
    try:
        config = matched_config(node["spec"], x_shape, outputs, WIDTHS[node["spec"]["domain"]], match)
        return {"fields": config.fields, **asdict(network_cost(config))}
    except ValueError as error:
        raise ValueError(f"{node['name']}: {error}") from error
