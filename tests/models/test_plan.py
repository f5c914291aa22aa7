"""Planning: candidates, closure under subgroups, element classes, and every refusal."""

import json
import tracemalloc

import pytest

from models.groups.catalogue import catalogue
from models.groups.errors import CandidateError
from models.groups.plan import plan_search

IMAGE = {"domain": "image2d", "x_shape": (1, 14, 14), "task": "classification", "target_dim": None, "classes": 2}
THREE = {**IMAGE, "classes": 3}
VECTOR = {"domain": "vector", "x_shape": (4,), "task": "regression", "target_dim": 4, "classes": None}


def plan(candidates, data, include_subgroups=True, **changes):
    limit = changes.pop("max_candidates", 64)
    return plan_search(candidates, **{**data, **changes}, include_subgroups=include_subgroups, max_candidates=limit)


def groups(planned):
    return {n["name"] for n in planned["nodes"]}


def test_d4_brings_its_ten_subgroups_over_translations():
    planned = plan(["D4"], IMAGE)
    assert groups(planned) == {"T", "C2", "C4", "D1", "D1y", "D1d", "D1a", "D2", "D2d", "D4"}
    assert [c["element"] for c in planned["classes"]] == ["r180", "ma", "md", "mx", "my", "r90"]
    assert len(planned["covers"]) == 15
    json.dumps(planned)


def test_every_class_of_a_subgroup_is_a_class_of_the_group():
    planned = plan(["D4", "E", {"group": "D2", "translations": False}], IMAGE)
    for lower, upper in planned["covers"]:
        assert set(planned["nodes"][lower]["classes"]) <= set(planned["nodes"][upper]["classes"])


def test_translations_are_tested_when_groups_about_the_centre_compete():
    planned = plan(["T", {"group": "D1", "translations": False}], IMAGE)
    assert groups(planned) == {"E", "T", "D1 about the centre"}
    assert [c["element"] for c in planned["classes"]][:2] == ["shift-x", "shift-y"]
    shifts = {n["name"]: n["classes"] for n in planned["nodes"]}
    assert shifts["T"] == [0, 1]


def test_the_trivial_group_is_always_a_witness():
    assert groups(plan(["C4"], IMAGE, include_subgroups=False)) == {"T", "C4"}
    assert groups(plan(["Inv"], VECTOR, include_subgroups=False)) == {"E", "Inv"}


def test_a_trivial_and_a_sign_action_are_different_elements():
    planned = plan([{"group": "D1"}, {"group": "D1", "labels": "sign"}], IMAGE)
    assert groups(planned) == {"T", "D1", "D1 [sign]"}
    assert [c["element"] for c in planned["classes"]] == ["mx", "mx [sign]"]
    assert [c["action"]["labels"] for c in planned["classes"]] == [None, [[0.0, 1.0], [1.0, 0.0]]]


def test_a_custom_group_of_permutations_meets_the_named_one():
    board = {"group": "custom", "name": "rows", "generators": [[1, 0, 2, 3], [0, 1, 3, 2]]}
    planned = plan([board, "S2 x S2"], VECTOR)
    assert any("the same group as rows" in w for w in planned["warnings"])
    assert len(planned["nodes"]) == 5


def test_blocks_of_coordinates_turn_together():
    planned = plan([{"group": "C4", "on": [[0, 1], [2, 3]], "labels": "vector"}], VECTOR)
    top = planned["nodes"][-1]
    assert (top["order"], top["labels"]) == (4, "vector")
    assert len(planned["classes"][-1]["matrix"]) == 4


def test_too_many_subgroups_fall_back_to_the_named_groups():
    planned = plan(["S4", "Flips"], VECTOR)
    assert groups(planned) == {"E", "S4", "Flips"}
    assert "only the groups that were named" in planned["warnings"][0]


def test_auto_has_an_answer_for_every_shape():
    for shape in [(1, 8, 8), (3, 8, 6)]:
        assert plan("auto", IMAGE, x_shape=shape)["nodes"]
    for d in (1, 2, 3, 4, 5, 9, 200):
        assert plan("auto", VECTOR, x_shape=(d,))["nodes"]


