"""Many comparisons at once: p-values of differences, and Holm's correction of them."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from grisq.evaluation.intervals import Difference


def p_value(found: Difference, bound: float = 0.0) -> float:
    """Compute how often a number this far from the bound, or farther, would be seen if the truth were the bound.

    Two-sided, so it is below 5 % where the 95 % interval excludes the bound.

    Returns:
        0 to 1; nan where there is no interval.
    """
    if not found.has_interval:
        return math.nan
    if math.isnan(found.error):  # every training and every picture says the same
        return float(found.value == bound)
    return float(2 * t.sf(abs(found.value - bound) / found.error, found.freedom))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Correct p-values for their number by Holm's method: at most 5 % to be wrong in any of those that stay below 5 %.

    The smallest of m is multiplied by m, the next by m - 1, and so on, and none becomes smaller than the one before
    it. It holds however the comparisons depend on each other.

    p_values: (m,), without nan. -> corrected ones in the same order, (m,), at most 1.
    """
    values = np.asarray(p_values, dtype=float)
    order = values.argsort()
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    return corrected
