"""Exercise 10: the learning rate at a step."""

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    return [(0, 100, 1e-3, 0.9, 0), (50, 100, 1e-3, 0.9, 10), (4, 100, 2.5e-5, 0.9, 10), (10, 40, 1.0, 2.0, 10)]


@exercise("10", inputs=_inputs)
def rate(step: int, steps: int, base: float, power: float, warmup: int) -> float:
    value = base * (1 - step / steps) ** power
    return value * (step + 1) / warmup if step < warmup else value