@pytest.mark.parametrize(
    ("candidates", "data", "index", "words"),
    [
        ([], IMAGE, None, "empty"),
        ("some", IMAGE, None, "auto"),
        (["T"] * 65, IMAGE, None, "at most 64"),
        (["T", "XYZ"], IMAGE, 1, "not a group"),
        (["C17"], IMAGE, 0, "not a group"),
        (["S3"], IMAGE, 0, "not a group"),
        ([{"group": "E", "translations": True}], IMAGE, 0, "called T"),
        ([{"group": "T", "translations": False}], IMAGE, 0, "called E"),
        ([{"group": "C4", "generators": [[0, 1]]}], IMAGE, 0, "vectors"),
        ([{"group": "C4", "size": 3}], IMAGE, 0, "unknown field"),
        ([7], IMAGE, 0, "group name"),
        ([{"name": "x"}], IMAGE, 0, "group"),
        ([{"group": "D4", "labels": "vector"}], IMAGE, 0, "2 components"),
        ([{"group": "D4", "labels": "permutation"}], IMAGE, 0, "label_generators"),
        ([{"group": "D4", "labels": "permutation", "label_generators": [[0, 0], [1, 0]]}], IMAGE, 0, "permutations"),
        ([{"group": "D4", "labels": "odd"}], IMAGE, 0, "unknown"),
        ([{"group": "C4", "labels": "permutation", "label_generators": [[1, 2, 0]]}], THREE, 0, "no action"),
        (["T"], {**VECTOR}, 0, "not a known group"),
        (["D4"], VECTOR, 0, '"on"'),
        ([{"group": "D4", "on": [0, 4]}], VECTOR, 0, "from 0 to 3"),
        ([{"group": "D4", "on": [1, 1]}], VECTOR, 0, "twice"),
        (["S9"], VECTOR, 0, "4 are given"),
        ([{"group": "custom"}], VECTOR, 0, "generators"),
        ([{"group": "custom", "generators": [[0, 1, 2, 2]]}], VECTOR, 0, "not a permutation"),
        ([{"group": "custom", "generators": [[[1, 0], [0, 1]]]}], VECTOR, 0, "4 x 4"),
        ([{"group": "custom", "on": [0, 1], "generators": [[[1, 1], [1, 1]]]}], VECTOR, 0, "invertible"),
        ([{"group": "custom", "on": [0, 1], "generators": [[[2, 0], [0, 1]]]}], VECTOR, 0, "determinant"),
        ([{"group": "custom", "on": [0, 1], "generators": [[[1, 1], [0, 1]]]}], VECTOR, 0, "more than"),
        ([{"group": "custom", "on": [0, 1], "generators": [[[float("nan"), 1], [0, 1]]]}], VECTOR, 0, "neither"),
        ([{"group": "D4", "on": [0, 1], "translations": True}], VECTOR, 0, "images"),
        ([{"group": "A4", "labels": "sign"}], VECTOR, 0, "no sign action"),
        (["A7"], {**VECTOR, "x_shape": (7,)}, 0, "choose a smaller group"),
        # Their matrices would fill the memory of the machine before anything could count them.
        (["Flips"], {**VECTOR, "x_shape": (5000,)}, 0, "choose a smaller group"),
        (["×".join(["B999"] * 12)], VECTOR, 0, "choose a smaller group"),
        (["×".join(["S999"] * 11 + ["C2"])], VECTOR, 0, "choose a smaller group"),
        (["Inv"], {**VECTOR, "x_shape": (5000,)}, 0, "at most 1024 coordinates"),
        ([{"group": "Z512", "labels": "sign"}], {**VECTOR, "x_shape": (512,)}, 0, "choose a smaller group"),
        ("auto", {**VECTOR, "x_shape": (5000,)}, None, "no usual list"),
        (["S٤"], VECTOR, 0, "not a known group"),
    ],
)
def test_refusals_name_the_entry_and_the_remedy(candidates, data, index, words):
    with pytest.raises(CandidateError) as caught:
        plan(candidates, data)
    assert caught.value.index == index
    assert words in caught.value.detail


def test_square_groups_refuse_oblong_images():
    with pytest.raises(CandidateError, match="square"):
        plan(["C4"], IMAGE, x_shape=(1, 8, 6))
    assert groups(plan(["D2"], IMAGE, x_shape=(1, 8, 6))) == {"T", "C2", "D1", "D1y", "D2"}


def test_every_catalogue_row_can_be_searched_for():
    for row in catalogue():
        for domain in row["supported"]:
            degree = len(row["generators"][0]) if row["generators"] else 2
            data = IMAGE if domain == "image2d" else {**VECTOR, "x_shape": (degree,), "target_dim": 1}
            planned = plan([row["name"]], data, max_candidates=512)
            top = planned["nodes"][-1]
            assert (top["order"], top["posted"]) == (row["order"], True)
    assert {row["name"] for row in catalogue("image2d")} >= {"E", "T", "C4", "D4"}


def test_planning_shifts_of_many_coordinates_takes_little_memory():
    tracemalloc.start()
    try:
        planned = plan(["Z_n"], VECTOR, x_shape=(120,))
        assert len(planned["nodes"]) == 16  # one subgroup for each divisor
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
