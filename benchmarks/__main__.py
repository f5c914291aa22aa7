"""The benchmarks that need nothing but the project, one after the other: what `make bench` runs.

    python -m benchmarks [--full] [--only evidence]

By default the suites of the evidence are cut short and their results go to a temporary folder, so that those of the
repository stay; `--full` runs everything as the documentation quotes it, which takes many hours. Not among them: what
needs data that is not shipped (`rotated_digits`, `evidence.support`, `evidence.duplicates`), or Chromium (`pages`),
what fits rather than measures (`evidence.fit_combination`), and the parts of other benchmarks (`load`, `escnn_peer`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time

PLAIN = ("construction", "convolution_speed", "equivariance", "kill", "overhead", "polling", "sizes", "startup",
         "upload_memory")  # fmt: skip
# Module, arguments that cut it short, the option that names where its results go.
EVIDENCE = (
    ("evidence.marginal", ("--runs", "20"), "--output"),
    (
        "evidence.christie_aston",
        ("--runs", "4", "--examples", "6.1", "--sizes", "20,50", "--processes", "1"),
        "--output",
    ),
    ("evidence.vectors", ("--tasks", "20", "--processes", "1"), "--output"),
    ("evidence.spectra", ("--truths", "C4,none", "--n", "300", "--epochs", "5"), "--output"),
    ("evidence.order", ("--tasks", "1"), "--output"),
    ("evidence.scoreboard", ("--families", "kernels", "--seeds", "0-19", "--minutes", "1"), "--folder"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the evidence in full, into the repository's results")
    parser.add_argument("--only", default="", help="names that hold this text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [(name, ()) for name in PLAIN] + [
            (name, () if options.full else (*short, where, f"{folder}/{name}" + ".json" * (where == "--output")))
            for name, short, where in EVIDENCE
        ]
        failed = [name for name, arguments in runs if options.only in name and not _ran(name, arguments)]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _ran(name: str, arguments: tuple[str, ...]) -> bool:
    print(f"== {name} {' '.join(arguments)}", flush=True)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False)
    print(f"   {time.monotonic() - started:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
