"""Exercise 11: the interval of a mean over a few trainings."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from grisq.course.exercises.registry import exercise


@exercise("11", inputs=lambda: [([40.0, 42.0, 44.0],), ([51.2, 50.1, 53.9, 52.2, 50.8],), ([39.9, 40.3],)])
def t_interval(values: Sequence[float]) -> tuple[float, float]:
    mean, n = np.mean(values), len(values)
    half = t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return float(mean - half), float(mean + half)
