"""Every network that a search can ask for: the catalogue's groups with each label action and architecture they take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.groups.catalogue import catalogue
from models.groups.errors import CandidateError
from models.groups.plan import plan_search
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import blueprint
from models.networks.standardise import standardise

LABELS = ("trivial", "sign", "permutation", "vector")
LARGEST = {"image2d": 16, "vector": 120}  # order of the groups that are built
COMBINED = 8  # up to this order also with other labels and architectures
# What the catalogue's rows do not show: several vectors at once, items of several coordinates, products.
MORE_VECTORS: tuple[tuple[dict[str, Any], int], ...] = (
    ({"group": "O(3)", "labels": "trivial", "on": [[0, 1, 2], [3, 4, 5]]}, 7),
    ({"group": "O(3)", "labels": "sign", "on": [[0, 1, 2], [3, 4, 5], [6, 7, 8]]}, 9),
    ({"group": "SO(2)", "labels": "trivial", "on": [[0, 1], [2, 3]]}, 4),
    ({"group": "S_n", "labels": "trivial", "on": [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]]}, 17),
    ({"group": "S7 x S6", "labels": "trivial", "on": list(range(13))}, 14),
)


@dataclass(frozen=True)
class Case:
    """One network, and what tells it from the others in words."""

    name: str
    order: int | None
    config: NetworkConfig

    @property
    def kind(self) -> tuple[Any, ...]:
        """Networks made of the same kinds of layers are of one kind."""
        spec = self.config.spec
        return (
            spec["domain"],
            tuple(layer.kind for layer in blueprint(self.config)),
            spec.get("y") is None,
            spec.get("labels"),
        )

    def networks(self, count: int = 1, seed: int = 0) -> list[nn.Sequential]:
        """Networks whose standardisation, norms and biases are not the ones they start with, in evaluation mode."""
        torch.manual_seed(seed)
        x = self.samples(32)
        built = []
        for _ in range(count):
            network = build_network(self.config)
            standardise(network, x, self.config.spec)
            for parameter in network.parameters():
                if parameter.ndim == 1:
                    parameter.data += 0.3 * torch.rand_like(parameter)
            network.train()
            with torch.no_grad():
                network(x)
            built.append(network.eval())
        return built

    def samples(self, count: int, seed: int = 1) -> torch.Tensor:
        return torch.randn(count, *self.config.x_shape, generator=torch.Generator().manual_seed(seed)) * 2.0 + 1.0


def every_case() -> list[Case]:
    """One case for each group, label action and architecture that plans accept."""
    found: dict[str, Case] = {}
    for domain in LARGEST:
        for case in _cases(domain):
            found.setdefault(json.dumps(case.config.spec), case)
    return list(found.values())


def each_kind() -> list[Case]:
    """One case for each kind of network: small, and of a group that does not commute where there is one."""
    kinds: dict[tuple[Any, ...], Case] = {}
    for case in sorted(every_case(), key=lambda case: (abs((case.order or 8) - 8), case.name)):
        kinds.setdefault(case.kind, case)
    return list(kinds.values())


def _cases(domain: str) -> Iterator[Case]:
    for row in catalogue(domain):
        small = (row["order"] or 1) <= COMBINED
        if LARGEST[domain] < (row["order"] or 1) < 1000:  # beyond a thousand elements none is listed
            continue
        entries: list[dict[str, Any]] = [{"labels": labels} for labels in (LABELS if small else LABELS[:1])]
        if small:
            entries += [{"labels": "trivial", "architecture": name} for name in row["architectures"].get(domain, ())]
        if domain == "image2d":
            entries += [{**entry, "translations": False} for entry in entries]
        for entry in entries:
            yield from _planned(domain, {"group": row["name"], **entry}, row["generators"])
    for entry, dimension in MORE_VECTORS if domain == "vector" else ():
        yield from _planned(domain, entry, [], dimension)


def _planned(domain: str, entry: dict[str, Any], generators: list[Any], dimension: int | None = None) -> Iterator[Case]:
    x_shape: tuple[int, ...] = (2, 9, 9)
    classes: int | None = 2
    target_dim = None
    if domain == "vector":
        degree = len(generators[0]) if generators else 3
        x_shape = (dimension or degree + 1,)
        entry = {"on": list(range(degree)), **entry} if generators else entry
    if entry["labels"] == "permutation":
        entry = entry | {"label_generators": [[1, 0]] * len(generators)}
    if entry["labels"] == "matrix":
        entry = entry | {"label_matrices": [[[0.0, 1.0], [1.0, 0.0]]] * len(generators)}
        classes, target_dim = None, 2
    if entry["labels"] == "vector":
        classes, target_dim = None, 2 if domain == "image2d" else x_shape[0]
    try:
        plan = plan_search(
            [entry], domain=domain, x_shape=x_shape, task="classification" if classes else "regression",
            target_dim=target_dim, classes=classes, include_subgroups=False, max_candidates=64,
        )  # fmt: skip
    except CandidateError:
        return  # this group has no such label action or architecture
    outputs = classes or target_dim or 1
    for node in plan["nodes"]:
        if node["posted"]:
            architecture = node["spec"].get("architecture")
            name = f"{domain}: {node['name']}" + (f", {architecture}" if architecture else "")
            yield Case(name, node["order"], NetworkConfig(node["spec"], x_shape, outputs, 2))
