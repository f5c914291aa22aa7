"""One trial: train a candidate's network over folds and seeds, then let it testify about elements outside its group."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from models.actions.samples import sham_samples, transform_outputs, transform_samples
from models.export import Trained
from models.groups.action import is_trivial
from models.networks.build import build_network
from models.networks.config import NetworkConfig
from models.networks.matching import WIDTHS, network_cost
from models.networks.planned import planned_config
from models.networks.standardise import standardise
from workers.artifacts import write_artifacts
from workers.epochs import Told
from workers.evidence.laws import data_laws
from workers.evidence.support import supports
from workers.feature_evidence import feature_evidence
from workers.fitting import FitOptions, Fitted, Report, fit, predict
from workers.folds import Array
from workers.gallery import GALLERY, Speaker, gallery
from workers.intervals import mean_interval
from workers.kernel_evidence import kernel_said
from workers.learning_curves import PATIENCE, Train, learning_curve, seeds_of
from workers.patch_evidence import patch_evidence
from workers.samples import Samples, class_actions, constant_losses, interpolates, load_samples
from workers.scouting import find_label_actions
from workers.spectra import write_spectra
from workers.stopping import spared, stops
from workers.witnesses import Testimony, bits, fold_predictors, squared, testimony, validation_share

_LEAST_SPREAD = 0.01
_ANALYSES = 0.2  # of the budget of the trial that analyses the data: kept for that, and taken from training


def pick_device(name: str) -> torch.device:
    """`auto` takes a GPU where there is one. Raises ValueError for `cuda` without one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for, but this worker has no GPU")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _compute_exactly(threads: int) -> None:
    """Settings of torch under which the same job gives the same result, and convolutions are as exact as on a CPU."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False  # ten bits of mantissa would break equivariance visibly


def run_trial(job: dict[str, Any], out_dir: Path, report: Report, told: Told | None = None) -> dict[str, Any]:
    """Train, test, and write what the witnesses said and the network to `out_dir`; returns the trial's metrics.

    Files: `rows.npy`, `cluster.npy` (rows,), `base.npy`, `constant.npy` (witnesses, rows), `excess.npy` (witnesses,
    classes, rows; NaN where blind), and those of `workers.artifacts`. The same job gives the same result on one
    machine. `report(fraction, message)` is called at every epoch, and `told` at those of the candidate's own networks.
    """
    started = time.monotonic()
    _compute_exactly(max(1, int(job.get("threads") or 1)))
    request, plan, dataset = job["request"], job["plan"], job["dataset"]
    node = plan["nodes"][job["position"]]
    device = pick_device(job.get("device") or "auto")
    budget = request.get("budget") or {}
    parts = plan["scout"]["searches"] if "scout" in plan else len(plan["nodes"])
    deadline = started + max(5.0, float(budget.get("max_seconds") or 600) / parts)
    report(0.0, "reading the data")
    samples = load_samples(job)
    blind = set(node["classes"])
    constant = constant_losses(samples)
    config = planned_config(node, tuple(dataset["x_shape"]), samples.outputs)
    reason = spared(job)
    if reason is not None:
        report(1.0, "spared")
        return {**_spared_metrics(config, reason, job, samples, blind, out_dir), "seconds": time.monotonic() - started}
    if "scout" in plan:
        return {**_scout(config, node, samples, job, device, deadline, report), "seconds": time.monotonic() - started}
    extra = _positional(node["spec"])
    analyses = is_trivial(node["spec"])
    learnt_by = deadline - (_ANALYSES * max(deadline - time.monotonic(), 0.0) if analyses else 0.0)
    share = (0.7 if extra else 0.95) * (0.7 if seeds_of(request) else 1.0)
    began = time.monotonic()
    hears = None if told is None else _in_bits(told, job, samples)
    fitted = _fit(config, samples, job, device, learnt_by, lambda f, m: report(share * f, m), told=hears)
    seconds = (time.monotonic() - began) / len(fitted.networks)
    fits = [fitted]
    said = [_testify(str(node["name"]), fitted, samples, job, blind, constant, device)]
    metrics = _own_metrics(said[0], samples, fitted, node, job, device)
    out_of_time = fitted.out_of_time
    if extra is not None:
        # Translations are taken as given here; a network that knows positions testifies too, in case they do not hold.
        placed = _placed(config, extra)
        other = _fit(placed, samples, job, device, learnt_by, lambda f, m: report(share + 0.25 * f, "positions, " + m))
        fits.append(other)
        said.append(_testify("positions", other, samples, job, blind, constant, device))
        out_of_time |= other.out_of_time
    pictures: dict[str, Callable[[], bytes]] = {}
    if analyses:
        metrics["support"] = supports(samples, [a[0] for a in class_actions(plan)], dataset["domain"], deadline)
        metrics["duplicates"] = samples.duplicates
        metrics["laws"] = data_laws(samples, plan, dataset["domain"], deadline)
        if dataset["domain"] == "image2d":
            metrics["features"] = feature_evidence(samples, fitted, job, device, deadline)
        metrics["spectrum"] = write_spectra(out_dir, samples, fitted, job, device, deadline)
        if dataset["domain"] == "image2d":
            metrics["patches"] = patch_evidence(samples, job, device, 0.5 * (time.monotonic() + deadline))
        speakers = [Speaker(s, fold_predictors(f, samples)) for s, f in zip(said, fits, strict=True)]
        loss = bits if samples.classification else squared
        pictures[GALLERY] = lambda: gallery(samples, speakers, job, loss, device)
    kernel = kernel_said(samples, job, node["spec"], blind)
    if kernel is not None:
        metrics |= kernel.metrics()
        if kernel.testimony is not None:
            said.append(kernel.testimony)
    write_arrays(out_dir, samples, said, request)
    shift = samples.target_shift + samples.target_scale * fitted.offset().cpu().numpy()
    scale = samples.target_scale.tolist()
    trained = Trained(
        config, dataset["task"], fitted.networks, fitted.temperatures, shift.tolist(), scale, interpolates(plan)
    )
    left = write_artifacts(out_dir, trained, deadline, pictures)
    left["warnings"] += metrics.get("spectrum", {}).get("warnings", []) + cut_short(metrics)
    if out_of_time:
        left["warnings"].append("training stopped early: the budget of seconds was spent")
    cost = network_cost(config)
    if seeds_of(request):
        train = _trainer(config, job, device)
        curve = learning_curve(
            train, fitted, samples, request, constant, deadline, out_dir, lambda f, m: report(0.75 + 0.25 * f, m)
        )
        metrics["curve"] = {**curve, "training_seconds": seconds}
    report(1.0, "done")
    return {
        **metrics,
        **left,
        **_heard(said, samples),
        "parameters": cost.parameters,
        "flops": cost.flops,
        "fields": config.fields,
        "epochs": fitted.epochs,
        "device": device.type,
        "seconds": time.monotonic() - started,
    }


def _in_bits(told: Told, job: dict[str, Any], samples: Samples) -> Callable[[int, list[float]], None]:
    """What fitting tells of an epoch, in the units that people see: bits, or the share of the variance that is left."""
    epochs = _epochs(job)
    unit = math.log(2.0) if samples.classification else 1.0
    return lambda epoch, losses: told({"epoch": epoch, "epochs": epochs, "losses": [loss / unit for loss in losses]})


def _epochs(job: dict[str, Any]) -> int:
    return int((job["request"].get("budget") or {}).get("max_epochs") or 40)


def cut_short(metrics: dict[str, Any]) -> list[str]:
    """Warnings about what the budget left no time for among the analyses of the data."""
    poses = sum(found["coverage"] is None for found in metrics.get("support", []))
    laws = sum(law["pose_predicts_label"] is None for law in metrics.get("laws", []))
    more, warnings = "raise `max_seconds` of the budget", []
    if laws:
        of = f"of {len(metrics['laws'])} elements: {more}"
        unseen = f"whether the data shows the poses of {poses} and " if poses else ""
        warnings.append(f"the budget left no time to find out {unseen}whether p(x) is symmetric under {laws} {of}")
    if metrics.get("features", {}).get("cut"):
        warnings.append(f"the budget left no time to weigh the groups by read-outs of features: {more}")
    elif metrics.get("patches", {}).get("cut"):
        warnings.append(f"the budget left no time to weigh the groups by patches of the images: {more}")
    return warnings


def _scout(
    config: NetworkConfig,
    node: dict[str, Any],
    samples: Samples,
    job: dict[str, Any],
    device: torch.device,
    deadline: float,
    report: Report,
) -> dict[str, Any]:
    """The metrics of a scout: the label actions read off its networks (see `workers.scouting`)."""
    extra = _positional(node["spec"])
    configs = [config] + ([_placed(config, extra)] if extra else [])

    def reporting(k: int) -> Report:
        return lambda fraction, message: report((k + 0.95 * fraction) / len(configs), message)

    fitted = [_fit(one, samples, job, device, deadline, reporting(k)) for k, one in enumerate(configs)]
    networks = [fold_predictors(f, samples) for f in fitted]
    found = find_label_actions(job, samples, networks, device)
    report(1.0, "done")
    return {"label_actions": found, "epochs": max(f.epochs for f in fitted), "device": device.type}


def _placed(config: NetworkConfig, spec: dict[str, Any]) -> NetworkConfig:
    return NetworkConfig(spec, config.x_shape, config.outputs, WIDTHS["image2d"] // 2)


def _spared_metrics(
    config: NetworkConfig, reason: str, job: dict[str, Any], samples: Samples, blind: set[int], out_dir: Path
) -> dict[str, Any]:
    """The metrics of a candidate that was not trained: its cost, and its kernel's evidence where there is one."""
    metrics: dict[str, Any] = {"spared": reason, "files": [], "missing": {"network": reason}, "warnings": []}
    node = job["plan"]["nodes"][job["position"]]
    kernel = kernel_said(samples, job, node["spec"], blind)
    said = [] if kernel is None or kernel.testimony is None else [kernel.testimony]
    if kernel is not None:
        metrics |= kernel.metrics()
    if said:
        write_arrays(out_dir, samples, said, job["request"])
    cost = network_cost(config)
    about = {"parameters": cost.parameters, "flops": cost.flops, "fields": config.fields, "epochs": 0}
    return {**metrics, **about, **_heard(said, samples)}


