"""Exercise 11: the interval of a difference between two rows, from their seeds."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    return [
        ([49.1, 52.0, 50.4], [46.0, 44.8, 47.1]),
        ([55.9, 51.2, 50.1, 47.0, 50.8], [48.9, 50.4, 51.2]),
        ([39.9, 40.3], [35.0, 44.0, 39.0, 41.5]),
    ]


@exercise("11", inputs=_inputs)
def welch_interval(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    terms = np.array([np.var(row, ddof=1) / len(row) for row in (ours, theirs)])
    freedom = terms.sum() ** 2 / (terms**2 / [len(ours) - 1, len(theirs) - 1]).sum()
    gap, half = np.mean(ours) - np.mean(theirs), t.ppf(0.975, freedom) * np.sqrt(terms.sum())
    return float(gap - half), float(gap + half)
