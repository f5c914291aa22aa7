"""What a trial leaves for people: the network in three forms, and how equivariant it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from torch import nn

from models.actions.preparation import DiscView
from models.equivariance_report import Move, equivariance_report, moves_of
from models.export import Predictor, Trained, save_network, to_onnx
from models.networks.matching import network_cost

MAX_ONNX_BYTES = 64 * 1024 * 1024
_REPORT_FLOPS = 2e10  # about two seconds on one core
_LONGEST_REASON = 500
_SETTINGS = 12  # where, band and anti-aliasing: forward passes of an image report for each move and sample
# Samples, and degrees between the angles of a report, from fine to coarse; errors are relative to what two or more
# samples differ by.
_GRIDS = ((6, 7.5), (6, 15.0), (4, 15.0), (4, 45.0), (2, 45.0))

log = structlog.get_logger("erlangen.artifacts")


class Skipped(Exception):
    """A file that is not made, for a reason that is nobody's fault."""


def write_artifacts(
    out_dir: Path, trained: Trained, deadline: float, more: Mapping[str, Callable[[], bytes]] | None = None
) -> dict[str, Any]:
    """Write `network.safetensors`, `network.json`, `network.onnx` and `equivariance.json` to `out_dir`.

    more: other files that are written where they can be, by name.
    `deadline`, of time.monotonic(), is the trial's: past it equivariance is not measured. Returns `files`, the names of
    what was written, `missing`, {name: reason}, and `warnings`. Only the weights and their description are a trial's
    duty: an export that fails costs its file, not the trial.
    """
    (out_dir / "network.safetensors").write_bytes(save_network(trained))
    (out_dir / "network.json").write_text(json.dumps(trained.about(), indent=1))
    optional: dict[str, Callable[[], bytes]] = {
        "network.onnx": lambda: _onnx(trained),
        "equivariance.json": lambda: _equivariance(trained, deadline),
        **(more or {}),
    }
    files, missing, warnings = ["network.safetensors", "network.json"], {}, []
    for name, make in optional.items():
        try:
            (out_dir / name).write_bytes(make())
            files.append(name)
        except Skipped as reason:
            missing[name] = str(reason)
        except Exception as error:
            log.exception("a file of the trial could not be written", file=name)
            missing[name] = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
            warnings.append(f"no {name}: {missing[name]}")
    return {"files": files, "missing": missing, "warnings": warnings}


def _onnx(trained: Trained) -> bytes:
    predictor = Predictor(trained).cpu()
    size = sum(tensor.numel() * tensor.element_size() for tensor in predictor.state_dict().values())
    if size > MAX_ONNX_BYTES:
        limit = MAX_ONNX_BYTES // 2**20
        raise Skipped(f"the expanded kernels take {size / 2**20:.0f} MiB; up to {limit} are stored")
    return to_onnx(predictor, trained.config.x_shape)


def _equivariance(trained: Trained, deadline: float) -> bytes:
    """The report on the first network; the others differ from it in their samples and seeds only."""
    if time.monotonic() > deadline:
        raise Skipped("the budget of seconds was spent before the network's equivariance could be measured")
    started = time.monotonic()
    samples, moves = _affordable(trained)
    network = trained.networks[0]
    if trained.disc:  # what the network is asked about is what it sees
        network = nn.Sequential(DiscView(*trained.config.x_shape).to(next(network.parameters())), network)
    rows = equivariance_report(network, trained.config.x_shape, moves, samples=samples)
    report = {"items": rows, "samples": samples, "seconds": round(time.monotonic() - started, 3)}
    return json.dumps(report, allow_nan=False).encode()


def _affordable(trained: Trained) -> tuple[int, list[Move]]:
    """As many samples and angles as about two seconds allow: counted in operations, so that every run is the same."""
    spec = trained.config.spec
    flops = network_cost(trained.config).flops * (_SETTINGS if spec["domain"] == "image2d" else 1)
    for samples, step in _GRIDS:
        moves = moves_of(spec, [step * k for k in range(1, int(180 / step) + 1)])
        if (len(moves) + 1) * samples * flops <= _REPORT_FLOPS:
            return samples, moves
    if (len(moves) + 1) * samples * flops > 5 * _REPORT_FLOPS:
        raise Skipped("the network is too large for its equivariance to be measured in a few seconds")
    return samples, moves