def _heard(said: list[Testimony], samples: Samples) -> dict[str, Any]:
    """What the ranking must know of the witnesses beside their arrays, in the same order."""
    return {
        "witnesses": [s.name for s in said],
        "validation_shares": [s.share for s in said],
        "loss_bounds": [s.bound for s in said],
        "folds": len(samples.splits),
    }


def _positional(spec: dict[str, Any]) -> dict[str, Any] | None:
    """The network that testifies beside an ordinary convolutional one (T): the same without translations."""
    return {**spec, "translations": False} if spec["translations"] and is_trivial(spec) else None


def _fit(
    config: NetworkConfig,
    samples: Samples,
    job: dict[str, Any],
    device: torch.device,
    deadline: float,
    report: Report,
    patience: int = FitOptions.patience,
    min_steps: int = FitOptions.min_steps,
    told: Callable[[int, list[float]], None] | None = None,
) -> Fitted:
    request = job["request"]
    seeds = int(request.get("seeds") or 1)
    networks: list[nn.Module] = []
    x = torch.from_numpy(samples.x).to(device)
    y = torch.from_numpy(samples.y).to(device)
    for k in range(len(samples.splits) * seeds):
        torch.manual_seed(int(request.get("seed") or 0) * 1_000_003 + job["position"] * 1009 + k)
        network = build_network(config)
        standardise(network, torch.from_numpy(samples.x[:20_000]), config.spec)
        networks.append(network.to(device))
    options = FitOptions(
        epochs=_epochs(job),
        classification=samples.classification,
        seed=int(request.get("seed") or 0) * 7919 + job["position"],
        deadline=deadline,
        labels=_label_matrices(job),
        patience=patience,
        min_steps=min_steps,
        told=told,
    )
    return fit(networks, x, y, [s for s in samples.splits for _ in range(seeds)], options, report)


