"""Planning: candidates, closure under subgroups, element classes, and every refusal."""

import json
import tracemalloc

import numpy as np
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


def test_groups_that_move_several_planes_alike_have_planar_names():
    planned = plan([{"group": "D4", "on": [[0, 2], [1, 3]], "labels": "vector"}], VECTOR)
    assert {"C4 [vector]", "D2d [vector]", "D1y [vector]"} <= groups(planned)
    turn = next(c for c in planned["classes"] if c["order"] == 4)
    assert turn["element"] == "r90 [vector]"
    assert turn["angle_degrees"] == 90
    both = np.diag([-1.0, 1.0, -1.0, 1.0]).tolist()
    signs = plan([{"group": "custom", "generators": [both]}], VECTOR)
    assert [c["element"] for c in signs["classes"]] == ["-x0 -x2"]


def test_equal_moves_of_other_coordinates_have_titles_of_their_own():
    planned = plan([{"group": "C4", "on": [[0, 1]]}, {"group": "C4", "on": [[2, 3]]}], VECTOR)
    titles = [c["title"] for c in planned["classes"]]
    assert len(set(titles)) == len(titles)
    assert {"rotation by 90° of x0, x1", "rotation by 90° of x2, x3"} <= set(titles)


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
        (["D17"], IMAGE, 0, "not a group"),
        (["SO(3)"], IMAGE, 0, "not a group"),
        (["C8"], {**IMAGE, "x_shape": (1, 7, 7)}, 0, "at least 8 x 8"),
        ([{"group": "C8", "translations": False}], IMAGE, 0, "symmetries of the pixel grid"),
        ([{"group": "SO(2)", "translations": False}], IMAGE, 0, "symmetries of the pixel grid"),
        ([{"group": "p4m", "translations": False}], IMAGE, 0, "name its point group D4"),
        ([{"group": "SO(2)", "labels": "sign"}], IMAGE, 0, "trivial or vector"),
        ([{"group": "Scale", "labels": "vector"}], IMAGE, 0, "as trivial"),
        ([{"group": "O(2)", "labels": "swap"}], THREE, 0, "two classes"),
        ([{"group": "O(2)", "labels": "vector"}], IMAGE, 0, "2 components"),
        ([{"group": "D4", "architecture": "emlp"}], IMAGE, 0, "separable, deformable"),
        ([{"group": "D4", "architecture": 3}], IMAGE, 0, "separable, deformable"),
        ([{"group": "C16", "architecture": "hierarchical"}], IMAGE, 0, "not C16"),
        ([{"group": "C8", "architecture": "constrained"}], IMAGE, 0, "does not fit"),
        ([{"group": "D4", "labels": "sign", "architecture": "constrained"}], IMAGE, 0, "must be trivial"),
        ([{"group": "D4", "translations": False, "architecture": "separable"}], IMAGE, 0, "over translations"),
        ([{"group": "T", "architecture": "separable"}], IMAGE, 0, "no elements"),
        ([{"group": "SO(2)", "architecture": "separable"}], IMAGE, 0, "one architecture only"),
        ([{"group": "S4", "architecture": "separable"}], VECTOR, 0, "emlp"),
        ([{"group": "E", "architecture": "emlp"}], VECTOR, 0, "no elements"),
        ([{"group": "O(4)", "architecture": "emlp"}], VECTOR, 0, "one architecture only"),
        (["SO(3)"], VECTOR, 0, '"on"'),
        (["O(1)"], VECTOR, 0, "2 to 64 coordinates"),
        (["SO(n)"], {**VECTOR, "x_shape": (65,)}, 0, "2 to 64 coordinates"),
        ([{"group": "SO(2)", "on": [[0, 1], [1, 2]]}], VECTOR, 0, "twice"),
        ([{"group": "SO(n)", "on": [[0, 1], [2]]}], VECTOR, 0, "2 coordinates but 1"),
        ([{"group": "SO(2)", "on": [0, 1], "labels": "sign"}], VECTOR, 0, "trivial or vector"),
        ([{"group": "SO(2)", "on": [0, 1], "labels": "vector"}], VECTOR, 0, "2 components"),
        ([{"group": "O(2)", "on": [0, 1], "labels": "sign"}], VECTOR, 0, "2 vectors or more"),
        ([{"group": "S6", "labels": "sign"}], {**VECTOR, "x_shape": (6,)}, 0, "too large to list"),
        ([{"group": "S_n", "on": [[0, 1], [1, 2]]}], VECTOR, 0, "twice"),
        (["S_n x S2"], VECTOR, 0, "not a known group"),
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


def node(planned, name):
    return next(n for n in planned["nodes"] if n["name"] == name)


def below(planned):
    """Every pair (lower, upper) of names in the transitive closure of the covers."""
    names = [n["name"] for n in planned["nodes"]]
    pairs = {(names[a], names[b]) for a, b in planned["covers"]}
    while True:
        more = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not more:
            return pairs
        pairs |= more


