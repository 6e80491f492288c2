"""Exercise 02: Matthews' correlation of presence from what tables print."""

import math

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    return [
        (60.0, 95.0, 0.41),
        (100.0, 0.0, 0.41),
        (0.0, 100.0, 0.3),
        (50.0, 50.0, 0.5),
        (60.0, 95.0, 0.626),
        (0, 0, 0.2),
    ]


@exercise("02", inputs=_inputs)
def mcc(n_acc: float, t_acc: float, no_target: float) -> float:
    rejections, false_alarms = no_target * n_acc, no_target * (100 - n_acc)
    hits, misses = (1 - no_target) * t_acc, (1 - no_target) * (100 - t_acc)
    square = (hits + misses) * (rejections + false_alarms) * (hits + false_alarms) * (rejections + misses)
    if square == 0:
        return 0.0
    return 100 * (hits * rejections - misses * false_alarms) / math.sqrt(square)
