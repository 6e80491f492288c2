"""Exercise 13: where a gap in gIoU comes from."""

from typing import NamedTuple

import numpy as np

from grisq.course.exercises.registry import exercise


class Answers(NamedTuple):
    """What a system says to N expressions."""

    ious: np.ndarray  # (N,), 0 to 1, of its masks, whatever it says on presence; meaningless where there is no target
    present: np.ndarray  # (N,) bool, whether it says that there is a target


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(13)
    given = []
    for noticed in (0.7, 0.3, 1.0):
        counts = rng.integers(0, 3, 10)
        ours, theirs = (
            Answers(rng.random(10).round(3), rng.random(10) < np.where(counts > 0, 0.8, 1 - share))
            for share in (noticed, 0.4)
        )
        given.append((ours, theirs, counts))
    return given


@exercise("13", inputs=_inputs)
def parts_of_gap(ours: Answers, theirs: Answers, target_counts: np.ndarray) -> dict[str, float]:
    absent = target_counts == 0

    def points(earned: np.ndarray) -> float:
        return 100 * earned.mean()

    noticed, missed, masks = (
        np.array([points(part) for part in parts])
        for parts in (
            [absent & ~each.present for each in (ours, theirs)],
            [np.where(~absent & ~each.present, each.ious, 0) for each in (ours, theirs)],
            [np.where(absent, 0, each.ious) for each in (ours, theirs)],
        )
    )
    return {
        "presence on no-target": float(noticed[0] - noticed[1]),
        "presence on targets": float(missed[1] - missed[0]),
        "masks": float(masks[0] - masks[1]),
    }