def test_every_turn_brings_its_chain_of_finite_turns():
    planned = plan(["SO(2)"], IMAGE)
    assert [n["name"] for n in planned["nodes"]] == ["T", "C2", "C4", "C8", "SO(2)"]
    assert planned["covers"] == [[0, 1], [1, 2], [2, 3], [3, 4]]
    top = node(planned, "SO(2)")
    assert (top["order"], top["bits"], top["classes"]) == (None, 6.0, list(range(7)))
    assert top["spec"] == {
        "domain": "image2d", "translations": True, "kind": "family", "family": "SO(2)", "labels": "trivial",
    }  # fmt: skip
    exact = {c["element"] for c in planned["classes"] if not c["interpolated"]}
    assert exact == {"r180", "r90"}
    assert any("smooth disc" in w for w in planned["warnings"])
    json.dumps(planned, allow_nan=False)


def test_exact_searches_see_the_images_as_they_are():
    planned = plan(["D4"], IMAGE)
    assert not any(c["interpolated"] for c in planned["classes"])
    assert planned["warnings"] == []


def test_mirrors_of_o2_flip_labels_and_turns_do_not():
    planned = plan([{"group": "O(2)", "labels": "sign"}], IMAGE)
    assert groups(planned) == {
        "T", "C2", "C4", "C8", "D1 [sign]", "D1y [sign]", "D4 [sign]", "D8 [sign]", "SO(2)", "O(2) [sign]",
    }  # fmt: skip
    for c in planned["classes"]:
        assert (c["action"]["labels"] is not None) == (c["angle_degrees"] is None)
    assert node(planned, "O(2) [sign]")["spec"]["mirror_labels"] == [[0.0, 1.0], [1.0, 0.0]]
    assert ("SO(2)", "O(2) [sign]") in below(planned)
    assert ("D8 [sign]", "O(2) [sign]") in below(planned)


def test_inclusion_of_plane_groups():
    planned = plan(["C16", "SIM(2)", "O(2)", "D3", {"group": "D4", "labels": "sign"}], IMAGE)
    pairs = below(planned)
    inside = {("C16", "SO(2)"), ("C3", "SO(2)"), ("SO(2)", "O(2)"), ("SO(2)", "SIM(2)"), ("Scale", "SIM(2)"),
              ("D3", "O(2)"), ("C4", "D4 [sign]"), ("T", "Scale")}  # fmt: skip
    assert inside <= pairs
    outside = {("D3", "SO(2)"), ("O(2)", "SIM(2)"), ("SO(2)", "Scale"), ("D4 [sign]", "O(2)"), ("Scale", "O(2)")}
    assert not outside & pairs
    for lower, upper in planned["covers"]:
        assert set(planned["nodes"][lower]["classes"]) <= set(planned["nodes"][upper]["classes"])
        assert planned["nodes"][lower]["bits"] <= planned["nodes"][upper]["bits"]


def test_groups_off_the_grid_are_not_brought_about_the_centre():
    planned = plan(["C8", {"group": "D1", "translations": False}], IMAGE)
    assert {"C4 about the centre", "C8"} <= groups(planned)
    assert "C8 about the centre" not in groups(planned)


def test_wallpaper_groups_are_their_point_group_over_translations():
    planned = plan(["p4g", "D4", "p31m"], IMAGE)
    assert any("a glide is a mirror followed by a shift" in w for w in planned["warnings"])
    assert any("D4 is named twice" in w for w in planned["warnings"])
    assert {"D4", "D3@0", "D1y"} <= groups(planned)
    assert node(planned, "D4")["title"].startswith("p4g: ")
    assert groups(plan(["p1"], IMAGE)) == {"T"}


def test_oblong_images_turn_about_their_centre():
    planned = plan(["C8"], IMAGE, x_shape=(3, 12, 20))
    assert {c["element"]: c["interpolated"] for c in planned["classes"]} == {
        "r180": False, "r90": True, "r45": True,
    }  # fmt: skip


def test_the_architecture_is_kept_in_the_posted_node_alone():
    planned = plan([{"group": "C4", "architecture": "hierarchical"}], IMAGE)
    assert {n["name"]: n["spec"].get("architecture") for n in planned["nodes"]} == {
        "T": None, "C2": None, "C4": "hierarchical",
    }  # fmt: skip
    planned = plan([{"group": "S3", "on": [0, 1, 2], "architecture": "emlp"}], VECTOR)
    assert planned["nodes"][-1]["spec"]["architecture"] == "emlp"


