import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from grisq.analysis.multiple import holm, p_value
from grisq.analysis.significance import difference, interval_of_shares
from grisq.evaluation.intervals import Difference
from grisq.evaluation.outcomes import COLUMNS


def constant(values, pictures=20):
    """Seeds with these gIoU (as shares) on every picture."""
    at = {name: place for place, name in enumerate(COLUMNS)}
    sums = np.zeros((len(values), pictures, 3, len(COLUMNS)))
    sums[:, :, 0, at["samples"]] = 1
    sums[:, :, 0, at["iou"]] = np.asarray(values)[:, None]
    return sums


def test_the_p_value_is_welchs_where_pictures_do_not_vary():
    groups = [np.array([0.2, 0.3, 0.5, 0.4]), np.array([0.1, 0.15, 0.3])]
    expected = ttest_ind(*groups, equal_var=False).pvalue
    assert p_value(difference(*map(constant, groups), "gIoU")) == pytest.approx(expected)


@pytest.mark.parametrize("shares", [[91.0, 93.0, 95.0], [93.0, 93.5, 94.0]])
def test_it_is_small_exactly_where_the_interval_excludes_the_bound(shares):
    found = interval_of_shares(shares, 2000)
    assert (p_value(found, 90) < 0.05) == (found.low > 90)
    assert p_value(found, found.low) == pytest.approx(0.05)


def test_a_single_training_has_none_and_a_certain_number_has_an_extreme_one():
    assert math.isnan(p_value(Difference(2.0, math.nan, math.nan)))
    assert (p_value(Difference(2.0, 2.0, 2.0)), p_value(Difference(0.0, 0.0, 0.0))) == (0, 1)


def test_holm_by_hand():
    """Holm (1979): 0.01 x 4, 0.02 x 3, 0.03 x 2 = 0.06 as before, 0.2 x 1; the order of the input stays."""
    assert holm([0.03, 0.01, 0.2, 0.02]) == pytest.approx([0.06, 0.04, 0.2, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1, 1]


def test_holm_is_wrong_anywhere_in_one_family_of_twenty():
    rng = np.random.default_rng(0)
    wrong = np.mean([(holm(rng.random(12)) < 0.05).any() for _ in range(4000)])
    assert wrong == pytest.approx(0.05, abs=0.012)
