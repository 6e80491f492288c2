"""Exercise 06: how a value read between the cells changes when the spot moves."""

import math

import torch
from torch import Tensor

from grisq.course.exercises.registry import exercise


def _inputs() -> list[tuple]:
    grid = torch.tensor([[1.0, 2.0, 4.0], [8.0, 3.0, -5.0]])
    spots = ((0.5, 0.4), (0.3, 0.7), (0.9, 0.6), (0.05, 0.1), (1.1, 0.5), (3.0, 0.5))
    return [(grid, x, y) for x, y in spots]


@exercise("06", inputs=_inputs)
def location_gradient(grid: Tensor, x: float, y: float) -> tuple[float, float]:
    height, width = grid.shape

    def cell(i: int, j: int) -> float:
        return float(grid[i, j]) if 0 <= i < height and 0 <= j < width else 0.0

    column, row = x * width - 0.5, y * height - 0.5  # in cells, from the center of the first one
    i, j = math.floor(row), math.floor(column)
    s, t = row - i, column - j
    along_x = (1 - s) * (cell(i, j + 1) - cell(i, j)) + s * (cell(i + 1, j + 1) - cell(i + 1, j))
    along_y = (1 - t) * (cell(i + 1, j) - cell(i, j)) + t * (cell(i + 1, j + 1) - cell(i, j + 1))
    return width * along_x, height * along_y  # x and y are fractions: a whole grid is `width` cells wide
