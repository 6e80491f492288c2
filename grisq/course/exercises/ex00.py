"""Exercise 00: how much of a picture a prediction covers."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:] = True
    return [(mask, 0.7, 0.5), (mask, 0.3, 0.5), (mask, 0.5, 0.5), (~mask, 0.3, 0.2)]


@exercise("00", inputs=_inputs)
def share(mask: np.ndarray, presence: float, threshold: float) -> float:
    return 100 * mask.mean() if presence >= threshold else 0.0
