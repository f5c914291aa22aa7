"""The planted sets of the label actions: what their docstrings promise."""

import numpy as np
import pytest

from benchmarks.evidence.label_tasks import PLANTED, best_agreement, gradients, quarter_turns
from benchmarks.planted_images import turned
from models.groups.planar import planar_generators


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_set_is_the_same_for_the_same_seed_and_another_for_another(name):
    one, again, other = PLANTED[name](100, 3), PLANTED[name](100, 3), PLANTED[name](100, 4)
    assert np.array_equal(one.x, again.x)
    assert np.array_equal(one.y, again.y)
    assert not np.array_equal(one.x, other.x)
    assert np.isfinite(one.x).all()


def test_gradients_turn_as_their_planted_action_says():
    task = gradients(400, slope=0.5)
    side = task.x.shape[-1]
    along = np.arange(side) - (side - 1) / 2

    def steepest(x):
        right, down = (x * along).sum((1, 2)), (x * along[:, None]).sum((1, 2))
        return np.argmax([right, down, -right, -down], axis=0)

    assert (steepest(task.x) == task.y).all()
    for generator, image in zip(planar_generators("D4"), task.action, strict=True):
        assert (steepest(turned(task.x, generator)) == np.asarray(image)[task.y]).all()


def test_no_permutation_of_the_classes_undoes_a_mirror_of_the_quarter_turns():
    assert quarter_turns(400).least >= 0.2


def test_the_best_agreement_is_that_of_the_right_permutation():
    y = np.array([0, 0, 1, 1, 2, 2])
    assert best_agreement(y, np.array([1, 1, 2, 2, 0, 0]), 3) == 1.0
    assert best_agreement(y, np.array([1, 0, 2, 2, 0, 0]), 3) == pytest.approx(5 / 6)
