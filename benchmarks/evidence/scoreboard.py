"""The scoreboard: searches over planted and real data, their answers beside the truth, calibration, naive ranking.

    python -m benchmarks.evidence.scoreboard [--families lattice,traps] [--cells "n = 500"] [--seeds 0-1]
        [--data FOLDER] [--minutes 30] [--processes 1] [--epochs 20] [--folds 3] [--initialisations 1] [--stopping]
        [--keep FOLDER] [--report]

Every search adds a line to `benchmarks/results/evidence/FAMILY.jsonl` when it ends; a search that is there already,
with the same settings, is not run again. All cells come before the next seed: a run that ends early has done a little
of everything.
With `--keep` the trials stay, and a run into another `--folder` ranks them anew without training.
`--report` prints the tables of what is there and writes them to `scoreboard.json`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.evidence.families import families
from benchmarks.evidence.runner import Row, Settings, search
from benchmarks.evidence.tables import report

FOLDER = Path(__file__).parents[1] / "results" / "evidence"
Name = tuple[str, str, str, int]  # family, cell, truth, seed


def run(name: Name, settings: Settings, data: Path | None, keep: Path | None) -> Row:
    """One search by name; a search that raises is a row with its error."""
    family, cell_name, truth, seed = name
    cell = next(c for c in families(data)[family] if c.name == cell_name)
    row: Row = {"family": family, "cell": cell_name, "planted": truth, "seed": seed, "settings": asdict(settings)}
    try:
        kept = keep and keep / re.sub(r"[^\w.=-]+", "_", f"{'-'.join(map(str, name))}-{settings.key}")
        return row | (cell.run or search)(cell.make(truth, seed), seed, settings, kept)
    except Exception:
        return row | {"error": traceback.format_exc(limit=-4)}


def names(chosen: list[str], cells: list[str], seeds: range, data: Path | None) -> Iterator[Name]:
    """What is to be run, in order."""
    known = families(data)
    for seed in seeds:
        for family in chosen:
            for cell in known[family]:
                if not cells or any(text in cell.name for text in cells):
                    yield from ((family, cell.name, truth, seed) for truth in cell.truths)


def stored(folder: Path = FOLDER) -> list[Row]:
    """All rows on disk."""
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def revision() -> str:
    """The commit whose code runs, as git tells it."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def add(row: Row, folder: Path) -> None:
    """Append a row to its family's file, and print it."""
    with (folder / f"{row['family']}.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    title = f"{row['cell']:32.32} {row['planted']:14.14} {row['seed']:4}"
    if "error" in row:
        print(f"{title}  ERROR {row['error'].strip().splitlines()[-1]}", flush=True)
        return
    mark = " " if row["as_expected"] else "!"
    print(
        f"{title} {mark} {row['best']:18.18} {row['posterior']:.3f} {row['verdict']:12} {row['seconds']:6.0f} s  "
        f"false {len(row['false_certified'])}  {' '.join(row['certified'])}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", default="lattice,traps,turns,labels,permutations,kernels")
    parser.add_argument("--cells", default="", help="parts of cell names, separated by semicolons")
    parser.add_argument("--seeds", default="0-0")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--initialisations", type=int, default=1, help="of each network: `seeds` of the requests")
    parser.add_argument("--stopping", action="store_true", help="spare candidates that are settled")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--keep", type=Path, help="where trials are kept, and taken from if they are there already")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.report:
        found = report(stored(options.folder))
        (options.folder / "scoreboard.json").write_text(json.dumps(found, indent=1) + "\n")
        return
    first, _, last = options.seeds.partition("-")
    stopping = "settled" if options.stopping else None
    settings = Settings(options.epochs, options.folds, options.initialisations, stopping=stopping)
    parts = [part for part in options.cells.split(";") if part]
    asked = names(options.families.split(","), parts, range(int(first), int(last or first) + 1), options.data)
    key = json.dumps(asdict(settings))
    done = {
        (r["family"], r["cell"], r["planted"], r["seed"])
        for r in stored(options.folder)
        if json.dumps(r["settings"]) == key and "error" not in r
    }
    end = time.monotonic() + 60 * options.minutes
    _run_all([n for n in asked if n not in done], settings, options, end)


def _run_all(todo: list[Name], settings: Settings, options: argparse.Namespace, end: float) -> None:
    """Run what fits before `end`, a process a search; what has begun is finished."""
    about: dict[str, Any] = {"revision": revision()}
    if options.processes == 1:
        for name in todo:
            if time.monotonic() < end:
                add(run(name, settings, options.data, options.keep) | about, options.folder)
        return
    pending: set[Future[Row]] = set()
    waiting = iter(todo)
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        while True:
            while len(pending) < options.processes and time.monotonic() < end:
                name = next(waiting, None)
                if name is None:
                    break
                pending.add(pool.submit(run, name, settings, options.data, options.keep))
            if not pending:
                return
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                add(future.result() | about, options.folder)


if __name__ == "__main__":
    main()
