"""Planted vector tasks and searches without networks."""

import numpy as np
import pytest
import torch

from benchmarks.evidence.christie_aston import plan_of, sample
from benchmarks.evidence.vectors import draw, reliability, search
from models.actions.samples import transform_outputs, transform_samples
from workers.samples import class_actions


def test_kernel_evidence_answers_a_search_without_networks():
    x, y = sample("6.1", 2, 80, 0)
    ranking, trials = search(x, y, plan_of("6.1", 2), task="regression", classes=None)
    assert ranking["best"]["group"] == "D2"
    assert ranking["best"]["posterior"] > 0.9
    assert all("log2_evidence" in t["metrics"] for t in trials)
    by_score = [row["score"] for row in ranking["rows"]]
    by_posterior = [row["posterior"] for row in ranking["rows"]]
    assert by_score == sorted(by_score, reverse=True)
    assert by_posterior == sorted(by_posterior, reverse=True)


@pytest.mark.parametrize("seed", range(8))
def test_labels_of_a_task_obey_the_planted_group_up_to_noise(seed):
    task = draw(seed)
    again = draw(seed)
    assert np.array_equal(task.x, again.x)
    assert np.array_equal(task.y, again.y)
    clean = task.function(task.x.astype(float))[:, None]
    for c, actions in enumerate(class_actions(task.plan)):
        moved = task.function(transform_samples(torch.from_numpy(task.x).double(), actions[0], "vector").numpy())[
            :, None
        ]
        if task.task == "classification":
            sign = -1.0 if actions[0]["labels"] is not None else 1.0
            expected = sign * clean
        else:
            expected = transform_outputs(torch.from_numpy(clean), actions[0]).numpy()
        broken = float(((moved - expected) ** 2).mean() / clean.var())
        assert (broken < 1e-9) == (c in task.plan["nodes"][task.truth]["classes"])


def test_reliability_of_an_honest_and_of_a_boastful_judge():
    rng = np.random.default_rng(0)

    def judged(said, chance):
        exact = bool(rng.random() < chance)
        nodes = [{"kernel": 0.0}, {"kernel": 1.0}]
        return {"posterior": said, "exact": exact, "truth": 1, "nodes": nodes, "falsely_certified": []}

    honest = reliability([judged(p, p) for p in rng.uniform(0.2, 1.0, 4000)])
    boastful = reliability([judged(0.99, 0.7) for _ in range(1000)])
    assert honest["calibration_error"] < 0.03
    assert honest["hit_rate_kernel_alone"] == 1.0
    assert boastful["calibration_error"] == pytest.approx(0.29, abs=0.05)
    assert boastful["above_97"] == 1000
    assert boastful["above_97_right"] < 800
