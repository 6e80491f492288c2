"""Exercise 13: the 50-pixel rule."""

from collections.abc import Sequence

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    return [([0, 1, 2, 49, 50], 480, 50), ([0, 1, 2, 5], 96, 50), ([3, 0], 240, 13), ([3, 4], 120, 50)]


@exercise("13", inputs=_inputs)
def predicted_present(pixels: Sequence[int], side: int, least: int) -> np.ndarray:
    return np.asarray(pixels) * (480 / side) ** 2 >= least
