"""How many trainings it takes to see a difference: the power of the interval of `grisq.analysis.significance`."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import nct, t

MOST_SEEDS = 1000  # more than these nobody trains


def power(effect: float, spreads: Sequence[float], seeds: int, *, pictures: float = 0.0, level: float = 0.95) -> float:
    """Compute how often the interval of a difference between two rows would exclude zero.

    The difference over its standard error follows a noncentral t-distribution, whose degrees of freedom are
    Satterthwaite's, with the spreads taken as known.

    Args:
        effect: the true difference, in points.
        spreads: the standard deviation between the seeds of each row, in points.
        seeds: trainings of each row, at least two.
        pictures: the standard error that other pictures cause, which no further training makes smaller, in points.
        level: coverage of the interval.

    Returns:
        The probability, 0 to 1.
    """
    of_seeds = np.square(spreads) / seeds
    total = of_seeds.sum() + pictures**2
    freedom = total**2 / (of_seeds**2 / (seeds - 1)).sum()  # pictures are many: their term adds nothing
    beyond, shift = t.ppf((1 + level) / 2, freedom), effect / np.sqrt(total)
    return float(nct.sf(beyond, freedom, shift) + nct.cdf(-beyond, freedom, shift))


def seeds_needed(
    effect: float, spreads: Sequence[float], *, pictures: float = 0.0, wanted: float = 0.8, level: float = 0.95
) -> int | None:
    """Find how many trainings of each row it takes to see a difference with the probability `wanted`.

    Args: as `power`.
    Returns:
        The smallest number; None where `MOST_SEEDS` are not enough, because other pictures alone are too uncertain.
    """
    for seeds in range(2, MOST_SEEDS + 1):
        if power(effect, spreads, seeds, pictures=pictures, level=level) >= wanted:
            return seeds
    return None
