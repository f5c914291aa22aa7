"""Every network that a search can ask for: the catalogue's groups with each label action and architecture they take."""

from __future__ import annotations

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
ARCHITECTURES = {"image2d": (None, "separable", "deformable", "hierarchical", "constrained"), "vector": (None, "emlp")}
LARGEST = 24  # order of the groups that are built


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
        return spec["domain"], tuple(layer.kind for layer in blueprint(self.config)), spec.get("y") is None

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
    return [case for domain in ARCHITECTURES for case in _cases(domain)]


def each_kind() -> list[Case]:
    """One case for each kind of network: small, and of a group that does not commute where there is one."""
    kinds: dict[tuple[Any, ...], Case] = {}
    for case in sorted(every_case(), key=lambda case: (abs((case.order or 8) - 8), case.name)):
        kinds.setdefault(case.kind, case)
    return list(kinds.values())


def _cases(domain: str) -> Iterator[Case]:
    for row in catalogue(domain):
        if (row["order"] or 0) > LARGEST:
            continue
        for labels in LABELS:
            for architecture in ARCHITECTURES[domain]:
                for translations in (True, False) if domain == "image2d" else (None,):
                    entry = {"group": row["name"], "labels": labels, "translations": translations,
                             "architecture": architecture}  # fmt: skip
                    entry = {key: value for key, value in entry.items() if value is not None}
                    yield from _planned(domain, entry, row)


def _planned(domain: str, entry: dict[str, Any], row: dict[str, Any]) -> Iterator[Case]:
    x_shape: tuple[int, ...] = (2, 9, 9)
    classes: int | None = 2
    target_dim = None
    if domain == "vector":
        degree = len(row["generators"][0]) if row["generators"] else 3
        x_shape = (degree + 1,)
        entry = entry | {"on": list(range(degree))} if row["generators"] else entry
    if entry["labels"] == "permutation":
        entry = entry | {"label_generators": [[1, 0]] * len(row["generators"])}
    if entry["labels"] == "vector":
        classes, target_dim = None, 2 if domain == "image2d" else x_shape[0]
    try:
        plan = plan_search(
            [entry], domain=domain, x_shape=x_shape, task="classification" if classes else "regression",
            target_dim=target_dim, classes=classes, include_subgroups=False, max_candidates=64,
        )  # fmt: skip
    except CandidateError:
        return  # this group has no such label action or architecture
    node = next((n for n in plan["nodes"] if n["posted"]), None)
    if node is None:
        return
    architecture = entry.get("architecture")
    name = f"{domain}: {node['name']}" + (f", {architecture}" if architecture else "")
    yield Case(name, node["order"], NetworkConfig(node["spec"], x_shape, classes or target_dim or 1, 2))
