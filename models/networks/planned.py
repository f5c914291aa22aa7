"""The networks of a search, fixed when it is planned: what the API promises is what the worker trains."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from models.networks.config import NetworkConfig
from models.networks.matching import WIDTHS, Match, matched_config, network_cost


def plan_networks(plan: dict[str, Any], x_shape: tuple[int, ...], outputs: int, match: Match) -> dict[str, Any]:
    """The plan with `network` in every node: {fields, parameters, flops}.

    Raises ValueError, naming the group, where its network cannot be built for samples of this shape.
    """
    return {**plan, "nodes": [{**node, "network": _network(node, x_shape, outputs, match)} for node in plan["nodes"]]}


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
