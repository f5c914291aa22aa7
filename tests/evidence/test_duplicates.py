"""Near copies are found and kept together; samples that are merely close are not."""

import numpy as np
import pytest

import workers.samples
from models.groups.plan import plan_search
from workers.evidence.duplicates import NearCopies, across_split, chained, duplicate_warnings, near_links
from workers.samples import load_samples


def leaked(rng, n=300, side=10, jitter=0.02):
    """Smooth images, and jittered copies of 30 % of them."""
    waves = rng.normal(size=(n, 12)) @ rng.normal(size=(12, side * side))
    copies = waves[: int(0.3 * n)] + jitter * waves.std() * rng.normal(size=(int(0.3 * n), side * side))
    return np.concatenate([waves, copies]).reshape(-1, 1, side, side).astype(np.float32)


def test_jittered_copies_are_found_and_nothing_else():
    x = leaked(np.random.default_rng(0))
    pairs = {tuple(p) for p in NearCopies(x, False).pairs().T.tolist()}
    true = {(i, 300 + i) for i in range(90)}
    assert len(pairs & true) >= 88
    assert len(pairs - true) <= 1


@pytest.mark.parametrize("d", [1, 2, 3, 6, 20])
@pytest.mark.parametrize("n", [60, 500, 3000])
def test_dense_vectors_are_not_copies(d, n):
    rng = np.random.default_rng([d, n])
    found = sum(NearCopies(rng.normal(size=(n, d)), True).pairs().shape[1] for _ in range(3))
    assert found <= 1


def test_sparse_samples_are_not_copies():
    rng = np.random.default_rng(5)
    x = np.zeros((4000, 3000), dtype=np.float32)
    for _ in range(3):
        x[np.arange(4000), rng.integers(0, 3000, 4000)] = 1
    x = np.unique(x, axis=0)
    assert NearCopies(x, True).pairs().shape[1] == 0


def test_heavy_tails_clusters_and_grids_are_not_copies():
    rng = np.random.default_rng(1)
    boards = np.unique(rng.integers(0, 3, (900, 9)), axis=0)
    tight = np.concatenate([rng.normal(size=(500, 5)), 4 + 0.01 * rng.normal(size=(500, 5))])
    rounded = np.unique(np.round(rng.normal(size=(1500, 4)), 1), axis=0)
    for x in (boards, tight, rounded, rng.standard_t(2, (1500, 4)), np.exp(rng.normal(size=(1500, 6)))):
        assert NearCopies(x.astype(np.float64), True).pairs().shape[1] == 0


def test_copies_under_an_element_are_found_where_labels_agree():
    rng = np.random.default_rng(2)
    x = leaked(rng, n=200)[:200]
    turned = x[:60, :, ::-1, ::-1] + 0.01 * rng.normal(size=(60, 1, 10, 10)).astype(np.float32)
    both = np.concatenate([x, turned]).astype(np.float32)
    y = rng.integers(0, 2, 200)
    same = np.concatenate([y, y[:60]])
    moves = [(both[:, :, ::-1, ::-1], same)]
    _, links, report = near_links(both, same, moves, standardise=False, classification=True)
    assert report["moved"] >= 118
    assert {tuple(sorted(p)) for p in links[0].T.tolist()} <= {(i, 200 + i) for i in range(60)}
    other = np.concatenate([y, 1 - y[:60]])
    assert near_links(both, other, [(moves[0][0], other)], standardise=False, classification=True)[2]["moved"] == 0


def test_labels_that_copies_disagree_about_are_counted():
    rng = np.random.default_rng(3)
    x = leaked(rng)
    y = rng.integers(0, 2, 300)
    y = np.concatenate([y, y[:90]])
    y[300:309] ^= 1
    x[389] = x[89]
    _, _, report = near_links(x, y, [], standardise=False, classification=True)
    assert (report["equal"], report["disagreeing"]) == (2, 9)
    assert 88 <= report["pairs"] <= 91


def load(tmp_path, x, y, split=None):
    arrays = {"x": x, "y": y, "split": split}
    for name, value in arrays.items():
        if value is not None:
            np.save(tmp_path / f"{name}.npy", value)
    paths = {name: None if v is None else str(tmp_path / f"{name}.npy") for name, v in arrays.items()}
    facts = {"domain": "image2d", "x_shape": list(x.shape[1:]), "task": "classification", "target_dim": None,
             "classes": 2}  # fmt: skip
    plan = plan_search(["D1"], **facts, include_subgroups=True, max_candidates=64)
    return load_samples({"dataset": {**facts, **paths, "groups": None}, "plan": plan, "request": {"folds": 3}})


def test_leaked_copies_share_a_fold_and_are_warned_about(tmp_path):
    rng = np.random.default_rng(4)
    x = leaked(rng)
    samples = load(tmp_path, x, rng.integers(0, 2, len(x)))
    fold = np.zeros(len(x), dtype=int)
    for k, split in enumerate(samples.splits):
        fold[split.test] = k
    assert (fold[:90] == fold[300:]).mean() > 0.97
    first, *_ = duplicate_warnings(samples.duplicates)
    assert first.endswith("they were kept in one fold")
    assert 170 < int(first.split()[0]) <= 182


def test_copies_across_a_given_split_are_warned_about(tmp_path):
    rng = np.random.default_rng(5)
    x = leaked(rng)
    split = np.repeat(np.array([0, 1], dtype=np.int8), [300, 90])
    samples = load(tmp_path, x, rng.integers(0, 2, len(x)), split)
    assert samples.duplicates["split"] >= 88
    assert any("training part" in w for w in duplicate_warnings(samples.duplicates))
    assert across_split(np.array([0, 0, 1]), np.array([0, 1, 1])) == 1
    assert duplicate_warnings(None) == []


def test_a_chain_is_not_a_cluster():
    assert chained(np.repeat([0, 1], [30, 70]))
    assert not chained(np.arange(100) // 10)
    report = {"near": 70, "moved": 0, "example": [0, 1], "chained": True, "split": 0, "pairs": 80, "disagreeing": 0}
    assert "groups" in duplicate_warnings(report)[0]


def test_copies_among_boards_are_called_natural():
    boards = np.random.default_rng(6).integers(0, 3, (200, 3, 3)).astype(np.float32)
    _, _, report = near_links(boards, np.zeros(200, int), iter(()), standardise=False, classification=True)
    assert report["discrete"]
    (said,) = duplicate_warnings(
        report | {"moved": 12, "example": [3, 5], "chained": False, "split": 0, "disagreeing": 0}
    )
    assert "natural" in said
    _, _, dense = near_links(
        leaked(np.random.default_rng(6)), np.zeros(390, int), iter(()), standardise=False, classification=True
    )
    assert not dense["discrete"]


def test_the_search_for_copies_is_limited_by_work_and_says_so(tmp_path, monkeypatch):
    rng = np.random.default_rng(7)
    monkeypatch.setattr(workers.samples, "_MOVED_WORK", 0)
    samples = load(tmp_path, leaked(rng), rng.integers(0, 2, 390))
    assert samples.duplicates["unsearched"] == 1
    assert any("1 of the elements" in w for w in duplicate_warnings(samples.duplicates))