def test_rotations_turn_several_vectors_at_once():
    blocks = [[0, 1, 2], [3, 4, 5]]
    data = {**VECTOR, "x_shape": (7,)}
    posted = [{"group": "O(3)", "on": blocks}, {"group": "O", "on": blocks}, {"group": "C4", "on": [0, 1]}]
    planned = plan(posted, data, include_subgroups=False)
    assert {("O", "O(3)")} <= below(planned)
    assert ("C4", "O(3)") not in below(planned)  # it turns one of the two vectors only
    spec = node(planned, "O(3)")["spec"]
    assert (spec["family"], spec["n"], spec["vectors"], spec["labels"]) == ("O(n)", 3, blocks, "trivial")
    assert set(node(planned, "O")["classes"]) < set(node(planned, "O(3)")["classes"])
    assert groups(plan(posted[:1], data)) == {"E", "SO(3)", "O(3)"}


def test_turns_of_two_coordinates_bring_finite_turns():
    planned = plan([{"group": "SO(2)", "on": [1, 3]}], VECTOR)
    assert groups(planned) == {"E", "C2", "C4", "C8", "SO(2)"}
    assert not any(c["interpolated"] for c in planned["classes"])
    assert {tuple(c["action"]["coordinates"]) for c in planned["classes"]} == {(1, 3)}


def test_labels_turn_with_the_vectors_of_a_family():
    planned = plan([{"group": "O(3)", "labels": "vector"}, "SO(3)"], VECTOR, x_shape=(3,), target_dim=3)
    assert ("SO(3) [vector]", "O(3) [vector]") in below(planned)
    assert ("SO(3)", "O(3) [vector]") not in below(planned)
    for c in planned["classes"]:
        assert c["action"]["labels"] == (c["matrix"] if "[vector]" in c["element"] else None)


def test_many_items_are_a_family_of_sets():
    data = {**VECTOR, "x_shape": (24,)}
    planned = plan([{"group": "S_n", "on": [list(range(12)), list(range(12, 24))]}], data)
    top = planned["nodes"][-1]
    assert (top["name"], top["order"], len(top["classes"])) == ("S12", 479_001_600, 4)
    assert top["spec"]["sets"] == [[[i, i + 12] for i in range(12)]]
    assert any("too many subgroups" in w for w in planned["warnings"])
    for c in planned["classes"]:
        where, images = c["action"]["coordinates"], c["action"]["permutation"]
        moved = dict(zip(where, [where[i] for i in images], strict=True))
        assert all(moved[i + 12] == moved[i] + 12 for i in moved if i < 12)


def test_products_of_items_lie_in_the_whole():
    planned = plan(["S12", "S6 x S6", "S10 x S2", {"group": "S6", "on": [0, 1, 2, 3, 4, 5]}], VECTOR, x_shape=(12,))
    assert {("S6 x S6", "S12"), ("S10 x S2", "S12"), ("S6", "S6 x S6")} <= below(planned)
    assert ("S6", "S10 x S2") in below(planned)
    bits = {n["name"]: n["bits"] for n in planned["nodes"]}
    assert bits["S6"] < bits["S6 x S6"] < bits["S12"] < 16.0
    listed = plan(["S_n"], VECTOR, x_shape=(5,), include_subgroups=False)
    assert listed["nodes"][-1]["spec"]["kind"] == "permutation"


def test_orders_beyond_what_a_column_holds_are_left_out():
    data = {**VECTOR, "x_shape": (300,)}
    planned = plan([{"group": "S_n"}], data)
    assert planned["nodes"][-1]["order"] is None
    assert max(c["order"] for c in planned["classes"]) <= 2**31 - 1


def test_one_family_written_in_several_ways_is_searched_for_once():
    quarter = {"group": "custom", "name": "quarter", "on": [0, 1], "generators": [[[0, -1], [1, 0]]]}
    planned = plan([quarter, {"group": "SO(2)", "on": [0, 1]}, {"group": "SO(2)", "on": [1, 0]}], VECTOR)
    assert ("quarter", "SO(2)") in below(planned)
    assert any("SO(2) is named twice" in w for w in planned["warnings"])
    for one, other in (
        ({"group": "O(2)", "on": [[0, 1], [2, 3]]}, {"group": "O(2)", "on": [[3, 2], [1, 0]]}),
        ({"group": "S6", "on": [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]},
         {"group": "S6", "on": [[7, 6, 8, 9, 10, 11], [1, 0, 2, 3, 4, 5]]}),
    ):  # fmt: skip
        planned = plan([one, other], VECTOR, include_subgroups=False, x_shape=(12,))
        assert len(planned["nodes"]) == 2


def test_long_cycles_are_refused_where_planning_would_take_minutes():
    long = [{"group": "Z_n", "on": list(range(450 + k))} for k in range(3)]
    with pytest.raises(CandidateError, match="elements times coordinates"):
        plan(long, VECTOR, x_shape=(500,), include_subgroups=False)


def test_a_sign_is_that_of_the_element_however_many_blocks_it_moves():
    entry = {"group": "D4", "on": [[0, 1], [2, 3]], "labels": "sign"}
    (node,) = [n for n in plan([entry], VECTOR, x_shape=(4,))["nodes"] if n["order"] == 8]
    assert node["labels"] == "sign"
