"""The calibration curve, counted by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from grisq.evaluation.calibration import calibration, calibration_table
from grisq.runtime.errors import InputError


def test_bins_and_error_counted_by_hand():
    """Below one half: 0.1 and 0.3, one of two present. From one half on: 0.5, 0.9 and 1.0, two of three present."""
    found = calibration([0.1, 0.3, 0.5, 0.9, 1.0], [False, True, False, True, True], bins=2)
    low, high = found.bins
    assert (low.low, low.high, low.n, low.predicted, low.observed) == (0, 0.5, 2, pytest.approx(0.2), 0.5)
    assert (high.n, high.predicted, high.observed) == (3, pytest.approx(0.8), pytest.approx(2 / 3))
    assert found.ece == pytest.approx((2 * 0.3 + 3 * (0.8 - 2 / 3)) / 5)
    assert (found.n, found.predicted, found.observed) == (5, pytest.approx(0.56), 0.6)
    table = calibration_table(found)
    assert table.iloc[1].tolist() == ["50% to 100%", 3, "80.0%", "66.7%"]


def test_the_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    p = rng.random(500) ** 3
    p = p[(10 * p) % 1 > 1e-6]  # scikit-learn puts what lies on an edge into the bin below
    y = rng.random(len(p)) < p / 2
    observed, predicted = calibration_curve(y, p, n_bins=10)
    filled = [each for each in calibration(p, y).bins if each.n]
    np.testing.assert_allclose([each.observed for each in filled], observed)
    np.testing.assert_allclose([each.predicted for each in filled], predicted)


def test_empty_bins_hold_nothing_and_no_expression_is_an_error():
    found = calibration([0.05, 0.95], [False, True])
    assert [each.n for each in found.bins] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found.bins[4].predicted is None
    assert len(calibration_table(found)) == 2
    with pytest.raises(InputError, match="no expression"):
        calibration([], [])
    with pytest.raises(InputError, match="outside of 0 to 1"):
        calibration([2.0], [True])
