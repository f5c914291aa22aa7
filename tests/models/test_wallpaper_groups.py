"""The 17 wallpaper groups: their operations, and how many weights they leave a convolution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.groups.wallpaper import (
    WALLPAPER_NAMES,
    kernel_orbits,
    kernel_parameters,
    pair_orbits,
    point_matrices,
    wallpaper_group,
    window,
)

# name: order of the point group, weights of a kernel of radius 1 and of radius 2 (of 9 and 25, or of 7 and 19).
COUNTS = {
    "p1": (1, 9, 25), "p2": (2, 5, 13), "pm": (2, 6, 15), "pg": (2, 6, 15), "cm": (2, 6, 15), "pmm": (4, 4, 9),
    "pmg": (4, 4, 9), "pgg": (4, 4, 9), "cmm": (4, 4, 9), "p4": (4, 3, 7), "p4m": (8, 3, 6), "p4g": (8, 3, 6),
    "p3": (3, 3, 7), "p3m1": (6, 2, 5), "p31m": (6, 3, 6), "p6": (6, 2, 4), "p6m": (12, 2, 4),
}  # fmt: skip


def cells(name):
    square = wallpaper_group(name).point_group not in ("C1", "C2", "D1", "D2")
    return [(2, 2), (4, 4)] if square else [(2, 2), (4, 2), (2, 4)]


def test_there_are_seventeen():
    assert len(set(WALLPAPER_NAMES)) == 17 == len(COUNTS)
    with pytest.raises(ValueError, match="p31m"):
        wallpaper_group("p5")


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
def test_a_kernel_has_as_many_weights_as_its_point_group_leaves(name):
    order, small, large = COUNTS[name]
    assert len(point_matrices(name)) == order
    assert (kernel_parameters(name, 1), kernel_parameters(name, 2)) == (small, large)


def test_the_p4m_kernel_of_nine_pixels_has_three_weights():
    assert kernel_orbits("p4m", 1).tolist() == [[0, 1, 0], [1, 2, 1], [0, 1, 0]]


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
@pytest.mark.parametrize("radius", [0, 1, 2, 3])
def test_kernel_weights_are_counted_by_fixed_offsets(name, radius):
    """The number of orbits is the mean number of offsets that an element leaves in place (Burnside)."""
    rows, columns = np.nonzero(window(name, radius))
    offsets = np.stack([columns - radius, rows - radius])
    fixed = [(m @ offsets == offsets).all(axis=0).sum() for m in point_matrices(name)]
    assert kernel_parameters(name, radius) == np.mean(fixed)


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
def test_the_operations_form_a_group_modulo_whole_cells(name):
    group = wallpaper_group(name)
    rows = {(*m.ravel().tolist(), *s.tolist()) for m, s in zip(group.matrices, group.shifts, strict=True)}
    for m, s in zip(group.matrices, group.shifts, strict=True):
        assert abs(round(np.linalg.det(m))) == 1
        for n, t in zip(group.matrices, group.shifts, strict=True):
            assert (*(m @ n).ravel().tolist(), *((m @ t + s) % 2).tolist()) in rows
    distinct = {m.tobytes() for m in group.matrices}
    assert len(distinct) == len(point_matrices(name))
    assert len(rows) == len(distinct) * (2 if name in ("cm", "cmm") else 1)


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
def test_every_operation_keeps_distances(name):
    group = wallpaper_group(name)
    metric = np.array([[2, 1], [1, 2]]) if group.hexagonal else 2 * np.eye(2, dtype=np.int64)
    for m in group.matrices:
        assert np.array_equal(m.T @ metric @ m, metric)


@pytest.mark.parametrize("name", ["pg", "pgg"])
def test_glides_leave_no_mirror(name):
    """Every operation with determinant -1 moves every pixel, whatever whole cells are added."""
    group = wallpaper_group(name)
    for m, s in zip(group.matrices, group.shifts, strict=True):
        if np.linalg.det(m) < 0:
            along = np.eye(2, dtype=np.int64) + m  # twice the projection on the axis
            assert ((along @ s) // 2 % 2).any()


def on_torus(name, cell, size):
    """Each operation, and the shift by one cell along each axis, as a permutation of the pixels of a torus."""
    group = wallpaper_group(name)
    (width, height), (rows, columns) = cell, size
    y, x = np.divmod(np.arange(rows * columns), columns)
    moves = []
    still = np.eye(2, dtype=np.int64)
    steps = [(m, s * np.array(cell) // 2) for m, s in zip(group.matrices, group.shifts, strict=True)]
    for m, t in [*steps, (still, (width, 0)), (still, (0, height))]:
        to_x, to_y = m @ np.stack([x, y]) + np.asarray(t)[:, None]
        moves.append((to_y % rows) * columns + to_x % columns)
    return moves


@pytest.mark.parametrize("name", WALLPAPER_NAMES)
def test_maps_with_tied_weights_commute_with_every_operation(name):
    for cell in cells(name):
        size = (8, 8)
        index = pair_orbits(name, cell, 1)
        weights = np.append(np.random.default_rng(0).standard_normal(int(index.max()) + 1), 0.0)  # -1 reads the zero
        matrix = np.zeros((64, 64))
        for y in range(8):
            for x in range(8):
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        weight = weights[index[y % cell[1], x % cell[0], dy + 1, dx + 1]]
                        matrix[y * 8 + x, (y + dy) % 8 * 8 + (x + dx) % 8] += weight
        for moved in on_torus(name, cell, size):
            assert np.array_equal(matrix[np.ix_(moved, moved)], matrix)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(WALLPAPER_NAMES), st.integers(0, 2), st.data())
def test_pair_weights_are_counted_by_fixed_pairs(name, radius, data):
    """Burnside again, on pairs of a pixel of the cell and an offset: no two orbits could be tied further."""
    cell = data.draw(st.sampled_from(cells(name)))
    group = wallpaper_group(name)
    index = pair_orbits(name, cell, radius)
    where = np.argwhere(index >= 0)
    p, d = where[:, [1, 0]], where[:, [3, 2]] - radius
    fixed = []
    for m, s in zip(group.matrices, group.shifts, strict=True):
        moved = (p @ m.T + s * np.array(cell) // 2) % np.array(cell)
        fixed.append(((moved == p).all(axis=1) & (d @ m.T == d).all(axis=1)).sum())
    assert int(index.max()) + 1 == np.mean(fixed)


def test_one_pixel_cells_leave_the_point_group():
    for name in WALLPAPER_NAMES:
        if not wallpaper_group(name).has_glides:
            assert np.array_equal(pair_orbits(name, (1, 1), 2)[0, 0], kernel_orbits(name, 2))


def test_p1_ties_nothing_within_a_cell():
    index = pair_orbits("p1", (3, 2), 1)
    assert index.shape == (2, 3, 3, 3)
    assert len(np.unique(index)) == index.size


def test_hexagonal_windows_have_centred_hexagonal_numbers():
    assert [int(window("p6m", r).sum()) for r in range(4)] == [1, 7, 19, 37]
    assert [int(window("p4", r).sum()) for r in range(4)] == [1, 9, 25, 49]


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [("p4", (4, 2), "equal sides"), ("p6m", (2, 3), "equal sides"), ("pg", (2, 3), "even"), ("pgg", (3, 2), "even"),
     ("cm", (3, 3), "even"), ("p1", (0, 2), "at least one pixel")],
)  # fmt: skip
def test_cells_that_do_not_fit_are_refused(name, cell, message):
    with pytest.raises(ValueError, match=message):
        pair_orbits(name, cell, 1)
