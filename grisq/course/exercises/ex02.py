"""Exercise 02: gIoU and cIoU under the rules of ReLA's evaluator."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(2)
    given = []
    for empty in (0, 1, 2):
        masks, targets = rng.random((2, 4, 3, 5)) < 0.5
        targets[:empty] = False
        given.append((masks, targets, np.array([True, True, False, True])))
        given.append((masks, targets, np.array([False, True, True, True])))
    return given


@exercise("02", inputs=_inputs)
def scores(masks: np.ndarray, targets: np.ndarray, predicted_present: np.ndarray) -> dict[str, float]:
    ious, intersections, unions = [], 0, 0
    for mask, target, present in zip(masks, targets, predicted_present):
        intersection, union = (mask & target).sum(), (mask | target).sum()
        if not target.any():
            ious.append(0.0 if present else 1.0)
            unions += mask.sum() if present else 0
            continue
        ious.append(intersection / union if present else 0.0)
        intersections += intersection if present else 0
        unions += union
    return {"gIoU": 100 * np.mean(ious), "cIoU": 100 * intersections / unions}
