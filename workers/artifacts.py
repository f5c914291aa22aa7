"""What a trial leaves for people: the network in three forms, and how equivariant it is."""

from __future__ import annotations

import json
from pathlib import Path

import structlog

from models.export import Predictor, Trained, save_network, to_onnx

MAX_ONNX_BYTES = 64 * 1024 * 1024

log = structlog.get_logger("erlangen.artifacts")


def write_artifacts(out_dir: Path, trained: Trained) -> list[str]:
    """Write `network.safetensors`, `network.json` and `network.onnx`; returns a warning for each that failed.

    Only weights and their description are a trial's duty: an export that fails costs the file, not the trial.
    """
    (out_dir / "network.safetensors").write_bytes(save_network(trained))
    (out_dir / "network.json").write_text(json.dumps(trained.about(), indent=1))
    try:
        (out_dir / "network.onnx").write_bytes(_onnx(trained))
    except Exception as error:
        log.exception("no ONNX model was written")
        return [f"no ONNX model could be written: {type(error).__name__}: {error}"[:500]]
    return []


def _onnx(trained: Trained) -> bytes:
    predictor = Predictor(trained).cpu()
    size = sum(tensor.numel() * tensor.element_size() for tensor in predictor.state_dict().values())
    if size > MAX_ONNX_BYTES:
        raise ValueError(f"its expanded kernels take {size // 2**20} MiB, and {MAX_ONNX_BYTES // 2**20} are stored")
    return to_onnx(predictor, trained.config.x_shape)
