"""What a group convolution costs beside an ordinary one of the same width, and beside escnn's.

Three layers of 8 fields and 5 x 5 kernels on 28 x 28 pixels, normalisation, ReLU and pooling; the floor is the same
network of ordinary convolutions with |G| times as many channels. One thread; in every round floor, ours, ours with
separable convolutions and escnn take turns, and what is reported is the median over rounds of the ratio to the floor
of the same round (with the quartiles). Timings mean something on a quiet machine alone: the load is recorded.
Writes `benchmarks/results/convolution_speed.json`.

    python -m benchmarks.convolution_speed [--rounds 30] [--groups C4,D4,C8,D8] [--batches 64,8,1]
        [--escnn-python PATH]

escnn 1.0.11 needs an environment of its own: gfortran, then `pip install "numpy<2" "setuptools<81" torch==2.13.0
escnn==1.0.11`. Its interpreter is given by --escnn-python or ERLANGEN_ESCNN_PYTHON; without one it is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.export import fold_network
from models.groups.action import ActingGroup, acting_group
from models.groups.planar import planar_generators
from models.layers.planar import CentredPool2d, FieldNorm2d, GroupConv2d, LiftingConv2d, PlaneMean
from models.layers.regular import CovariantHead
from models.layers.separable import SeparableGroupConv2d

RESULTS = Path(__file__).parent / "results" / "convolution_speed.json"
FIELDS, SIZE, SIDE, CLASSES = 8, 5, 28, 10
TARGETS = {"train 64": 1.03, "train 8": 1.07, "train 1": 1.20, "inference": 1.00}
BANK_TARGETS_MS = {"C4": 0.14, "D4": 0.25, "C8": 0.30, "D8": 0.72}
COLD = """
import sys, time
import torch
from benchmarks.convolution_speed import group_network, planar
started = time.perf_counter()
group_network(planar(sys.argv[1]), False)
print(time.perf_counter() - started)
"""

Step = Callable[[], None]


def planar(name: str) -> ActingGroup:
    return acting_group((0, 1), planar_generators(name) or [])


def group_network(acting: ActingGroup, separable: bool) -> nn.Sequential:
    """Our network; its convolutions need no bias before a normalisation."""
    order = acting.group.order
    conv = SeparableGroupConv2d if separable else GroupConv2d
    layers: list[nn.Module] = []
    for block in range(3):
        layers.append(
            conv(acting, FIELDS, FIELDS, SIZE, bias=False)
            if block
            else LiftingConv2d(acting, 1, FIELDS, SIZE, bias=False)
        )
        layers += [FieldNorm2d(FIELDS, order), nn.ReLU(inplace=True)]
        layers += [CentredPool2d()] if block < 2 else []
    return nn.Sequential(*layers, PlaneMean(order), CovariantHead(acting, FIELDS, CLASSES))


def floor_network(width: int) -> nn.Sequential:
    """The ordinary network with `width` channels in every layer."""
    layers: list[nn.Module] = []
    for block in range(3):
        layers += [nn.Conv2d(width if block else 1, width, SIZE, padding=SIZE // 2, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        layers += [nn.AvgPool2d(2)] if block < 2 else []
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))


def train_step(network: nn.Module, batch: int) -> Step:
    x, y = torch.randn(batch, 1, SIDE, SIDE), torch.randint(0, CLASSES, (batch,))
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    def step() -> None:
        network.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    return step


def inference(network: nn.Module, batch: int) -> Step:
    x = torch.randn(batch, 1, SIDE, SIDE)
    network.eval()

    def step() -> None:
        with torch.no_grad():
            network(x)

    return step


def bank_step(layer: GroupConv2d) -> Step:
    gradient = torch.randn_like(layer.kernel())

    def step() -> None:
        layer.weight.grad = None
        layer.kernel().backward(gradient)

    return step


def seconds(step: Step, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - started) / repeats


class Peer:
    """escnn in its own process: it works only while it is asked to."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("escnn_peer.py")
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.versions = self._answer()

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"escnn's process ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def paired(timed: dict[str, Callable[[], float]], rounds: int) -> dict[str, Any]:
    """Each contender once a round; the first is the one that the others are divided by."""
    for contender in timed.values():
        contender()  # warm
    table = [[contender() for contender in timed.values()] for _ in range(rounds)]
    result: dict[str, Any] = {}
    for i, name in enumerate(timed):
        ratios = [row[i] / row[0] for row in table]
        quartiles = statistics.quantiles(ratios, n=4) if rounds > 1 else [ratios[0]] * 3
        result[name] = {
            "milliseconds": 1e3 * statistics.median(row[i] for row in table),
            "ratio": statistics.median(ratios),
            "quartiles": [quartiles[0], quartiles[2]],
        }
    return result


