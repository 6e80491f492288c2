"""Exercise 03: how often a batch gets a mosaic."""

from grisq.course.exercises.registry import exercise


@exercise("03", inputs=lambda: [(12, 0.05), (27, 0.05), (6, 0.05), (1, 0.5), (4, 1.0)])
def mosaic(singles: int, tau: float) -> float:
    none = (1 - tau) ** singles
    one = singles * tau * (1 - tau) ** (singles - 1)
    return 1 - none - one
