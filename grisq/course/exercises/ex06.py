"""Exercise 06: bilinear interpolation on a grid."""

import numpy as np

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    grid = np.arange(6.0).reshape(2, 3) + 1
    return [(grid, x, y) for x, y in ((0.5, 0.5), (1 / 6, 0.25), (0.4, 0.6), (0.0, 0.0), (1.1, 0.5), (3.0, 0.5))]


@exercise("06", inputs=_inputs)
def bilinear(grid: np.ndarray, x: float, y: float) -> float:
    height, width = grid.shape
    column, row = x * width - 0.5, y * height - 0.5  # a cell's value is that of its center
    total = 0.0
    for i in (int(np.floor(row)), int(np.floor(row)) + 1):
        for j in (int(np.floor(column)), int(np.floor(column)) + 1):
            if 0 <= i < height and 0 <= j < width:
                total += (1 - abs(row - i)) * (1 - abs(column - j)) * grid[i, j]
    return total
