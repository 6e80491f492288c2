"""Exercise 15: a split that keeps near-duplicate pictures on one side."""

from collections.abc import Sequence

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    """A chain named from its far end, a bridge that no expression is about, nothing alike, and pairs at random."""
    found = [
        (np.array([1, 1, 2, 3, 4, 5, 5]), [(1, 2), (2, 3), (4, 5)], [3]),
        (np.array([10, 30, 30, 40]), [(20, 30), (20, 10), (50, 40)], [10]),
        (np.array([7, 8, 8, 9]), [], [8, 9]),
        (np.array([7, 8, 8, 9]), [(8, 9)], []),
    ]
    for pictures, pairs in ((40, 20), (60, 35)):
        rng = np.random.default_rng(pictures)
        ids = 10 * rng.permutation(pictures) + 3
        alike = [(int(one), int(other)) for one, other in rng.choice(ids, (pairs, 2))]
        found.append((rng.choice(ids, 3 * pictures), alike, [int(each) for each in rng.choice(ids, 4, replace=False)]))
    return found


@exercise("15", inputs=_inputs)
def held_out(image_ids: np.ndarray, alike: Sequence[tuple[int, int]], chosen: Sequence[int]) -> np.ndarray:
    taken, grown = set(), set(chosen)
    while grown != taken:
        taken = grown
        grown = taken | {b for a, b in alike if a in taken} | {a for a, b in alike if b in taken}
    return np.isin(image_ids, [*taken])
