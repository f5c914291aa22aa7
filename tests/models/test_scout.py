"""Planning a search whose label actions are to be found."""

import numpy as np
import pytest

from models.groups.errors import CandidateError
from models.groups.plan import plan_search
from models.groups.scout import plan_found, plan_or_scout

IMAGE = {"domain": "image2d", "x_shape": (1, 8, 8), "task": "classification", "target_dim": None, "classes": 2}
VECTOR = {"domain": "vector", "x_shape": (4,), "task": "classification", "target_dim": None, "classes": 3}
TARGETS = {"domain": "vector", "x_shape": (4,), "task": "regression", "target_dim": 2, "classes": None}
LIMITS = {"include_subgroups": True, "max_candidates": 64}


def found(labels="permutation", **maps):
    return [{"candidate": 0, "labels": labels, "maps": maps}]


def names(plan):
    return [node["name"] for node in plan["nodes"]]


def test_a_search_without_labels_to_be_found_is_planned_at_once():
    assert plan_or_scout(["C4"], **IMAGE, **LIMITS) == plan_search(["C4"], **IMAGE, **LIMITS)
    assert plan_or_scout("auto", **IMAGE, **LIMITS) == plan_search("auto", **IMAGE, **LIMITS)


def test_the_scout_is_the_network_without_symmetry():
    plan = plan_or_scout(["T", {"group": "D1", "labels": "permutation"}], **IMAGE, **LIMITS)
    assert names(plan) == ["T"]
    assert plan["nodes"][0]["classes"] == []
    assert [c["element"] for c in plan["classes"]] == ["mx"]


def test_the_action_that_was_found_competes_with_labels_in_place():
    scout = plan_or_scout([{"group": "C4", "labels": "permutation"}], **IMAGE, **LIMITS)["scout"]
    plan = plan_found(scout, found(label_generators=[[1, 0]]))
    assert sorted(names(plan)) == ["C2", "C4", "C4 [permutation]", "T"]
    moved = [c for c in plan["classes"] if c["action"]["labels"]]
    assert [c["title"] for c in moved] == ["rotation by 90°, labels: permutation (0 1)"]
    assert plan["found"][0]["maps"] == {"label_generators": [[1, 0]]}


def test_labels_that_stay_put_are_planned_once_and_said_to():
    scout = plan_or_scout(["C4", {"group": "C4", "labels": "auto"}], **IMAGE, **LIMITS)["scout"]
    plan = plan_found(scout, [{"candidate": 1, "labels": "trivial", "maps": {}}])
    assert names(plan) == ["T", "C2", "C4"]
    assert plan["warnings"] == ["C4: no action on the labels fits better than leaving them in place"]


def test_subgroups_are_left_out_where_two_actions_have_too_many():
    scout = plan_or_scout([{"group": "C4", "labels": "auto"}], **IMAGE, include_subgroups=True, max_candidates=3)[
        "scout"
    ]
    plan = plan_found(scout, found(label_generators=[[1, 0]]))
    assert sorted(names(plan)) == ["C4", "C4 [permutation]", "T"]


@pytest.mark.parametrize(
    ("entry", "data", "field", "text"),
    [
        ({"group": "D4", "labels": "permutation", "on": [0, 1]}, TARGETS, "labels", "regression"),
        ({"group": "O(2)", "labels": "permutation"}, IMAGE, "labels", '"auto"'),
        ({"group": "D4", "labels": "auto", "architecture": "constrained"}, IMAGE, "architecture", "invariant"),
        ({"group": "D4", "labels": "auto", "label_generators": [[1, 0], [0, 1]]}, IMAGE, "labels", "given or found"),
        ({"group": "Q4", "labels": "auto"}, IMAGE, None, "not a group"),
        (
            {"group": "D4", "labels": "matrix", "on": [0, 1], "label_matrices": [[[1.0]]]},
            TARGETS,
            "label_matrices",
            "2 x 2",
        ),
        ({"group": "D4", "labels": "matrix", "on": [0, 1]}, VECTOR, "labels", "classes are permuted"),
        (
            {"group": "C4", "labels": "matrix", "on": [0, 1], "label_matrices": [[[1.0, 1.0], [0.0, 1.0]]]},
            TARGETS,
            "label_matrices",
            "no action",
        ),
        (
            {"group": "C3", "labels": "matrix", "on": [0, 1], "label_matrices": [[[0.0, 1.0], [1.0, 0.0]]]},
            TARGETS,
            "label_matrices",
            "no action",
        ),
        (
            {"group": "C4", "labels": "matrix", "on": [0, 1], "label_matrices": [[[2.0, 0.0], [0.0, 1.0]]]},
            TARGETS,
            "label_matrices",
            "determinant",
        ),
        (
            {"group": "C4", "on": [0, 1], "labels": "sign", "label_matrices": [[[1.0]]]},
            TARGETS,
            "label_matrices",
            "goes with",
        ),
    ],
)
def test_what_cannot_be_an_action_is_refused_with_its_field(entry, data, field, text):
    with pytest.raises(CandidateError, match=text) as refused:
        plan_or_scout([entry], **data, **LIMITS)
    assert (refused.value.index, refused.value.field) == (0, field)


def test_candidates_with_labels_to_be_found_count_twice():
    with pytest.raises(CandidateError, match="count twice"):
        plan_or_scout([{"group": "C4", "labels": "auto"}, "C2"], **IMAGE, include_subgroups=False, max_candidates=2)


def test_targets_turn_as_one_block_or_as_all_of_x():
    blocks = {"group": "C4", "on": [[0, 1], [2, 3]], "labels": "vector"}
    plan = plan_search([blocks], **TARGETS, **LIMITS)
    assert "C4 [vector]" in names(plan)
    whole = plan_search([blocks], **{**TARGETS, "target_dim": 4}, **LIMITS)
    (quarter,) = [c for c in whole["classes"] if c["order"] == 4]
    assert len(quarter["action"]["labels"]) == 4
    one = plan_search([{"group": "C4", "on": [0, 1], "labels": "vector"}], **TARGETS, **LIMITS)
    (quarter,) = [c for c in one["classes"] if c["order"] == 4]
    assert np.allclose(quarter["action"]["labels"], [[0.0, -1.0], [1.0, 0.0]])
    with pytest.raises(CandidateError, match="2 or 4 components"):
        plan_search([blocks], **{**TARGETS, "target_dim": 3}, **LIMITS)


def test_matrices_of_targets_are_an_action_as_given():
    entry = {"group": "custom", "generators": [[1, 0, 2, 3]], "labels": "matrix", "label_matrices": [[[0, 1], [1, 0]]]}
    plan = plan_search([entry], **TARGETS, **LIMITS)
    (exchange,) = plan["classes"]
    assert exchange["action"]["labels"] == [[0.0, 1.0], [1.0, 0.0]]
    assert exchange["title"].endswith("labels: matrix")


def test_label_maps_go_with_generators_in_the_order_given():
    half = [[-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    entry = {"group": "custom", "generators": [half, [0, 1, 3, 2]], "labels": "permutation"}
    plan = plan_search([entry | {"label_generators": [[1, 0, 2], [0, 1, 2]]}], **VECTOR, **LIMITS)
    moved = {c["element"] for c in plan["classes"] if c["action"]["labels"]}
    assert "-x0 [permutation]" in moved