def measure(group: str, batches: list[int], rounds: int, peer: Peer | None) -> dict[str, Any]:
    acting = planar(group)
    ours, separable = group_network(acting, False), group_network(acting, True)
    floor = floor_network(FIELDS * acting.group.order)
    cold = subprocess.run([sys.executable, "-c", COLD, group], capture_output=True, text=True, check=True)
    result: dict[str, Any] = {
        "group": group,
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in (("floor", floor), ("ours", ours), ("separable", separable))
        },
        "construction_seconds": {"ours": float(cold.stdout)},
    }
    if peer is not None:
        built = peer.ask(build=group, fields=FIELDS, size=SIZE, side=SIDE)
        result["parameters"]["escnn"] = built["parameters"]
        result["construction_seconds"]["escnn"] = built["seconds"]

    def asked(what: str, batch: int, repeats: int) -> Callable[[], float]:
        assert peer is not None
        return lambda: float(peer.ask(time=what, batch=batch, repeats=repeats)["seconds"])

    def here(step: Step, repeats: int) -> Callable[[], float]:
        return lambda: seconds(step, repeats)

    bank = {"ours": here(bank_step(GroupConv2d(acting, FIELDS, FIELDS, SIZE, bias=False)), 20)}
    if peer is not None:
        bank["escnn"] = asked("bank", 1, 20)
    result["bank"] = paired(bank, rounds)
    for batch in batches:
        repeats = 1 if batch > 8 else 3
        timed = {
            name: here(train_step(network, batch), repeats)
            for name, network in (("floor", floor), ("ours", ours), ("separable", separable))
        }
        if peer is not None:
            timed["escnn"] = asked("train", batch, repeats)
        result[f"train {batch}"] = paired(timed, rounds)
        timed = {"floor": here(inference(floor, batch), repeats)}
        for name, network in (("ours", ours), ("separable", separable)):
            timed[name] = here(inference(fold_network(network.eval()), batch), repeats)
        if peer is not None:
            timed["escnn"] = asked("inference", batch, repeats)
            timed["escnn exported"] = asked("exported", batch, repeats)
        result[f"inference {batch}"] = paired(timed, rounds)
    return result


def show(row: dict[str, Any]) -> None:
    built = ", ".join(f"{name} {1e3 * value:.0f} ms" for name, value in row["construction_seconds"].items())
    print(f"{row['group']}: construction {built}; parameters {row['parameters']}")
    for what, cells in row.items():
        if isinstance(cells, dict) and what not in ("parameters", "construction_seconds"):
            target = (
                BANK_TARGETS_MS[row["group"]] if what == "bank" else TARGETS.get(what, TARGETS.get(what.split()[0]))
            )
            values = "  ".join(
                f"{name} {cell['milliseconds']:.3f} ms" if what == "bank" else f"{name} {cell['ratio']:.3f}"
                for name, cell in cells.items()
            )
            print(f"  {what:13} {values}   (target {target})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--groups", default="C4,D4,C8,D8")
    parser.add_argument("--batches", default="64,8,1")
    parser.add_argument("--escnn-python", default=os.environ.get("ERLANGEN_ESCNN_PYTHON"))
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    peer = Peer(options.escnn_python) if options.escnn_python else None
    rows = []
    for group in options.groups.split(","):
        rows.append(measure(group, [int(b) for b in options.batches.split(",")], options.rounds, peer))
        show(rows[-1])
        record = {
            "machine": platform.processor() or platform.machine(),
            "torch": torch.__version__,
            "peer": None if peer is None else peer.versions,
            "rounds": options.rounds,
            "load_average": os.getloadavg(),
            "targets": {**TARGETS, "bank_milliseconds": BANK_TARGETS_MS},
            "rows": rows,
        }
        options.output.write_text(json.dumps(record, indent=1) + "\n")
    if peer is not None:
        peer.close()


if __name__ == "__main__":
    main()