def _label_matrices(job: dict[str, Any]) -> tuple[Array, ...]:
    """How the elements of the candidate move labels; none where they stay put."""
    plan = job["plan"]
    actions = [plan["classes"][c]["action"] for c in plan["nodes"][job["position"]]["classes"]]
    return tuple(np.asarray(a["labels"]) for a in actions if a["labels"] is not None)


def _trainer(config: NetworkConfig, job: dict[str, Any], device: torch.device) -> Train:
    """Fits one network of the candidate to each split of the samples that it is given."""

    def train(part: Samples, epochs: int, min_steps: int, deadline: float, report: Report) -> Fitted:
        budget = {**(job["request"].get("budget") or {}), "max_epochs": epochs}
        alone = {**job, "request": {**job["request"], "seeds": 1, "budget": budget}}
        return _fit(config, part, alone, device, deadline, report, PATIENCE, min_steps)

    return train


def _testify(
    name: str,
    fitted: Fitted,
    samples: Samples,
    job: dict[str, Any],
    blind: set[int],
    constant: np.ndarray[Any, Any],
    device: torch.device,
) -> Testimony:
    predictors = fold_predictors(fitted, samples)
    loss = bits if samples.classification else squared
    said = testimony(name, predictors, samples, torch.from_numpy(samples.y), loss, job, blind, constant, device)
    return replace(said, share=validation_share(fitted.validation))


