"""The scoreboard counts rightly: shares, intervals, calibration, false certificates; a stopped run goes on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evidence import scoreboard
from benchmarks.evidence.naive import naive_choice
from benchmarks.evidence.permutations import planted
from benchmarks.evidence.runner import Settings, search
from benchmarks.evidence.statistics import (
    calibration_interval,
    clopper_pearson,
    expected_calibration_error,
    reliability,
    wilson,
)
from benchmarks.evidence.tables import report


def test_wilson_interval_of_eight_in_ten() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_clopper_pearson_interval_without_a_hit_is_that_of_the_rule_of_three() -> None:
    low, high = clopper_pearson(0, 100)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert clopper_pearson(10, 10)[1] == 1.0


def test_calibration_error_is_that_of_the_bins() -> None:
    posterior, right = [0.95] * 10 + [0.55] * 10, [True] * 9 + [False] + [True] * 3 + [False] * 7
    assert expected_calibration_error(posterior, right) == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
    assert [b["searches"] for b in reliability(posterior, right)] == [10, 10]


def test_calibrated_posteriors_have_a_small_error_and_overconfident_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.3, 1.0, 4000)
    right = rng.uniform(size=4000) < p
    assert expected_calibration_error(p.tolist(), right.tolist()) < 0.03
    bold = np.sqrt(p)
    low, high = calibration_interval(bold.tolist(), right.tolist(), draws=200)
    assert 0.03 < low < expected_calibration_error(bold.tolist(), right.tolist()) < high


def test_naive_choice_is_the_most_accurate_network_and_ties_go_to_the_larger_group() -> None:
    plan = {"nodes": [{"name": "T", "bits": 0.0}, {"name": "C2", "bits": 1.0}, {"name": "C4", "bits": 2.0}]}

    def trial(position: int, accuracy: float, loss: float) -> dict[str, object]:
        measured = {"accuracy": {"mean": accuracy}, "gain_bits": 1.0 - loss}
        return {"position": position, "metrics": measured}

    trials = [trial(0, 0.8, 0.4), trial(1, 0.9, 0.6), trial(2, 0.9, 0.5)]
    assert naive_choice(plan, trials) == {"best": "C4", "by_loss": "T"}
    trials[1]["metrics"] = {"spared": "settled"}
    assert naive_choice(plan, trials) is None


def test_a_search_of_the_suite_finds_a_planted_block_product() -> None:
    row = search(planted("S2 x S2", 0, 80, "target"), 0, Settings(epochs=2, folds=2))
    assert row["best"] == "S2 x S2"
    assert row["exact"]
    assert row["false_certified"] == []
    assert row["seconds"] >= row["training_seconds"] > 0


def test_a_stopped_run_loses_nothing_and_does_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["scoreboard", "--families", "kernels", "--folder", str(tmp_path), "--seeds"]
    monkeypatch.setattr(sys, "argv", [*asked, "0"])
    scoreboard.main()
    monkeypatch.setattr(sys, "argv", [*asked, "0-1"])
    scoreboard.main()
    rows = [json.loads(line) for line in (tmp_path / "kernels.jsonl").read_text().splitlines()]
    assert [r["seed"] for r in rows] == [0, 1]
    found = report(rows)
    assert found["recovery"][0]["searches"] == found["calibration"]["searches"] == 2


def test_a_search_that_was_kept_is_ranked_anew_without_training(tmp_path: Path) -> None:
    task, settings = planted("S4", 0, 60, "target"), Settings(epochs=1, folds=2)
    first = search(task, 0, settings, tmp_path / "kept")
    again = search(task, 0, settings, tmp_path / "kept")
    assert again == first
