"""The benchmarks that need no data but their own, one after the other: what `make bench` runs.

    python -m benchmarks [--full] [--only evidence]

By default they are cut short where they take long, and their results go to a temporary folder, so that those of the
repository stay; `--full` runs everything as the documentation quotes it, which takes many hours, into the repository,
and needs PostgreSQL and Redis (`polling`, half of `kill`). Not among them: what needs data that is not shipped
(`rotated_digits`, `evidence.support`, `evidence.duplicates`), or Chromium (`pages`), what fits rather than measures
(`evidence.fit_combination`), and the parts of other benchmarks (`load`, `escnn_peer`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time

# Module, arguments that cut it short, the option that names where its results go.
RUNS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("construction", (), "--output"),
    ("convolution_speed", ("--rounds", "5"), "--output"),
    ("equivariance", ("--seeds", "1", "--images", "4"), "--output"),
    ("kill", ("--kills", "2", "--backends", "embedded"), "--output"),
    ("overhead", (), "--output"),
    ("sizes", ("--seeds", "2", "--labels", "25,50", "--epochs", "5"), "--output"),
    ("startup", (), "--output"),
    ("upload_memory", ("--images", "100000"), "--output"),
    ("evidence.marginal", ("--runs", "20"), "--output"),
    (
        "evidence.christie_aston",
        ("--runs", "4", "--examples", "6.1", "--sizes", "20,50", "--processes", "1"),
        "--output",
    ),
    ("evidence.vectors", ("--tasks", "20", "--processes", "1"), "--output"),
    ("evidence.inducing", ("--parts", "strong", "--seeds", "1", "--processes", "1"), "--output"),
    ("evidence.spectra", ("--truths", "C4,none", "--n", "300", "--epochs", "5"), "--output"),
    ("evidence.order", ("--tasks", "1"), "--output"),
    ("evidence.scoreboard", ("--families", "kernels", "--seeds", "0-19", "--minutes", "1"), "--folder"),
)
FULL_ALONE = ("polling",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="everything in full, into the repository's results")
    parser.add_argument("--only", default="", help="names that hold this text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = full() if options.full else short(folder)
        failed = [name for name, arguments in runs if options.only in name and not _ran(name, arguments)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def full() -> list[tuple[str, tuple[str, ...]]]:
    """Modules, and no arguments."""
    return [(name, ()) for name in (*(name for name, _, _ in RUNS), *FULL_ALONE)]


def short(folder: str) -> list[tuple[str, tuple[str, ...]]]:
    """Modules, and the arguments with which they end soon and write into `folder`."""
    return [(name, (*cut, where, f"{folder}/{name}" + ".json" * (where == "--output"))) for name, cut, where in RUNS]


def _ran(name: str, arguments: tuple[str, ...]) -> bool:
    print(f"== {name} {' '.join(arguments)}", flush=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False)
    print(f"   {time.monotonic() - started:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
