"""Exercise 01: how many separate regions a mask has, which is not how many objects it shows."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    rng = np.random.default_rng(1)
    two, ring, corner = np.zeros((3, 5, 7), dtype=bool)
    two[1:4, [1, 5]] = True
    ring[1:4, 1:4] = True
    ring[2, 2] = False
    corner[[1, 2], [1, 2]] = True
    return [(mask,) for mask in (two, ring, corner, np.zeros((3, 4), dtype=bool), rng.random((12, 9)) < 0.5)]


@exercise("01", inputs=_inputs)
def regions(mask: np.ndarray) -> int:
    left, found = mask.copy(), 0
    for start in np.argwhere(mask).tolist():
        found += bool(left[tuple(start)])
        reached = [start]
        while reached:
            y, x = reached.pop()
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and left[y, x]:
                left[y, x] = False
                reached += [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
    return found
