import numpy as np
import pytest

from grisq.evaluation.outcomes import Samples
from grisq.evaluation.recall import recall
from grisq.runtime.errors import InputError


def stored(pixels, covered):
    """Predictions with these objects; what recall does not read is zero."""
    n = len(pixels)
    count = [len(each) for each in pixels]
    return Samples(list(range(n)), list(range(n)), count, [0] * n, [0] * n, [0] * n, None, None, pixels, covered)


def test_recall_by_hand():
    found = recall(
        stored(
            pixels=[[], [10], [10], [8, 8], [8, 8], [4, 4, 4, 4]],
            covered=[[], [5], [4], [8, 0], [8, 3], [4, 4, 4, 2]],
        )
    )
    assert found.objects == {"1": 50.0, "2": 50.0, ">= 3": 100.0}
    assert found.incomplete == pytest.approx(100 * 2 / 3)
    assert found.lost == pytest.approx(100 / 3)


def test_objects_without_a_pixel_do_not_count():
    found = recall(stored(pixels=[[0], [6, 0], [0, 0]], covered=[[0], [6, 0], [0, 0]]))
    assert np.isnan(found.objects["1"])
    assert found.objects["2"] == 100
    assert (found.incomplete, found.lost) == (0, 0)


def test_without_targets_there_is_no_recall():
    found = recall(stored(pixels=[[], []], covered=[[], []]))
    assert np.isnan([*found.objects.values(), found.incomplete, found.lost]).all()


def test_a_result_without_objects_is_refused():
    samples = Samples([0], [0], [1], [5], [5], [5], [0.9], None)
    with pytest.raises(InputError, match="measure the run again"):
        recall(samples)