def _own_metrics(
    said: Testimony,
    samples: Samples,
    fitted: Fitted,
    node: dict[str, Any],
    job: dict[str, Any],
    device: torch.device,
) -> dict[str, Any]:
    """Accuracy or R2, loss and gain with 95 % intervals, and the network's own equivariance error."""
    rows = np.concatenate(samples.tests)
    cluster = samples.cluster[rows]
    metrics: dict[str, Any] = {}
    if samples.classification:
        right = []
        for predictor, test in zip(fold_predictors(fitted, samples), samples.tests, strict=True):
            scores = predictor(torch.from_numpy(samples.x[test]).to(device))
            right.append((scores.argmax(-1).cpu().numpy() == samples.y[test]).astype(float))
        metrics["accuracy"] = mean_interval(np.concatenate(right), cluster, least=0.0, most=1.0)
        metrics["loss_bits"] = mean_interval(said.base, cluster, least=0.0)
        metrics["gain_bits"] = float((said.constant - said.base).mean())
    else:
        total = float(said.constant.mean())
        share = mean_interval(1.0 - said.base / total, cluster, most=1.0)
        metrics["r2"] = share
        coded = {k: None if v is None else _code_bits(v, samples.outputs) for k, v in share.items()}
        metrics["loss_bits"] = {"mean": coded["mean"], "low": coded["high"], "high": coded["low"]}
        metrics["gain_bits"] = -_code_bits(float((1.0 - said.base / total).mean()), samples.outputs)
    metrics["equivariance_error"] = equivariance_error(fitted.networks[0], samples, node, job, device)
    return metrics


def _code_bits(r2: float, targets: int) -> float:
    """Bits a sample of a Gaussian code of one width for so many targets, relative to the best constant's."""
    return 0.5 * targets * float(np.log2(max(1.0 - r2, 1e-9)))


@torch.no_grad()
def equivariance_error(
    network: nn.Module, samples: Samples, node: dict[str, Any], job: dict[str, Any], device: torch.device
) -> float:
    """Largest |f(g x) - g f(x)| over the group's classes, relative to the outputs' spread, on 64 samples.

    Outputs that are all but constant have a spread of rounding errors; a hundredth of their unit (a nat of a logit, a
    standard deviation of a target) stands for it then. For an interpolated element x is the sham: what the
    interpolation itself loses is no error of the network.
    """
    x = torch.from_numpy(samples.x[:64]).to(device)
    outputs = predict(network, x)
    spread = max(float(outputs.std()), _LEAST_SPREAD)
    worst = 0.0
    for c in node["classes"]:
        action = job["plan"]["classes"][c]["action"]
        moved = predict(network, transform_samples(x, action, job["dataset"]["domain"]))
        unmoved = predict(network, sham_samples(x, action)) if action.get("interpolated") else outputs
        worst = max(worst, float((moved - transform_outputs(unmoved, action)).abs().max()) / spread)
    return worst


def write_arrays(out_dir: Path, samples: Samples, said: list[Testimony], request: dict[str, Any]) -> None:
    """The files of a trial that tell what its witnesses said (see `run_trial`)."""
    rows = np.concatenate(samples.tests)
    np.save(out_dir / "rows.npy", rows)
    np.save(out_dir / "cluster.npy", samples.cluster[rows])
    np.save(out_dir / "base.npy", np.stack([s.base for s in said]).astype(np.float32))
    np.save(out_dir / "constant.npy", np.stack([s.constant for s in said]).astype(np.float32))
    np.save(out_dir / "excess.npy", np.stack([s.excess for s in said]).astype(np.float32))
    np.save(out_dir / "fold.npy", np.repeat(np.arange(len(samples.tests)), [len(t) for t in samples.tests]))
    if stops(request):
        np.save(out_dir / "bounded.npy", np.stack([s.bounded for s in said]).astype(np.float32))
