"""Exercise 01: how common the three scenarios are."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(1)
    return [(rng.integers(0, high, 40),) for high in (1, 2, 5)]


@exercise("01", inputs=_inputs)
def shares_by_scenario(target_counts: np.ndarray) -> dict[str, float]:
    scenarios = {
        "no-target": target_counts == 0,
        "single-target": target_counts == 1,
        "multi-target": target_counts > 1,
    }
    return {scenario: 100 * chosen.mean() for scenario, chosen in scenarios.items()}
