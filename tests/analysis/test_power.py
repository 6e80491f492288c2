import numpy as np
import pytest
from scipy.stats import ttest_ind

from grisq.analysis.power import power, seeds_needed


@pytest.mark.parametrize(("effect", "seeds"), [(2.0, 6), (1.0, 17), (0.8, 26), (0.5, 64)])
def test_the_numbers_of_the_textbook(effect, seeds):
    """Cohen's table: two groups of equal spread, 5 % two-sided, a power of 80 %; the effect in standard deviations."""
    assert seeds_needed(effect, (1.0, 1.0)) == seeds
    assert power(effect, (1.0, 1.0), seeds - 1) < 0.8 <= power(effect, (1.0, 1.0), seeds)


@pytest.mark.parametrize(("spreads", "seeds"), [((2.0, 2.0), 5), ((3.0, 1.0), 12)])
def test_welchs_test_finds_the_difference_as_often(spreads, seeds):
    rng = np.random.default_rng(0)
    groups = [rng.normal(middle, spread, (4000, seeds)) for middle, spread in zip((2.0, 0.0), spreads)]
    seen = (ttest_ind(*groups, axis=1, equal_var=False).pvalue < 0.05).mean()
    assert power(2.0, spreads, seeds) == pytest.approx(seen, abs=0.03)


def test_without_a_difference_one_in_twenty_intervals_excludes_zero():
    assert power(0.0, (3.0, 1.0), 5, pictures=0.5) == pytest.approx(0.05)


def test_pictures_set_a_limit_that_no_training_removes():
    assert power(2.0, (2.0, 2.0), 5, pictures=0.5) < power(2.0, (2.0, 2.0), 5)
    assert seeds_needed(2.0, (2.0, 2.0), pictures=1.0) is None  # 2 points are two standard errors of 2.8
    assert seeds_needed(4.0, (2.0, 2.0), pictures=1.0) > seeds_needed(4.0, (2.0, 2.0))
