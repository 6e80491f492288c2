"""Exercise 10: the sign test."""

import math

from grisq.course.exercises.registry import exercise


@exercise("10", inputs=lambda: [(6, 1), (1, 6), (50, 50), (9, 0), (61, 39)])
def sign_p(wins: int, losses: int) -> float:
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(max(wins, losses), n + 1)) / 2**n
    return min(1.0, 2 * tail)
