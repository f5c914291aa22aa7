"""Rankings of groups that cannot be listed, from made-up testimony: what is told apart, and what stays untested."""

import numpy as np
import pytest

from models.groups.plan import plan_search
from workers.ranking import rank_search

IMAGE = {"domain": "image2d", "x_shape": (1, 16, 16), "task": "classification", "target_dim": None, "classes": 2}
ROWS = 4000


@pytest.fixture
def ranked(tmp_path):
    """ranked(candidates, defects, ...) -> ranking, from one network without symmetry that learned .8 of a bit."""

    def run(candidates, defects, *, p_value=0.5, errors=None):
        plan = plan_search(candidates, **IMAGE, include_subgroups=True, max_candidates=64)
        rng = np.random.default_rng(0)
        trials = []
        for position, node in enumerate(plan["nodes"]):
            here = tmp_path / str(len(list(tmp_path.iterdir())))
            here.mkdir()
            base = rng.normal(0.2, 0.1, (1, ROWS))
            excess = np.stack(
                [rng.normal(0.8 * defects.get(c["element"], 0.0), 0.1, (1, ROWS)) for c in plan["classes"]], axis=1
            )
            excess[:, node["classes"]] = np.nan
            arrays = {"base": base, "constant": np.ones((1, ROWS)), "excess": excess, "cluster": np.arange(ROWS)}
            for name, array in arrays.items():
                np.save(here / f"{name}.npy", array)
            metrics = {"witnesses": [node["name"]], "gain_bits": 0.8}
            metrics["equivariance_error"] = (errors or {}).get(node["name"], 0.01)
            if position == 0:
                metrics["support"] = [{"status": "shown", "p_value": p_value}] * len(plan["classes"])
            files = {f"{name}.npy": str(here / f"{name}.npy") for name in arrays}
            trials.append({"position": position, "state": "done", "metrics": metrics, "error": None, "arrays": files})
        return rank_search({"plan": plan, "request": {"tolerance": 0.05, "weights": {}}, "trials": trials})

    return run


def verdicts(ranking):
    return {row["evidence"]["name"]: row["verdict"] for row in ranking["rows"]}


def test_a_symmetry_of_every_angle_is_preferred_where_no_angle_shows_a_defect(ranked):
    ranking = ranked(["SO(2)", "C16"], {})
    assert (ranking["best"]["group"], ranking["best"]["verdict"]) == ("SO(2)", "certified")
    assert ranking["rows"][0]["evidence"]["complexity_term"] == 6.0


def test_defects_at_other_angles_leave_the_finite_group(ranked):
    foreign = {"r45": 2.0, "r22.5": 3.0, "r120": 2.0, "r72": 2.5, "r137.508": 1.0}
    ranking = ranked(["SO(2)"], foreign)
    assert ranking["best"]["group"] == "C4"
    assert {name for name, v in verdicts(ranking).items() if v == "refuted"} == {"C8", "SO(2)"}


def test_scalings_that_reach_beyond_the_data_are_untested_rather_than_refuted(ranked):
    lost = {"s2^1/4": 0.3, "s4/3": 0.6, "s2^1/2": 1.0}
    assert verdicts(ranked(["Scale"], lost, p_value=0.5))["Scale"] == "refuted"
    assert verdicts(ranked(["Scale"], lost, p_value=1e-9))["Scale"] == "untested"
    assert verdicts(ranked(["Scale"], {}, p_value=1e-9))["Scale"] == "certified"
    assert verdicts(ranked(["SO(2)"], {"r45": 1.0}, p_value=1e-9))["SO(2)"] == "refuted"


def test_a_network_that_breaks_its_symmetry_is_named(ranked):
    ranking = ranked(["C8"], {}, errors={"C8": 3.0})
    assert any("network of C8 breaks the symmetry" in w for w in ranking["warnings"])
    assert not any("network of C4" in w for w in ranking["warnings"])


def test_certified_groups_of_like_posterior_are_named_together(ranked):
    both = ranked(["D1", "D1y"], {})["warnings"]
    assert [w for w in both if w.startswith("not told apart: D1, D1y are all certified")]
    assert not any(w.startswith("not told apart") for w in ranked(["D1", "D1y"], {"my": 1.0})["warnings"])
