"""Spectra of the defect over angles, axes, scales and centres: planted truths, and what is not told apart."""

import numpy as np
import pytest

from benchmarks.evidence.rendered import TRUTHS, rendered


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
