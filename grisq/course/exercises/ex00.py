"""Exercise 00: what one answer earns under the rules of ReLA's evaluator."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    meant, drawn, nothing = np.zeros((3, 4, 5), bool)
    meant[1:3, 2:] = True
    drawn[1:3, 1:4] = True
    return [
        (drawn, meant, 0.7, 0.5),
        (drawn, meant, 0.3, 0.5),
        (drawn, meant, 0.5, 0.5),
        (drawn, nothing, 0.3, 0.5),
        (drawn, nothing, 0.3, 0.2),
        (nothing, nothing, 0.9, 0.5),
        (nothing, meant, 0.9, 0.5),
    ]


@exercise("00", inputs=_inputs)
def earned(mask: np.ndarray, target: np.ndarray, presence: float, threshold: float) -> float:
    present = presence >= threshold
    if not target.any():
        return float(not present)
    return float(present) * (mask & target).sum() / (mask | target).sum()
