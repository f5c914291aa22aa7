"""Fitting several networks of one architecture at once: the folds and seeds of a candidate.

The data lie on the device once; every step draws one batch for each network. On a GPU the networks run as one
(`vmap` over stacked weights); on a CPU, where grouped convolutions are slower than separate ones, in turn.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from workers.folds import Array, Split

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class FitOptions:
    """Optimiser settings; `patience` in epochs, `deadline` on time.monotonic()."""

    epochs: int
    classification: bool
    seed: int
    deadline: float
    learning_rate: float = 0.005
    weight_decay: float = 0.2
    patience: int = 6
    min_steps: int = 20
    warm_up: float = 1.0
    labels: tuple[Array, ...] = ()  # how the networks' group acts on their outputs, (p, p) each
    told: Callable[[int, list[float]], None] | None = None  # hears every epoch and the validation loss of each network


@dataclass
class Fitted:
    """Networks at their best epoch, and what calibrates each on its validation samples.

    A prediction is constants[k] + temperatures[k] * (outputs - constants[k]). `validation[k]`: losses of network k,
    calibrated, and of its constant on the samples of its validation, (2, samples).
    """

    networks: list[nn.Module]
    temperatures: list[float]
    constants: list[Tensor]
    validation: list[Tensor]
    epochs: int
    out_of_time: bool

    def predict(self, k: int, x: Tensor) -> Tensor:
        """Calibrated outputs of network k, (n, p)."""
        return self.constants[k] + self.temperatures[k] * (predict(self.networks[k], x) - self.constants[k])

    def offset(self) -> Tensor:
        """What is added to the mean of temperature times output over the networks, (p,)."""
        each = [(1.0 - t) * c for t, c in zip(self.temperatures, self.constants, strict=True)]
        return torch.stack(each).mean(0)


def sample_losses(outputs: Tensor, y: Tensor, classification: bool) -> Tensor:
    """Loss of each sample: nats for classes (outputs are scores), mean squared error over targets; (..., n)."""
    if classification:
        return F.cross_entropy(outputs.flatten(0, -2), y.flatten(), reduction="none").view(y.shape)
    return ((outputs - y) ** 2).mean(-1)


class _Together:
    """Runs K networks of one architecture on K batches: (K, batch, ...) -> (K, batch, p)."""

    def __init__(self, networks: Sequence[nn.Module], *, stacked: bool) -> None:
        self.networks = networks
        self.stacked = stacked
        every: list[dict[str, Tensor]] = [dict(net.named_parameters()) for net in networks]
        self.weights = {name: [one[name] for one in every] for name in every[0]}
        # Buffers that are not stored (indices, maps) follow from the architecture alone: one copy serves all.
        held = [net.state_dict(keep_vars=True) for net in networks]
        self.states = {name: [one[name] for one in held] for name in held[0] if name not in self.weights}

    def __call__(self, x: Tensor) -> Tensor:
        if not self.stacked:
            return torch.stack([net(batch) for net, batch in zip(self.networks, x, strict=True)])
        weights = {name: torch.stack(each) for name, each in self.weights.items()}
        states = {name: torch.stack(each) for name, each in self.states.items()}

        def one(w: dict[str, Tensor], s: dict[str, Tensor], batch: Tensor) -> Tensor:
            out: Tensor = functional_call(self.networks[0], (w, s), (batch,))
            return out

        out: Tensor = vmap(one)(weights, states, x)
        with torch.no_grad():  # normalisation layers wrote their running statistics into the stacks
            for name, each in self.states.items():
                torch._foreach_copy_(each, list(states[name].unbind()))
        return out


def batch_size(samples: int) -> int:
    """A power of two between 16 and 256, about a sixteenth of the samples."""
    return int(2 ** min(8, max(4, round(math.log2(max(samples, 16) / 16)))))


def fit(
    networks: list[nn.Module], x: Tensor, y: Tensor, splits: Sequence[Split], options: FitOptions, report: Report
) -> Fitted:
    """Train networks[k] on splits[k] and keep the running average of each at its epoch of least validation loss.

    AdamW at a constant rate after a warm-up of one epoch; averaging the weights over about an epoch does what annealing
    would, so that training can stop at any time. x: (n, ...) float, y: (n,) classes or (n, p) targets, both on the
    device of the networks. An epoch is one pass over the shortest training set, `min_steps` steps at least.
    """
    device = x.device
    generator = torch.Generator().manual_seed(options.seed)
    train = [torch.from_numpy(s.train) for s in splits]
    held = [torch.from_numpy(s.validation).to(device) for s in splits]
    shortest = min(len(t) for t in train)
    size = min(batch_size(shortest), shortest)
    steps = max(shortest // size, options.min_steps)
    together = _Together(networks, stacked=device.type != "cpu" and len(networks) > 1)
    parameters: list[Tensor] = [p for net in networks for p in net.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=options.learning_rate, weight_decay=options.weight_decay)
    warm_up = max(1, round(options.warm_up * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / warm_up))
    averages = copy.deepcopy(networks)
    averaged: list[Tensor] = [p for net in averages for p in net.parameters()]
    best = [math.inf] * len(networks)
    best_epoch = [0] * len(networks)
    kept = [copy.deepcopy(net.state_dict()) for net in networks]
    epoch, out_of_time = 0, False
    for epoch in range(1, options.epochs + 1):
        for net in networks:
            net.train()
        order = [_order(t, size * steps, generator) for t in train]
        for step in range(steps):
            rows = torch.stack([o[step * size : (step + 1) * size] for o in order]).to(device)
            loss = sample_losses(together(x[rows]), y[rows], options.classification).mean(-1).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                torch._foreach_lerp_(averaged, parameters, 1.0 / min(steps, (epoch - 1) * steps + step + 1))
        losses = []
        for k, (net, average) in enumerate(zip(networks, averages, strict=True)):
            _copy_buffers(net, average)
            outputs = predict(average, x[held[k]])
            value = float(sample_losses(outputs, y[held[k]], options.classification).mean())
            losses.append(value)
            if value < best[k]:
                best[k], best_epoch[k] = value, epoch
                kept[k] = copy.deepcopy(average.state_dict())
        report(epoch / options.epochs, f"epoch {epoch}")
        if options.told is not None:
            options.told(epoch, losses)
        out_of_time = time.monotonic() > options.deadline and epoch < options.epochs
        if out_of_time or epoch - max(best_epoch) >= options.patience:
            break
    fitted = Fitted(networks, [], [], [], epoch, out_of_time)
    for k, net in enumerate(networks):
        net.load_state_dict(kept[k])
        outputs, labels = predict(net, x[held[k]]), y[held[k]]
        known = y[torch.cat([train[k].to(device), held[k]])]
        constant = best_constant(known, outputs.shape[-1], options.classification, options.labels).to(outputs)
        temperature = _temperature(outputs, constant, labels, options.classification)
        fitted.temperatures.append(temperature)
        fitted.constants.append(constant)
        calibrated = torch.stack([constant + temperature * (outputs - constant), constant.expand_as(outputs)])
        both = [sample_losses(one, labels, options.classification) for one in calibrated]
        fitted.validation.append(torch.stack(both).cpu())
    return fitted


@torch.no_grad()
def _copy_buffers(source: nn.Module, target: nn.Module) -> None:
    """Running statistics of normalisation layers are averages already."""
    for (_, there), (_, here) in zip(target.named_buffers(), source.named_buffers(), strict=True):
        there.copy_(here)


def _order(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` row numbers: passes over `rows`, each freshly shuffled."""
    passes = -(-count // len(rows))
    shuffled = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(passes)]
    return torch.cat(shuffled)[:count]


