"""Exercise 09: a presence threshold for data with another share of no-target expressions."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(9)
    given = []
    for n, share in ((12, 0.5), (20, 0.25), (20, 0.75), (16, 1.0)):
        target = np.arange(n) < n // 2
        presence = np.clip(np.where(target, 0.7, 0.45) + 0.2 * rng.normal(size=n), 0, 1).round(3)
        given.append((presence, rng.random(n).round(3) * target, target, share))
    return given


@exercise("09", inputs=_inputs)
def threshold_for(presence: np.ndarray, iou: np.ndarray, target: np.ndarray, share: float) -> float:
    best, highest = 0.0, -1.0
    for threshold in np.arange(101) / 100:
        said = presence >= threshold
        giou = share * (said * iou)[target].mean() + (1 - share) * (~said)[~target].mean()
        if giou > highest + 1e-12:
            best, highest = float(threshold), giou
    return best
