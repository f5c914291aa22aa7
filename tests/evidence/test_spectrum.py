"""Spectra of the defect over angles, axes, scales and centres: planted truths, and what is not told apart."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from app.schemas.evidence import SearchEvidence
from benchmarks.evidence.rendered import TRUTHS, rendered
from workers.evidence.curves import families_of, found_curves, refuting, spectra_at
from workers.evidence.findings import findings
from workers.evidence.mirrors import read_mirrors
from workers.evidence.orbits import Witness
from workers.evidence.spectrum import Curve, band, read_centres, read_scales, read_turns
from workers.frame_centres import is_involution


@pytest.mark.parametrize("truth", TRUTHS)
def test_rendered_pictures_show_every_class_and_are_the_same_twice(truth):
    x, y = rendered(truth, 120, 3)
    assert x.shape == (120, 1, 24, 24)
    assert np.bincount(y).min() > 10
    assert np.array_equal(x, rendered(truth, 120, 3)[0])


def test_the_frame_of_rendered_pictures_holds_the_shape():
    x, _ = rendered("O(2)", 200, 0)
    rim = np.abs(x[:, 0, [0, -1], :]).mean()
    assert rim < 0.1 * np.abs(x).mean()


def measured(kind, defect, at, *, rows=1500, noise=0.3, shown=lambda _: 1.0, named=(), seed=0):
    """A curve as a witness that learned .8 of a bit would show it, with noise that points share in part."""
    rng = np.random.default_rng(seed)
    at = np.asarray(at, dtype=float)
    common = rng.normal(0.0, noise, rows)
    excess = np.stack([0.8 * defect(a) + 0.7 * common + 0.7 * rng.normal(0.0, noise, rows) for a in at])
    gains = rng.normal(0.8, 0.3, rows)
    return Curve(kind, at, excess - 0.7 * common.mean(), gains, np.arange(rows), [shown(a) for a in at], named)


def off(a, period):
    """Distance of an angle from the nearest multiple of the period, as a share of the largest."""
    return abs((a + period / 2) % period - period / 2) / (period / 2)


TURNS = sorted({*np.arange(7.5, 181.0, 7.5), 72.0, 144.0, 360 / 7, 3 * 360 / 7, 40.0, 160.0, 36.0})
AXES = np.arange(0.0, 180.0, 7.5)


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16])
def test_the_turns_of_a_cyclic_group_are_told_from_all_others(order):
    curve = measured("turns", lambda a: 2.0 * off(a, 360 / order), TURNS)
    said = read_turns(curve, band(curve, 0.05))
    assert said.supported[-1] == f"C{order}"
    assert said.not_told_apart == ()
    assert all(order % int(name[1:]) == 0 for name in said.supported)


def test_no_turn_costs_anything_where_the_group_is_continuous():
    curve = measured("turns", lambda a: 0.0, TURNS)
    assert read_turns(curve, band(curve, 0.05)).supported[-1] == "SO(2)"


def test_turns_that_cost_little_are_not_told_apart_with_few_samples():
    few = measured("turns", lambda a: 0.06 * off(a, 45.0), TURNS, rows=150)
    said = read_turns(few, band(few, 0.05))
    assert {"C8", "C16", "SO(2)"} <= set(said.not_told_apart)
    many = measured("turns", lambda a: 0.5 * off(a, 45.0), TURNS)
    assert read_turns(many, band(many, 0.05)).supported[-1] == "C8"


def test_a_range_of_angles_is_no_group():
    curve = measured("turns", lambda a: 0.0 if a <= 40 else 3.0 if a >= 120 else 0.02 * (a - 40), TURNS)
    said = read_turns(curve, band(curve, 0.05))
    assert (said.supported, said.not_told_apart) == ((), ())
    assert said.reach[0] == 40.0
    assert 40.0 < said.reach[1] <= 60.0
    assert "up to 40° are within" in said.sentence


def test_turns_beyond_the_data_leave_every_group_possible():
    curve = measured("turns", lambda a: 0.0 if a < 60 else 5.0, TURNS, shown=lambda a: 1.0 if a < 55 else 0.0)
    said = read_turns(curve, band(curve, 0.05))
    assert (said.not_told_apart[0], said.not_told_apart[-1]) == ("C1", "SO(2)")
    assert "no samples turned by 60° or more" in said.sentence


def test_mirrors_of_a_dihedral_group_are_named_by_their_axes():
    curve = measured("mirrors", lambda a: 2.0 * off(a, 45.0), AXES, named=(0.0, 45.0, 90.0, 135.0))
    said = read_mirrors(curve, band(curve, 0.05))
    assert said.supported[-1] == "D4"
    assert (said.not_told_apart, said.between) == ((), ())


def test_a_mirror_between_those_of_the_candidates_is_named_with_its_interval():
    at = sorted({*AXES, *np.arange(3.0, 9.0, 0.5), *np.arange(93.0, 99.0, 0.5)})
    curve = measured("mirrors", lambda a: 2.0 * off(a - 5.7, 90.0), at, named=(0.0, 45.0, 90.0, 135.0))
    said = read_mirrors(curve, band(curve, 0.05))
    assert said.supported[-1].startswith("D2@")
    (first, second) = said.between
    assert first[1] < 5.7 < first[2]
    assert second[1] < 95.7 < second[2]
    assert first[2] - first[1] < 4.0


def test_mirrors_that_the_data_does_not_show_stay_possible():
    curve = measured("mirrors", lambda a: 3.0 * off(a - 90, 180), AXES, shown=lambda a: float(20 < a < 160))
    said = read_mirrors(curve, band(curve, 0.05))
    assert said.supported == ("D1",)
    assert said.not_told_apart == ("D1", "D2")


def test_a_candidates_axis_that_is_neither_excluded_nor_within_is_listed_beside_the_best_one():
    at = sorted({*AXES, 93.5, 94.5, 95.0, 95.5, 96.0, 96.5})
    curve = measured("mirrors", lambda a: 2.0 * off(a - 95.7, 180.0), at, rows=60, named=(90.0,), noise=0.4)
    said = read_mirrors(curve, band(curve, 0.05))
    assert said.between == ()
    assert {"D1", "C1"} <= set(said.not_told_apart)
    assert any(name.startswith("D1@9") for name in said.not_told_apart)


def test_every_mirror_or_none():
    harmless = measured("mirrors", lambda a: 0.0, AXES)
    assert read_mirrors(harmless, band(harmless, 0.05)).supported == ("O(2)",)
    broken = measured("mirrors", lambda a: 1.0, AXES)
    assert read_mirrors(broken, band(broken, 0.05)).supported == ()
    unsure = measured("mirrors", lambda a: 0.05, AXES, rows=100)
    said = read_mirrors(unsure, band(unsure, 0.05))
    assert (said.not_told_apart[0], said.not_told_apart[-1]) == ("C1", "O(2)")


def test_bounds_hold_for_the_whole_curve_at_once():
    misses = 0
    for seed in range(100):
        curve = measured("turns", lambda a: 0.3, TURNS, rows=200, seed=seed)
        low = band(curve, 0.05).low
        misses += bool((low > 0.3).any())
    assert misses <= 11  # 5 expected at the level of .05


def test_scalings_of_a_part_of_the_range():
    curve = measured("scales", lambda f: 0.0 if f < 1.3 else 1.0, [1.09, 1.19, 1.3, 1.41, 2.0])
    said = read_scales(curve, band(curve, 0.05))
    assert said.supported == ()
    assert said.reach == (1.19, 1.3)


def test_of_two_witnesses_on_one_curve_the_better_one_is_heard(tmp_path):
    rng = np.random.default_rng(0)
    trials = {}
    for position, learned in enumerate((0.3, 0.8)):
        here = tmp_path / str(position)
        here.mkdir()
        base = rng.normal(1.0 - learned, 0.1, (1, 400))
        arrays = {"base": base, "constant": np.ones((1, 400)), "cluster": np.arange(400),
                  "spectrum_rows": np.arange(0, 400, 2), "spectrum": rng.normal(0.0, 0.1, (2, 200))}  # fmt: skip
        for name, array in arrays.items():
            np.save(here / f"{name}.npy", array)
        about = {"kind": "turns", "coordinates": [0, 1], "labels": "trivial", "at": [90.0, 180.0], "shown": [1.0, 1.0],
                 "named": [], "towards": []}  # fmt: skip
        files = {name: str(here / name) for name in (f"{n}.npy" for n in arrays)}
        trials[position] = {"metrics": {"spectrum": {"curves": [about]}, "folds": 2}, "arrays": files}
    ((_, curve, learned),) = found_curves(trials)
    assert 0.75 < learned < 0.85
    assert (curve.dependence, len(curve.gains)) == (2.0, 200)


def test_a_centre_off_the_origin_is_found_with_its_interval():
    curve = measured("centres", lambda c: abs(c - 0.4), np.arange(-1.0, 1.01, 0.1))
    said = read_centres(curve, band(curve, 0.05))
    ((place, low, high),) = said.between
    assert abs(place - 0.4) < 1e-9
    assert low < 0.4 < high


@pytest.mark.slow
def test_a_tilted_mirror_and_a_moved_centre_show_in_a_search_on_vectors(search):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2)).astype(np.float32)
    radius, angle = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    y = np.cos(2 * (angle - 0.1)) * radius + 0.05 * rng.normal(size=500)
    ranking, _, trials = search(x, y.astype(np.float32), ["D4"], task="regression", only=[0])
    spectra = {s["kind"]: s for s in ranking["evidence"]["spectrum"] if len(s["coordinates"]) == 2}
    assert spectra["turns"]["groups_supported"] == ["C2"]
    assert any(p["low"] < 5.73 < p["high"] for p in spectra["mirrors"]["between"])
    assert any("over mirrors" in w and "between those of the candidates" in w for w in ranking["warnings"])
    assert trials[0]["metrics"]["spectrum"]["seconds"] > 0

    shifted = x + np.float32([0.5, 0.0])
    y = np.abs(shifted[:, 0] - 0.5) + np.sin(shifted[:, 1])
    ranking, _, _ = search(shifted, y.astype(np.float32), ["Flips"], task="regression", only=[0])
    (moved,) = [s for s in ranking["evidence"]["spectrum"] if s["kind"] == "centres" and s["between"]]
    assert moved["coordinates"] == [0]
    assert moved["between"][0]["low"] < 0.5 < moved["between"][0]["high"]
    assert SearchEvidence.model_validate(ranking["evidence"]).spectrum


def test_an_angle_between_the_probes_refutes_a_continuous_group(search):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 2)).astype(np.float32)
    y = np.sign(np.cos(4 * np.arctan2(x[:, 1], x[:, 0]))).astype(np.float32)
    ranking, plan, trials = search(x, y, ["SO(2)"], task="regression", only=[0])
    (turns,) = [s for s in ranking["evidence"]["spectrum"] if s["kind"] == "turns"]
    assert turns["groups_supported"][-1:] in (["C4"], [])
    assert "SO(2)" not in turns["not_told_apart"]
    family = next(n["spec"] for n in plan["nodes"] if n["spec"]["kind"] == "family")
    found = spectra_at(found_curves({0: trials[0]}), 0.05)
    assert families_of(found, [family]) == 2
    (against,) = refuting(found, family, 2)
    assert against.refuted
    assert against.log2_bayes_factor < 0
    assert refuting(found, {**family, "labels": "vector"}, 2) == []
    assert families_of(found, [{**family, "labels": "vector"}]) == 1


def test_classes_and_curves_share_one_level():
    """With every defect at the tolerance, a class or an angle is refuted in a twentieth of all searches at most."""
    rng = np.random.default_rng(5)
    plan = {"nodes": [], "classes": [{"element": "r90", "title": "a quarter turn", "interpolated": False}]}
    spec = {"kind": "family", "family": "SO(2)", "labels": "trivial"}
    about = {"kind": "turns", "coordinates": [], "labels": "trivial"}
    rejected = {1: 0, 2: 0}
    runs, n, at = 200, 200, np.arange(15.0, 181.0, 15.0)
    for _ in range(runs):
        gain = rng.normal(1.0, 0.2, n)
        cluster, one, many = np.arange(n), rng.normal(size=n), rng.normal(size=(len(at), n))
        excess = 0.05 * gain + 0.6 * one
        witness = Witness("w", np.zeros(n), gain, excess[None], cluster)
        shown = [{"status": "shown", "p_value": 1.0}]
        curve = Curve("turns", at, 0.05 * gain + 0.6 * many, gain, cluster, [1.0] * len(at))
        spectra = spectra_at([(about, curve, 0.5)], 0.05)
        assert families_of(spectra, [spec]) == 2
        for families in (1, 2):
            classes, _ = findings(plan, shown, [witness]).at(0.05, families)
            rejected[families] += any(c.refuted for c in [*classes, *refuting(spectra, spec, families)])
    assert rejected[2] <= 0.05 * runs + 2 * (0.05 * 0.95 * runs) ** 0.5
    assert rejected[1] > rejected[2]


def centred_pictures(rng, n, right, down, phase=0.0):
    """Smooth noise of 14 x 14; whether its product with a wave about this centre is positive. Even where phase is 0."""
    y, x = np.mgrid[:14, :14] - 6.5
    y, x = y - down, x - right
    pictures = gaussian_filter(rng.normal(size=(n, 1, 14, 14)), (0, 0, 1, 1))
    wave = np.cos(1.1 * y + 0.5 * x + phase) * np.exp(-(x**2 + y**2) / 12)
    return (pictures / pictures.std()).astype(np.float32), ((pictures * wave).sum((1, 2, 3)) > 0).astype(np.int64)


@pytest.mark.slow
def test_a_centre_beside_the_middle_of_the_frame_is_named(search):
    x, y = centred_pictures(np.random.default_rng(0), 1200, 0.5, 1.0)
    ranking, _, _ = search(x, y, [{"group": "C2", "translations": False}], only=[0])
    (found,) = [s for s in ranking["evidence"]["spectrum"] if s["kind"] == "centres"]
    (place,) = found["between"]
    best = found["at"].index(place["at"])
    assert "0.5 px right and 1 px below the middle" in found["sentence"]
    assert [0.5, 1.0] in [o for o, a in zip(found["offsets"], found["at"], strict=True) if a == found["at"][best]]
    assert "0.5 px right and 1 px below" in ranking["summary"]
    assert SearchEvidence.model_validate(ranking["evidence"]).spectrum


@pytest.mark.slow
@pytest.mark.parametrize("phase", [0.0, 0.9])
def test_no_other_centre_is_named_where_the_frame_has_it_or_there_is_none(search, phase):
    x, y = centred_pictures(np.random.default_rng(1), 1200, 0.0, 0.0, phase)
    ranking, _, _ = search(x, y, [{"group": "C2", "translations": False}], only=[0])
    (found,) = [s for s in ranking["evidence"]["spectrum"] if s["kind"] == "centres"]
    assert found["between"] == []
    assert found["state"][0] == ("refuted" if phase else found["state"][0])
    assert "px" not in ranking["summary"]


def test_nothing_is_said_of_centres_where_nothing_was_learned(search):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((60, 1, 8, 8)).astype(np.float32), rng.integers(0, 2, 60)
    ranking, _, trials = search(x, y, [{"group": "C2", "translations": False}], only=[0], epochs=2)
    assert ranking["evidence"]["spectrum"] is None
    assert trials[0]["metrics"]["spectrum"]["warnings"] == []


def test_both_pictures_of_a_pair_lose_the_same_crop():
    """A half turn about a shifted centre takes the part of the frame that is shown to itself, pixel by pixel."""
    half = {"matrix": [[-1.0, 0.0], [0.0, -1.0]], "coordinates": [0, 1], "labels": None, "interpolated": False}
    mirror = {**half, "matrix": [[-1.0, 0.0], [0.0, 1.0]]}
    assert all(is_involution(half, shift, (6, 8)) for shift in ((0, 0), (2, -3), (-1, 4)))
    assert is_involution(mirror, (0, 3), (6, 8))
    assert not is_involution(mirror, (1, 0), (6, 8))


@pytest.mark.slow
def test_a_constant_beside_the_plane_changes_nothing_of_its_spectra(search):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(160, 2))
    y = ((x**2).sum(1) > 1.3).astype(np.int64)
    said = []
    for constant in (0.0, 1e6):
        columns = np.column_stack([x, np.full(len(x), constant)]).astype(np.float32)
        ranking, _, _ = search(columns, y, [{"group": "O(2)", "on": [0, 1]}], epochs=3, only=[0])
        said.append([s["sentence"] for s in ranking["evidence"]["spectrum"]])
    assert said[0] == said[1]
    assert any("SO(2)" in sentence for sentence in said[0])
