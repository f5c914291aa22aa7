"""The same group convolutional network in escnn, timed on request by `benchmarks.convolution_speed`.

Run by the Python of an environment of escnn's own (gfortran to install it, numpy below 2); knows nothing of this
repository. Reads one JSON object per line: {"build": group, "fields": n, "size": k, "side": pixels} or
{"time": what, "batch": n, "repeats": r}, what being train, inference, exported or bank. Answers with seconds.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

warnings.filterwarnings("ignore")

import escnn  # noqa: E402
import torch  # noqa: E402
from escnn import gspaces  # noqa: E402
from escnn import nn as enn  # noqa: E402
from torch import Tensor, nn  # noqa: E402


class Network(nn.Module):
    """Three convolutions of regular fields, each with normalisation and ReLU, pooled between; an invariant readout."""

    def __init__(self, group: str, fields: int, size: int) -> None:
        super().__init__()
        n = int(group[1:])
        space = gspaces.rot2dOnR2(n) if group[0] == "C" else gspaces.flipRot2dOnR2(n)
        self.image = enn.FieldType(space, [space.trivial_repr])
        regular = enn.FieldType(space, fields * [space.regular_repr])
        layers: list[nn.Module] = []
        for source in (self.image, regular, regular):
            layers += [enn.R2Conv(source, regular, size, padding=size // 2, bias=False)]
            layers += [enn.InnerBatchNorm(regular), enn.ReLU(regular)]
            if len(layers) < 8:
                layers.append(enn.PointwiseAvgPool2D(regular, 2))
        self.features = enn.SequentialModule(*layers)
        self.pool = enn.GroupPooling(regular)
        self.head = nn.Linear(fields, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.features(enn.GeometricTensor(x, self.image))).tensor.mean((2, 3)))

    def exported(self) -> nn.Module:
        """Ordinary torch modules, by escnn's own export; its average pooling has none, and is torch's anyway."""
        layers = [
            nn.AvgPool2d(2) if isinstance(layer, enn.PointwiseAvgPool2D) else layer.export() for layer in self.features
        ]
        return nn.Sequential(*layers, self.pool.export(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), self.head)


class Peer:
    """One network and what is timed on it."""

    def __init__(self) -> None:
        self.network: Network | None = None
        self.prepared: dict[tuple[str, int], Callable[[], None]] = {}

    def build(self, group: str, fields: int, size: int, side: int) -> dict[str, Any]:
        started = time.perf_counter()
        self.network = Network(group, fields, size)
        seconds = time.perf_counter() - started
        self.side, self.prepared = side, {}
        return {"seconds": seconds, "parameters": sum(p.numel() for p in self.network.parameters())}

    def time(self, what: str, batch: int, repeats: int) -> dict[str, Any]:
        if (what, batch) not in self.prepared:
            self.prepared[what, batch] = self.prepare(what, batch)
        step = self.prepared[what, batch]
        started = time.perf_counter()
        for _ in range(repeats):
            step()
        return {"seconds": (time.perf_counter() - started) / repeats}

    def prepare(self, what: str, batch: int) -> Callable[[], None]:
        assert self.network is not None
        network = self.network
        x, y = torch.randn(batch, 1, self.side, self.side), torch.randint(0, 10, (batch,))
        if what == "bank":
            conv = next(layer for layer in list(network.features)[1:] if isinstance(layer, enn.R2Conv))
            gradient = torch.randn_like(conv.expand_parameters()[0])

            def bank() -> None:
                conv.zero_grad()
                conv.expand_parameters()[0].backward(gradient)

            return bank
        if what == "train":
            optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

            def train() -> None:
                network.train()
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x), y).backward()
                optimizer.step()

            return train
        network.eval()
        module = network.exported().eval() if what == "exported" else network

        def infer() -> None:
            if what == "inference":
                network.eval()  # keeps the expanded kernels; does nothing when it is in evaluation already
            with torch.no_grad():
                module(x)

        return infer


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    peer = Peer()
    print(json.dumps({"escnn": escnn.__version__, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "build" in request:
            answer = peer.build(request["build"], request["fields"], request["size"], request["side"])
        else:
            answer = peer.time(request["time"], request["batch"], request["repeats"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
