"""The files that a trial leaves: what they hold, and that none of them can cost the trial."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from app.schemas.equivariance import EquivarianceReport
from models.export import Trained, load_network
from models.groups.plan import plan_search
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.planned import planned_config
from models.networks.standardise import standardise
from workers import artifacts
from workers.artifacts import write_artifacts

NEVER = math.inf
ALL = {"network.safetensors", "network.json", "network.onnx", "equivariance.json"}


def trained(group: str = "C4", x_shape: tuple[int, ...] = (1, 12, 12)) -> Trained:
    domain = "vector" if len(x_shape) == 1 else "image2d"
    plan = plan_search(
        [group], domain=domain, x_shape=x_shape, task="classification", target_dim=None, classes=3,
        include_subgroups=False, max_candidates=8,
    )  # fmt: skip
    node = next(node for node in plan["nodes"] if node["posted"])
    config = planned_config(node, x_shape, 3)
    torch.manual_seed(0)
    networks = [build_network(config).eval() for _ in range(2)]
    for network in networks:
        standardise(network, torch.randn(50, *x_shape) * 2 + 1, config.spec)
    return Trained(config, "classification", networks, [1.0, 0.5], [0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize(("group", "x_shape"), [("C4", (1, 12, 12)), ("SO(2)", (1, 12, 12)), ("S3", (3,))])
def test_every_file_is_written_and_says_what_the_others_say(tmp_path, group, x_shape):
    ensemble = trained(group, x_shape)
    left = write_artifacts(tmp_path, ensemble, NEVER)
    assert (left["missing"], left["warnings"]) == ({}, [])
    assert set(left["files"]) == {path.name for path in tmp_path.iterdir()} == ALL
    again = load_network((tmp_path / "network.safetensors").read_bytes())
    assert json.loads((tmp_path / "network.json").read_text()) == json.loads(json.dumps(again.about()))
    x = torch.randn(4, *x_shape)
    with torch.no_grad():
        expected = sum(t * network(x) for t, network in zip(again.temperatures, again.networks, strict=True)) / 2
    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["y"], {"x": x.numpy()})[0], expected.numpy(), rtol=1e-4, atol=1e-5)


def test_the_report_is_what_the_api_promises_and_right_angles_are_exact(tmp_path):
    write_artifacts(tmp_path, trained(), NEVER)
    report = EquivarianceReport.model_validate_json((tmp_path / "equivariance.json").read_bytes())
    places = {row.where for row in report.items}
    assert places == {"centre", "boundary", "clutter"}
    # Clutter stays where it is while the object turns: no network can be exact there.
    exact = [r for r in report.items if r.element in ("r90", "r180", "r270") and r.where != "clutter"]
    assert len(exact) >= 6
    assert max(row.error for row in exact) < 1e-4
    between = [row.error for row in report.items if row.angle_degrees == 45.0 and row.where == "centre"]
    assert min(between) > 1e-3


def test_a_report_is_the_same_every_time(tmp_path):
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_artifacts(tmp_path / name, trained(), NEVER)
        found.append(json.loads((tmp_path / name / "equivariance.json").read_text())["items"])
    assert found[0] == found[1]


def test_past_the_deadline_equivariance_is_skipped_with_a_reason(tmp_path):
    left = write_artifacts(tmp_path, trained(), time.monotonic() - 1.0)
    assert set(left["files"]) == ALL - {"equivariance.json"}
    assert "budget of seconds" in left["missing"]["equivariance.json"]
    assert left["warnings"] == []


def test_large_networks_are_measured_more_coarsely_and_huge_ones_not(monkeypatch):
    ensemble = trained("C4")
    fine = artifacts._affordable(ensemble)
    monkeypatch.setattr(artifacts, "_REPORT_FLOPS", artifacts._REPORT_FLOPS / 30)
    coarse = artifacts._affordable(ensemble)
    assert 2 <= coarse[0] <= fine[0]
    assert {"r90", "r180"} <= {move.element for move in coarse[1]} < {move.element for move in fine[1]}
    monkeypatch.setattr(artifacts, "_REPORT_FLOPS", 1.0)
    with pytest.raises(artifacts.Skipped, match="too large"):
        artifacts._affordable(ensemble)


class Inexpressible(nn.Module):
    """Singular values: ONNX has no such operator."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.svdvals(x.flatten(1, 2)) * self.weight


def test_an_export_that_fails_costs_its_file_and_not_the_trial(tmp_path):
    config = NetworkConfig(trained().config.spec, (1, 12, 12), 12, 2)
    odd = Trained(config, "classification", [nn.Sequential(Inexpressible())], [1.0], [0.0] * 12, [1.0] * 12)
    left = write_artifacts(tmp_path, odd, NEVER)
    assert set(left["files"]) >= {"network.safetensors", "network.json"}
    assert "network.onnx" in left["missing"]
    assert [w for w in left["warnings"] if w.startswith("no network.onnx: ")]


def test_kernels_that_would_fill_the_store_are_not_expanded(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "MAX_ONNX_BYTES", 1000)
    left = write_artifacts(tmp_path, trained(), NEVER)
    assert "MiB" in left["missing"]["network.onnx"]
    assert left["warnings"] == []
