"""Real data with known answers, through the HTTP interface.

- tic-tac-toe, as 3 x 3 images about the centre and as 9-vectors with the board's permutations among other candidates:
  D4 must be certified and no permutation outside the board's eight
- a digit 6 against its half-turned copy (needs MNIST as an .npz with arrays x and y): the half turn exchanges the
  classes, so no group that contains it may stand above T

Writes `benchmarks/results/real_data.json`.

    python -m benchmarks.real_data [--mnist mnist.npz] [--digits 800]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.planted_images import TRUTHS
from benchmarks.service import Service
from erlangen_client import Client

RESULTS = Path(__file__).parent / "results" / "real_data.json"
BOARDS = Path(__file__).parents[1] / "app" / "demo" / "tic_tac_toe.npz"
TURN, MIRROR = [6, 3, 0, 7, 4, 1, 8, 5, 2], [2, 1, 0, 5, 4, 3, 8, 7, 6]
HALF_TURN = {"C2", "C4", "D2", "D2d", "D4"}


def ranked(client: Client, path: Path, candidates: list[Any], **budget: int) -> tuple[dict[str, Any], list[Any]]:
    """(search, ranking items) of a search over an uploaded file."""
    dataset = client.upload(path, name=path.stem)
    *_, ended = client.follow(client.start(dataset, candidates, budget=budget))
    if ended["state"] != "done":
        raise RuntimeError(f"the search ended {ended['state']}: {ended['error']}")
    return dict(ended.raw), client.ranking(ended["id"])["items"]


def show(title: str, ended: dict[str, Any], items: list[Any]) -> None:
    print(f"\n{title}: {ended['summary']}")
    for item in items:
        print(f"  {item['rank']:3} {item['group']:45} {item['verdict']:12} {item['posterior']:.3f}")


def tic_tac_toe(client: Client, folder: Path) -> dict[str, Any]:
    """Both views of the board."""
    with np.load(BOARDS, allow_pickle=False) as data:
        x, y = data["x"], data["y"]
    ended, items = ranked(client, BOARDS, [{"group": "D4", "translations": False}])
    show("tic-tac-toe, images", ended, items)
    image_right = (ended["best"]["group"], ended["best"]["verdict"]) == ("D4", "certified")
    path = folder / "boards-as-vectors.npz"
    np.savez(path, x=x.reshape(len(x), 9).astype(np.float32), y=y)
    board = {"group": "custom", "name": "D4 of the board", "generators": [TURN, MIRROR]}
    foreign = ["Z9", *({"group": "S2", "on": pair} for pair in ([0, 1], [0, 4], [1, 3], [3, 5], [2, 6]))]
    foreign += [{"group": "S3", "on": [0, 1, 2]}]
    ended, items = ranked(client, path, [board, *foreign], max_seconds=1800)
    show("tic-tac-toe, vectors", ended, items)
    element_rows = client.elements(ended["id"])["items"]
    inside = {e["element"] for e in element_rows if "D4 of the board" in e["in_groups"]}
    certified = [i["group"] for i in items if i["verdict"] == "certified"]
    broken = {group for e in element_rows if e["element"] not in inside for group in e["in_groups"]}
    wrong = sorted(broken & set(certified))
    vector_right = (ended["best"]["group"], ended["best"]["verdict"]) == ("D4 of the board", "certified")
    return {"image_right": image_right, "vector_right": vector_right, "certified_outside_the_board": wrong}


def half_turned_six(client: Client, folder: Path, mnist: Path, count: int) -> dict[str, Any]:
    """Class 0: sixes; class 1: other sixes turned by 180 degrees."""
    with np.load(mnist, allow_pickle=False) as data:
        sixes = data["x"][data["y"] == 6][:count]
    half = len(sixes) // 2
    x = np.concatenate([sixes[:half], sixes[half:, ::-1, ::-1]])
    path = folder / "six-and-half-turned-six.npz"
    np.savez(path, x=x, y=np.repeat([0, 1], [half, len(sixes) - half]))
    ended, items = ranked(client, path, list(TRUTHS), max_seconds=3000, max_epochs=15)
    show("6 against half-turned 6", ended, items)
    rank = {i["group"]: i["rank"] for i in items}
    above = sorted(g for g in HALF_TURN if rank[g] < rank["T"])
    refuted = sorted(i["group"] for i in items if i["verdict"] == "refuted")
    return {"samples": len(x), "half_turn_above_T": above, "refuted": refuted, "best": ended["best"]["group"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mnist", type=Path)
    parser.add_argument("--digits", type=int, default=800)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Service(Path(name) / "service", embedded_workers=0) as service:
        found = {"tic_tac_toe": tic_tac_toe(service.client, Path(name))}
        if options.mnist is not None:
            found["half_turned_six"] = half_turned_six(service.client, Path(name), options.mnist, options.digits)
    print(json.dumps(found, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
