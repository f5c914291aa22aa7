"""What a trial leaves for people: the network in three forms, and how equivariant it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from models.export import Predictor, Trained, save_network, to_onnx

MAX_ONNX_BYTES = 64 * 1024 * 1024
_LONGEST_REASON = 500

log = structlog.get_logger("erlangen.artifacts")


def write_artifacts(out_dir: Path, trained: Trained) -> dict[str, Any]:
    """Write `network.safetensors`, `network.json` and `network.onnx` to `out_dir`.

    Returns `files`, the names of what was written, `missing`, {name: reason}, and `warnings`. Only the weights and
    their description are a trial's duty: an export that fails costs its file, not the trial.
    """
    (out_dir / "network.safetensors").write_bytes(save_network(trained))
    (out_dir / "network.json").write_text(json.dumps(trained.about(), indent=1))
    optional: dict[str, Callable[[], bytes]] = {"network.onnx": lambda: _onnx(trained)}
    files, missing, warnings = ["network.safetensors", "network.json"], {}, []
    for name, make in optional.items():
        try:
            (out_dir / name).write_bytes(make())
            files.append(name)
        except Exception as error:
            log.exception("a file of the trial could not be written", file=name)
            missing[name] = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
            warnings.append(f"no {name}: {missing[name]}")
    return {"files": files, "missing": missing, "warnings": warnings}


def _onnx(trained: Trained) -> bytes:
    predictor = Predictor(trained).cpu()
    size = sum(tensor.numel() * tensor.element_size() for tensor in predictor.state_dict().values())
    if size > MAX_ONNX_BYTES:
        raise ValueError(
            f"the expanded kernels take {size / 2**20:.0f} MiB; up to {MAX_ONNX_BYTES // 2**20} are stored"
        )
    return to_onnx(predictor, trained.config.x_shape)
