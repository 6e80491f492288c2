"""Exercise 11: what perfect presence would be worth."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(11)
    given = [(rng.random(8), rng.integers(0, 3, 8), rng.random(8) < 0.7) for _ in range(3)]
    given = [(ious.round(4), counts, present) for ious, counts, present in given]
    return [*given, (np.ones(3), np.zeros(3, int), np.ones(3, bool))]


@exercise("13", inputs=_inputs)
def gain_of_the_truth(ious: np.ndarray, target_counts: np.ndarray, predicted_present: np.ndarray) -> float:
    no_target = target_counts == 0
    now = np.where(no_target, ~predicted_present, np.where(predicted_present, ious, 0.0))
    then = np.where(no_target, 1.0, ious)
    return 100 * (then.mean() - now.mean())