@torch.no_grad()
def predict(network: nn.Module, x: Tensor, chunk: int = 1024) -> Tensor:
    """Outputs of a network in evaluation mode, (n, p)."""
    network.eval()
    return torch.cat([network(part) for part in x.split(chunk)])


def best_constant(y: Tensor, outputs: int, classification: bool, labels: Sequence[Array] = ()) -> Tensor:
    """The constant output of least loss among those that the matrices `labels` leave where they are, (outputs,).

    Log shares of the classes (half a sample added to each), or the mean target, averaged over the group.
    """
    if classification:
        counts = torch.bincount(y, minlength=outputs).double() + 0.5
        centre = counts / counts.sum()
    else:
        centre = y.double().mean(0)
    if labels:
        moves = torch.from_numpy(np.concatenate([np.asarray(a) - np.eye(outputs) for a in labels])).to(centre)
        # Orthogonal label matrices: the mean over the group projects onto what they all fix.
        _, sizes, rows = torch.linalg.svd(moves)
        fixed = rows[int((sizes > 1e-6).sum()) :]
        centre = fixed.T @ (fixed @ centre)
    return centre.clamp_min(1e-12).log() if classification else centre


@torch.no_grad()
def _temperature(outputs: Tensor, constant: Tensor, y: Tensor, classification: bool) -> float:
    """The factor in [0, 1.25] on outputs - constant that minimises the validation loss: 0 says nothing was learned."""
    factors = torch.linspace(0.0, 1.25, 51, device=outputs.device)
    losses = [sample_losses(constant + f * (outputs - constant), y, classification).mean() for f in factors]
    return float(factors[int(torch.stack(losses).argmin())])
