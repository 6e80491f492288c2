"""Exercise 15: val expressions about pictures of the training set."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(13)
    drawn = [(rng.integers(0, high, 30), rng.integers(0, high, 12)) for high in (8, 60, 300)]
    return [*drawn, (np.array([1, 2, 2, 3]), np.array([4, 5, 5]))]


@exercise("15", inputs=_inputs)
def leaked(train_images: np.ndarray, val_images: np.ndarray) -> float:
    return 100 * np.isin(val_images, train_images).mean()
